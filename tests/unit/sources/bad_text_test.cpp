// SPDX-License-Identifier: Apache-2.0
// Bad, damaged and hostile texts: one problem with its place, never a crash, never half a file.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/unit/sources/texts.h"

namespace holdfast {
namespace {

using test::kCatalog;
using test::kJsonCatalog;
using test::problem_of;
using test::repeat;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Keys, AreGivenOnceAndAreStrings) {
  EXPECT_EQ(problem_of("a: 1\nb:\n  c: 1\n  c: 2\n"), "catalog.yaml:4:3: duplicate key 'c'");
  EXPECT_EQ(problem_of("{\"a\": 1,\n \"a\": 2}"), "catalog.yaml:2:2: duplicate key 'a'");
  EXPECT_EQ(problem_of("a: {x: 1, \"x\": 2}\n"), "catalog.yaml:1:11: duplicate key 'x'");
  EXPECT_EQ(problem_of("? [a]\n: 1\n"), "catalog.yaml:1:3: a key must be a string");
  EXPECT_EQ(problem_of("a: &x {b: 1}\n*x : 2\n"), "catalog.yaml:1:4: a key must be a string");
  EXPECT_THAT(problem_of("a: &x {b: 1}\nc:\n  <<: *x\n"), StartsWith("catalog.yaml:3:3: merge"));
  EXPECT_EQ(problem_of("\"<<\": 1\nb: <<\n"), "") << "quoted, or no key, it is a text like others";
}

TEST(Truncated, YamlIsAProblemAtItsEnd) {
  for (const char* text : {"a: [1, 2\n", "a: {b: 1\n", "a: \"song\n", "a: 'song\n", "a: \"song"}) {
    EXPECT_THAT(problem_of(text), HasSubstr("catalog.yaml:2:1: the text ends inside")) << text;
  }
  // What a lost quote would otherwise swallow: the rest of the file.
  EXPECT_THAT(problem_of("name: \"song\nports:\n- port: 80\nother: 1\n"),
              StartsWith("catalog.yaml:5:1: the text ends inside"));
}

TEST(Truncated, JsonIsAProblemAtItsEnd) {
  EXPECT_THAT(problem_of("{\"a\": {\n\"b\": 1"), StartsWith("catalog.yaml:2:7: JSON"));
  EXPECT_THAT(problem_of("{\"a\": 1}\n{\"b\": 2}\n{\"c\""), StartsWith("catalog.yaml:3:5: JSON"));
  EXPECT_THAT(problem_of("{\"a\": 1}\n,{\"b\": 2}"), StartsWith("catalog.yaml:2:1: JSON"));
  EXPECT_THAT(problem_of("{\"a\": 1}\nb: 2\n"), StartsWith("catalog.yaml:2:1: JSON"));
  EXPECT_THAT(problem_of("{\"a\": 1,}"), StartsWith("catalog.yaml:1:9: JSON"));
}

TEST(Damaged, ControlCharactersAreRefused) {
  EXPECT_THAT(problem_of(std::string("a: 1\nb: x\0\0\0", 12)),
              StartsWith("catalog.yaml:2:5: control character 0"));
  EXPECT_THAT(problem_of("a: 1\n\x04\nb: 2\n"), StartsWith("catalog.yaml:2:1: control character"));
  EXPECT_NE(problem_of(std::string("{\"a\": \"\0\"}", 10)), "");
  EXPECT_EQ(problem_of("a:\t1\r\nb: 2\r\n"), "") << "Windows wrote it";
  EXPECT_EQ(problem_of("\xef\xbb\xbf"
                       "a: 1\n"),
            "")
      << "and its mark of byte order";
}

// As PowerShell writes what kubectl says.
TEST(Damaged, AnotherEncodingIsNamed) {
  const std::string little(
      "\xff\xfe"
      "a\0:\0 \0001\0",
      10),
      big("\xfe\xff\0a\0:\0 \0001", 10);
  EXPECT_EQ(problem_of(little), "catalog.yaml:1:1: the file is UTF-16; only UTF-8 is read");
  EXPECT_EQ(problem_of(big), "catalog.yaml:1:1: the file is UTF-16; only UTF-8 is read");
  EXPECT_THAT(problem_of(std::string("\xff\xfe\0\0a\0\0\0", 8)), HasSubstr("UTF-32"));
}

TEST(Damaged, YamlErrorsHaveTheirPlace) {
  EXPECT_THAT(problem_of("a: 1\n  b: 2\n"), StartsWith("catalog.yaml:2:4: "));
  EXPECT_THAT(problem_of("a:\n\tb: 1\n"), StartsWith("catalog.yaml:2:"));
  EXPECT_THAT(problem_of("a: 1\n]\n"), StartsWith("catalog.yaml:2:1: "));
  EXPECT_THAT(problem_of("a: @x\n"), StartsWith("catalog.yaml:1:4: "));
}

// The parser would begin documents for ever, and take all memory.
TEST(Damaged, ATextThatNoDocumentEndsBeforeIsRefused) {
  EXPECT_EQ(problem_of("\"v1\",\"items\":[]}\n"),
            "catalog.yaml:1:5: neither a value nor the end of the document");
  EXPECT_EQ(problem_of("a: 1\n...\n\"b\", c\n"),
            "catalog.yaml:3:4: neither a value nor the end of the document");
  EXPECT_EQ(problem_of("---\n---\n---\na: 1\n"), "") << "empty documents are documents";
}

TEST(Aliases, OfNothingAndOfThemselves) {
  EXPECT_THAT(problem_of("a: *x\n"), StartsWith("catalog.yaml:1:4: "));
  EXPECT_THAT(problem_of("a: &x [*x]\n"), StartsWith("catalog.yaml:1:8: an alias inside its own"));
  EXPECT_THAT(problem_of("a: &x 1\n---\nb: *x\n"), StartsWith("catalog.yaml:3:4: "));
}

std::string bomb(int levels, int width) {
  std::string text = "a0: &a0 [" + repeat("x,", width) + "x]\n";
  for (int level = 1; level < levels; ++level) {
    const std::string before = "*a" + std::to_string(level - 1);
    const std::string name = "a" + std::to_string(level);
    text += name + ": &" + name + " [" + repeat(before + ", ", width) + before + "]\n";
  }
  return text;
}

TEST(Aliases, ABombIsRefusedAtTheAliasThatIsTooMuch) {
  EXPECT_EQ(problem_of(bomb(3, 8)), "");
  EXPECT_THAT(problem_of(bomb(12, 8)), StartsWith("catalog.yaml:6:"));
  EXPECT_THAT(problem_of(bomb(12, 8)), HasSubstr("aliases expand to more than 100000 values"));
  // Width instead of depth.
  EXPECT_THAT(problem_of("a: &a [" + repeat("x,", 999) + "x]\nb: [" + repeat("*a,", 999) + "*a]\n"),
              StartsWith("catalog.yaml:2:"));
}

TEST(Nesting, OfTwentyThousandIsRefusedAtTheLimit) {
  const char* expected = "nested deeper than 64 levels";
  const std::string list = repeat("[", 20000);
  EXPECT_EQ(problem_of(list + repeat("]", 20000)), std::string("catalog.yaml:1:65: ") + expected);
  EXPECT_EQ(problem_of("a: " + list + repeat("]", 20000)),
            std::string("catalog.yaml:1:67: ") + expected);
  for (const std::string& text :
       {list, repeat("{\"a\":", 20000), "a: " + repeat("{a: ", 20000), repeat("- ", 20000) + "a",
        repeat("- a:\n", 1) + "    " + repeat("- ", 20000)}) {
    EXPECT_THAT(problem_of(text), HasSubstr(expected)) << text.substr(0, 20);
  }
  EXPECT_NE(problem_of("a: " + list), "");
  EXPECT_THAT(problem_of(repeat("? ", 20000) + "a"), StartsWith("catalog.yaml:1:3: a key must be"));
}

TEST(Nesting, GrownByAliasesIsNestingToo) {
  std::string text = "a0: &a0 [x]\n";
  for (int level = 1; level < 80; ++level) {
    const std::string name = "a" + std::to_string(level);
    text += name + ": &" + name + " [*a" + std::to_string(level - 1) + "]\n";
  }
  EXPECT_THAT(problem_of(text), HasSubstr("nested deeper than 64 levels"));
}

TEST(Nesting, OfSixtyFourIsRead) {
  EXPECT_EQ(problem_of(repeat("[", 64) + repeat("]", 64)), "");
  EXPECT_EQ(problem_of(repeat("- ", 64) + "a\n"), "");
  EXPECT_NE(problem_of(repeat("- ", 65) + "a\n"), "");
}

TEST(Limits, OfBytesAndValues) {
  ParseLimits limits;
  limits.bytes = 10;
  EXPECT_EQ(problem_of("a: 1234567\n", limits), "catalog.yaml: longer than 10 bytes");
  EXPECT_EQ(problem_of("a: 123456\n", limits), "");
  limits = {};
  limits.nodes = 4;
  EXPECT_EQ(problem_of("[1, 2, 3]", limits), "");
  EXPECT_THAT(problem_of("[1, 2, 3, 4]", limits), StartsWith("catalog.yaml:1:11: too large"));
  EXPECT_THAT(problem_of("- &a 1\n- *a\n- *a\n- *a\n", limits), HasSubstr("too large"));
}

// Whatever is done to a catalog, the answer is documents or one problem that has a place.
void must_be_answered(const std::string& text) {
  const ParseOutcome outcome = parse_documents(text, "f");
  if (!outcome.problem) return;
  RC_ASSERT(outcome.documents.empty());
  RC_ASSERT(outcome.problem->line >= 1);
  RC_ASSERT(outcome.problem->column >= 1);
  RC_ASSERT(!outcome.problem->message.empty());
  RC_ASSERT(outcome.problem->line <= std::count(text.begin(), text.end(), '\n') + 2);
}

RC_GTEST_PROP(Survives, AnyPrefix, ()) {
  const std::string text = *rc::gen::element<std::string>(kCatalog, kJsonCatalog);
  must_be_answered(text.substr(0, *rc::gen::inRange<std::size_t>(0, text.size() + 1)));
}

RC_GTEST_PROP(Survives, AnyBytesFlipped, ()) {
  std::string text = *rc::gen::element<std::string>(kCatalog, kJsonCatalog);
  const auto flips = *rc::gen::container<std::vector<std::pair<std::size_t, char>>>(
      rc::gen::pair(rc::gen::inRange<std::size_t>(0, text.size()), rc::gen::arbitrary<char>()));
  for (const auto& [at, byte] : flips) text[at] = byte;
  must_be_answered(text);
}

RC_GTEST_PROP(Survives, AnyPartsCutOutAndRepeated, ()) {
  std::string text = *rc::gen::element<std::string>(kCatalog, kJsonCatalog);
  const auto from = *rc::gen::inRange<std::size_t>(0, text.size());
  const auto size = *rc::gen::inRange<std::size_t>(0, text.size() - from + 1);
  const auto into = *rc::gen::inRange<std::size_t>(0, text.size());
  const std::string part = text.substr(from, size);
  if (*rc::gen::arbitrary<bool>()) text.erase(from, size);
  must_be_answered(text.insert(std::min(into, text.size()), part));
}

RC_GTEST_PROP(Survives, AnyBytesAtAll, (const std::string& text)) {
  must_be_answered(text);
}

}  // namespace
}  // namespace holdfast
