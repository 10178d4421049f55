// SPDX-License-Identifier: Apache-2.0
#include "agent/net/pem.h"

#include <openssl/evp.h>

#include "agent/net/tls.h"

namespace holdfast::net {

Result<std::string> decode_base64(std::string_view text) {
  std::string packed;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') packed += c;
  }
  const auto padding = packed.size() - (packed.find_last_not_of('=') + 1);
  // OpenSSL takes '=' in the middle for zero bits.
  const bool stray = packed.find('=') < packed.size() - padding;
  if (packed.size() % 4 != 0 || padding > 2 || stray)
    return fail(Errc::invalid, "not base64: its length or padding is wrong");
  std::string decoded(packed.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                     reinterpret_cast<const unsigned char*>(packed.data()),
                                     static_cast<int>(packed.size()));
  if (length < 0) return fail(Errc::invalid, "not base64: a character that does not belong there");
  decoded.resize(static_cast<std::size_t>(length) - padding);
  return decoded;
}

Result<> check_tls(const TlsSettings& settings) {
  const auto made = make_tls_context(settings);
  if (!made) return Failure(made.error());
  return {};
}

}  // namespace holdfast::net
