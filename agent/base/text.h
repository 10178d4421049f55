// SPDX-License-Identifier: Apache-2.0
// Text from outside (names, annotations, answers of servers, files) made fit for a line of a log
// and for a terminal. Pure. Whatever shows such text to a person goes through here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast {

inline constexpr std::size_t kLineLimit = 4096;  // bytes of a log line or a message
inline constexpr std::size_t kCellLimit = 1024;  // bytes of a cell of a table, of a member

// Printable UTF-8 stays. A byte that is no UTF-8 becomes \xNN; control characters, line separators
// and the format characters of Unicode that hide or turn text around (bidi overrides, zero widths,
// tags) become \n, \t, \r, \xNN or \u{NNNN}. What is longer than `limit` loses its middle, with a
// mark: a message begins with what failed and ends with its cause. A backslash stays as it is, so
// that text which passes through twice is as after the first time.
std::string printable(std::string_view text, std::size_t limit = kLineLimit);

// The same for text of several lines, each by itself.
std::string printable_lines(std::string_view text);

// JSON as written by a library that leaves such characters, and bytes that are no UTF-8, in its
// strings: the same value, with \uNNNN for the characters and U+FFFD for the bytes.
std::string printable_json(std::string_view json);

}  // namespace holdfast
