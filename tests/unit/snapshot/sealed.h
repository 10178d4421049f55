// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <string>

namespace holdfast {

// With the checksum made right again: what only the parser can refuse.
inline std::string sealed(std::string bytes) {
  constexpr std::size_t kDigest = 32;
  bytes.resize(bytes.size() - kDigest);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EXPECT_EQ(EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr), 1);
  return bytes.append(reinterpret_cast<const char*>(digest), length);
}

}  // namespace holdfast
