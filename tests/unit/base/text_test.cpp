// SPDX-License-Identifier: Apache-2.0
// Text from outside on a line of a log: it cannot end the line, colour it, turn it around or fill a
// disk, and ordinary text is as it was.
#include "agent/base/text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast {
namespace {

TEST(Text, OrdinaryTextStays) {
  for (const char* text : {"", "default/song", "müller", "漢字", "😀", "C:\\temp", "a \"b\" 'c'"})
    EXPECT_EQ(printable(text), text);
}

TEST(Text, WhatEndsOrColoursALineIsEscaped) {
  EXPECT_EQ(printable("a\nready true"), "a\\nready true");
  EXPECT_EQ(printable("a\r\tb"), "a\\r\\tb");
  EXPECT_EQ(printable("\x1b[31mred\x1b]0;title\x07"), "\\x1b[31mred\\x1b]0;title\\x07");
  EXPECT_EQ(printable(std::string_view("a\0b\x7f", 4)), "a\\x00b\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m\xc2\x85"),
            "\\u{009b}31m\\u{0085}");  // C1: CSI, NEL
  EXPECT_EQ(printable("a\xe2\x80\xa8"
                      "b\xe2\x80\xa9"),
            "a\\u{2028}b\\u{2029}");
}

TEST(Text, WhatTurnsOrHidesTextIsEscaped) {
  for (const auto& [text, shown] : {std::pair{"\xe2\x80\xae"
                                              "gpj",
                                              "\\u{202e}gpj"},
                                    {"\xe2\x80\xaa", "\\u{202a}"},
                                    {"\xe2\x81\xa6", "\\u{2066}"},
                                    {"\xe2\x81\xa9", "\\u{2069}"},
                                    {"\xe2\x80\x8b", "\\u{200b}"},
                                    {"\xef\xbb\xbf", "\\u{feff}"},
                                    {"\xf3\xa0\x81\x81", "\\u{e0041}"}})
    EXPECT_EQ(printable(text), shown);
}

TEST(Text, WhatIsNoUtf8IsEscapedByteByByte) {
  EXPECT_EQ(printable("\xff\xfe"
                      "a"),
            "\\xff\\xfea");
  EXPECT_EQ(printable("\xc3"), "\\xc3");                             // cut short
  EXPECT_EQ(printable("\xc0\x8a"), "\\xc0\\x8a");                    // overlong line feed
  EXPECT_EQ(printable("\xe0\x80\x8a"), "\\xe0\\x80\\x8a");           // overlong line feed
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
}

TEST(Text, WhatIsTooLongKeepsWhatFailedAndWhy) {
  const std::string line =
      printable("Service default/" + std::string(1'000'000, 'a') + ": port must not be 0");
  EXPECT_LE(line.size(), kLineLimit);
  EXPECT_TRUE(line.starts_with("Service default/aaaa"));
  EXPECT_TRUE(line.ends_with("aaaa: port must not be 0"));
  EXPECT_NE(line.find("...(1000036 bytes)..."), std::string::npos);
  EXPECT_LE(printable(std::string(1'000'000, '\n'), 100).size(), 100u);
  EXPECT_LE(printable(std::string(1'000'000, '\x80'), 100).size(), 100u);
  EXPECT_EQ(printable(std::string(kLineLimit, 'a')), std::string(kLineLimit, 'a'));
}

TEST(Text, LinesStayLines) {
  EXPECT_EQ(printable_lines("a\x1b\nb\n\nc"), "a\\x1b\nb\n\nc");
  EXPECT_EQ(printable_lines("a\n"), "a\n");
}

TEST(Text, JsonKeepsItsValue) {
  EXPECT_EQ(printable_json("{\n  \"a\": \"m\xc3\xbc\x7f\"}"), "{\n  \"a\": \"m\xc3\xbc\\u007f\"}");
  EXPECT_EQ(printable_json("\"\xe2\x80\xae\xc2\x9b\""), "\"\\u202e\\u009b\"");
  EXPECT_EQ(printable_json("\"\xff\""), "\"\\ufffd\"");
  EXPECT_EQ(printable_json("\"\xf3\xa0\x81\x81\""), "\"\\udb40\\udc41\"");
}

bool harmless(const std::string& text) {
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    if (value < 0x20 || value == 0x7f) return false;
  }
  return printable(text, text.size()) == text;  // valid UTF-8 and nothing to escape
}

RC_GTEST_PROP(Text, AnyBytesBecomeHarmlessAndBounded, (const std::vector<std::uint8_t>& some)) {
  const auto limit = *rc::gen::inRange<std::size_t>(0, 200);
  // What tests beginnings of characters: many bytes above 0x7f among few others.
  std::string bytes;
  for (const std::uint8_t byte : some) bytes += static_cast<char>(byte % 3 ? byte | 0x80 : byte);
  for (const std::size_t most : {limit, kLineLimit}) {
    const std::string once = printable(bytes, most);
    RC_ASSERT(once.size() <= most);
    RC_ASSERT(harmless(once));
    RC_ASSERT(printable(once, most) == once);
  }
}

}  // namespace
}  // namespace holdfast
