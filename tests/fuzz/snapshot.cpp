// SPDX-License-Identifier: Apache-2.0
// Any bytes as a generation on disk: as they are, and with the checksum that they would need, since
// nothing else would ever get past it. What is read is written again and read the same.
#include "agent/snapshot/snapshot.h"

#include <openssl/evp.h>

#include "tests/fuzz/well_formed.h"

namespace {

std::string sealed(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  const int made = EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr);
  holdfast::fuzz::expect(made == 1, "a digest is made");
  return std::string(bytes).append(reinterpret_cast<const char*>(digest), length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)decode(bytes);
  const auto read = decode(sealed(bytes));
  if (!read) return 0;
  const std::string written = encode(*read);
  const auto again = decode(written);
  fuzz::expect(again.has_value(), "what was written can be read");
  fuzz::expect(encode(*again) == written, "it is read as it was written");
  return 0;
}
