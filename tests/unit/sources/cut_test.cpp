// SPDX-License-Identifier: Apache-2.0
// Where texts are cut. What the pieces say together is tested with the objects: unit_file.
#include "agent/sources/cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Place = std::pair<int, int>;

std::vector<std::string> items(const CutDocument& document) {
  std::vector<std::string> result;
  for (const Piece& one : document.items) result.emplace_back(one.text);
  return result;
}
std::vector<Place> places(const CutDocument& document) {
  std::vector<Place> result;
  for (const Piece& one : document.items) result.emplace_back(one.line, one.column);
  return result;
}

TEST(Yaml, IsCutAtTheLinesBetweenDocuments) {
  const auto documents = cut("a: 1\n---\nb: |\n  ---\n  x\n--- # c\nc: 1\n---d: 2\n");
  ASSERT_THAT(documents, SizeIs(3));
  EXPECT_EQ(documents[0].whole.text, "a: 1\n");
  EXPECT_EQ(documents[1].whole.text, "---\nb: |\n  ---\n  x\n");
  EXPECT_EQ(documents[1].whole.line, 2);
  EXPECT_EQ(documents[2].whole.line, 6);
  EXPECT_THAT(cut(""), IsEmpty());
}

TEST(Yaml, AListIsCutIntoItsItems) {
  for (const std::string indent : {"", "  "}) {
    const std::string text = "# all\napiVersion: v1\nitems:\n\n" + indent + "- a: 1\n" + indent +
                             "  b:\n# a word\n" + indent + "  - c\n" + indent + "-\n" + indent +
                             "  d: 2\nkind: List\nmetadata:\n  items:\n  - x\n";
    const auto documents = cut(text);
    ASSERT_THAT(documents, SizeIs(1));
    EXPECT_THAT(items(documents[0]),
                ElementsAre(indent + "- a: 1\n" + indent + "  b:\n# a word\n" + indent + "  - c\n",
                            indent + "-\n" + indent + "  d: 2\n"));
    EXPECT_THAT(places(documents[0]), ElementsAre(Place(5, 1), Place(9, 1)));
    EXPECT_EQ(documents[0].frame,
              "# all\napiVersion: v1\nitems: []\nkind: List\nmetadata:\n  items:\n  - x\n");
  }
}

TEST(Yaml, OtherLayoutsAreLeftWhole) {
  for (const char* text :
       {"items: [{a: 1}]\n", "items: &x\n- a\n", "items:\n  a: 1\n", "items:\n- a\n...\nb: 1\n",
        "items:\n  - a\n - b\n", "--- {items: [a]}\n", "items:\n", "items:\n- a\n\t- b\n"}) {
    for (const CutDocument& one : cut(text)) EXPECT_THAT(one.items, IsEmpty()) << text;
  }
}

TEST(Json, IsCutIntoValuesAndItems) {
  const auto documents =
      cut(" {\"kind\": \"List\", \"x\": {\"items\": [1]},\n \"items\": [ {\"a\": \"}\\\"]\"}\n,"
          "{\"b\": [{}]}], \"y\": 1}\n{\"c\": 2}[3]");
  ASSERT_THAT(documents, SizeIs(3));
  EXPECT_THAT(items(documents[0]), ElementsAre("{\"a\": \"}\\\"]\"}", "{\"b\": [{}]}"));
  EXPECT_THAT(places(documents[0]), ElementsAre(Place(2, 13), Place(3, 2)));
  EXPECT_EQ(documents[0].frame,
            "{\"kind\": \"List\", \"x\": {\"items\": [1]},\n \"items\": [], \"y\": 1}");
  EXPECT_EQ(documents[1].whole.text, "{\"c\": 2}");
  EXPECT_EQ(documents[2].whole.text, "[3]");
  EXPECT_EQ(documents[2].whole.line, 4);
  EXPECT_EQ(documents[2].whole.column, 9);
}

TEST(Json, WhatIsNotWellFormedIsLeftToTheParser) {
  for (const char* text :
       {"{", "{\"items\": [", "{\"items\": [{}", "{\"items\": [{},]}", "{\"items\": [1]}",
        "{\"items\": [{}] \"a\": 1}", "{\"items\": [{}], \"items\": [{}]}", "{\"a\\", "{\"a\" 1}",
        "[", "{\"items\": [{}]]", "{}x", "{\"a\": "}) {
    for (const CutDocument& one : cut(text)) EXPECT_THAT(one.items, IsEmpty()) << text;
  }
}

}  // namespace
}  // namespace holdfast
