// SPDX-License-Identifier: Apache-2.0
// A tar archive of small text files, compressed: POSIX ustar (IEEE Std 1003.1, pax) in gzip.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/result.h"

namespace holdfast::cli {

struct ArchiveFile {
  std::string name;  // at most 100 bytes, relative
  std::string content;
};

// All of one time, seconds since 1970; mode 0600. exhausted: too long for the format.
Result<std::string> make_archive(const std::vector<ArchiveFile>& files, std::uint64_t time);

}  // namespace holdfast::cli
