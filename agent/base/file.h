// SPDX-License-Identifier: Apache-2.0
// Whole small files. Paths are used as given; errors name the path.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace holdfast {

// Refuses a file longer than `limit` bytes (Errc::exhausted) and anything but a regular file.
Result<std::string> read_file(const std::string& path, std::size_t limit);

// Writes "<path>.new", fsyncs it, renames it over `path` and fsyncs the directory: after a crash
// there is the old content or the new, never a part.
Result<> replace_file(const std::string& path, std::string_view content, unsigned mode);

}  // namespace holdfast
