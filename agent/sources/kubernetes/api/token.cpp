// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/token.h"

#include <algorithm>

#include "agent/base/file.h"

namespace holdfast::kubernetes {

Result<std::string> clean_token(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string::npos) return fail(Errc::invalid, "the token is empty");
  std::string token = text.substr(first, text.find_last_not_of(kSpace) - first + 1);
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; }))
    return fail(Errc::invalid, "the token has a character in it that no token has");
  return token;
}

Result<std::string> read_token(const std::string& path) {
  constexpr std::size_t kLongest = 64 << 10;
  const auto text = read_file(path, kLongest);
  if (!text) return Failure(text.error());
  auto token = clean_token(*text);
  if (!token) return within(path, token.error());
  return token;
}

}  // namespace holdfast::kubernetes
