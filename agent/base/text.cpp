// SPDX-License-Identifier: Apache-2.0
#include "agent/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace holdfast {
namespace {

struct Character {
  std::size_t length = 1;  // bytes
  bool valid = false;      // UTF-8
  std::uint32_t code = 0;  // if valid
};

bool continues(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

// The first character of `text`, which is not empty: RFC 3629, so neither overlong forms nor
// surrogates nor anything above U+10FFFF.
Character first_of(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {1, true, lead};
  const std::size_t length = lead < 0xc2   ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || text.size() < length) return {};
  std::uint32_t code = lead & (0xffu >> (length + 1));
  for (std::size_t at = 1; at < length; ++at) {
    if (!continues(text[at])) return {};
    code = code << 6 | (static_cast<unsigned char>(text[at]) & 0x3fu);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeast[length] || surrogate || code > 0x10ffff) return {};
  return {length, true, code};
}

// Unicode's categories Cc, Zl and Zp, and of Cf what hides or reorders the text around it.
bool harmful(std::uint32_t code) {
  struct Range {
    std::uint32_t first, last;
  };
  constexpr Range kRanges[] = {{0, 0x1f},        {0x7f, 0x9f},      {0xad, 0xad},
                               {0x61c, 0x61c},   {0x180e, 0x180e},  {0x200b, 0x200f},
                               {0x2028, 0x202e}, {0x2060, 0x206f},  {0xfeff, 0xfeff},
                               {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [code](const Range& one) { return code >= one.first && code <= one.last; });
}

std::string escaped(std::string_view text, const Character& one) {
  if (!one.valid) return fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
  if (!harmful(one.code)) return std::string(text.substr(0, one.length));
  if (one.code == '\n') return "\\n";
  if (one.code == '\r') return "\\r";
  if (one.code == '\t') return "\\t";
  return one.code < 0x80 ? fmt::format("\\x{:02x}", one.code)
                         : fmt::format("\\u{{{:04x}}}", one.code);
}

// Of what `text` becomes, as much as `room` bytes hold; `read`: so much of `text` is in it.
std::string head_of(std::string_view text, std::size_t room, std::size_t& read) {
  std::string result;
  for (read = 0; read < text.size();) {
    const Character one = first_of(text.substr(read));
    const std::string piece = escaped(text.substr(read), one);
    if (result.size() + piece.size() > room) break;
    result += piece;
    read += one.length;
  }
  return result;
}

// Of what the end of `text` becomes, as much as `room` bytes hold. No character is shorter escaped
// than it was, so its last `room` bytes are enough to look at.
std::string tail_of(std::string_view text, std::size_t room) {
  std::size_t from = text.size() - std::min(text.size(), room);
  for (int skipped = 0; skipped < 3 && from < text.size() && continues(text[from]); ++skipped)
    ++from;
  std::string result;
  std::size_t read = 0;
  while (from < text.size()) {
    result = head_of(text.substr(from), room, read);
    if (from + read == text.size()) break;
    from += std::max<std::size_t>(first_of(text.substr(from)).length, (text.size() - from) / 16);
    while (from < text.size() && continues(text[from])) ++from;
    result.clear();
  }
  return result;
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  std::size_t read = 0;
  std::string whole = head_of(text, limit, read);
  if (read == text.size()) return whole;
  const std::string mark = fmt::format("...({} bytes)...", text.size());
  if (limit <= mark.size()) return mark.substr(0, limit);
  const std::size_t room = limit - mark.size();
  return head_of(text, room - room / 2, read) + mark + tail_of(text, room / 2);
}

std::string printable_lines(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    result += printable(text.substr(0, end));
    if (end == std::string_view::npos) break;
    result += '\n';
    text.remove_prefix(end + 1);
  }
  return result;
}

std::string printable_json(std::string_view json) {
  std::string result;
  result.reserve(json.size());
  for (std::size_t at = 0; at < json.size();) {
    const Character one = first_of(json.substr(at));
    if (!one.valid) {
      result += "\\ufffd";
    } else if (one.code < 0x80 ? one.code == 0x7f : harmful(one.code)) {
      // Below 0x80 only DEL: the library has escaped the rest, and a line break is no string's.
      if (one.code < 0x10000) {
        result += fmt::format("\\u{:04x}", one.code);
      } else {  // a pair of surrogates, RFC 8259 section 7
        const std::uint32_t rest = one.code - 0x10000;
        result += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
      }
    } else {
      result += json.substr(at, one.length);
    }
    at += one.length;
  }
  return result;
}

}  // namespace holdfast
