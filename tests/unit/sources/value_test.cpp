// SPDX-License-Identifier: Apache-2.0
// What is read from good texts: types as YAML 1.2 has them, positions, the same tree from both.
#include <gtest/gtest.h>

#include <tuple>

#include "tests/unit/sources/texts.h"

namespace holdfast {
namespace {

using test::kCatalog;
using test::kJsonCatalog;
using test::parse_one;
using Type = Value::Type;

std::pair<int, int> place(const Value& value) {
  return {value.line, value.column};
}

class Scalars : public testing::TestWithParam<std::tuple<const char*, Type, const char*>> {};

TEST_P(Scalars, HaveTheTypeOfYaml12AndTheTextAsWritten) {
  const auto& [written, type, text] = GetParam();
  const Value document = parse_one(std::string("key: ") + written + "\n");
  const Value* value = document.find("key");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->type, type) << to_string(value->type);
  EXPECT_EQ(value->text, text);
  EXPECT_EQ(value->line, *written ? 1 : 2) << "an absent value is where the next thing is";
  EXPECT_EQ(value->column, *written ? 6 : 1);
}

INSTANTIATE_TEST_SUITE_P(
    Plain, Scalars,
    testing::Values(
        // The traps of YAML 1.1: countries, octals, sexagesimals, switches.
        std::tuple("no", Type::string, "no"), std::tuple("yes", Type::string, "yes"),
        std::tuple("on", Type::string, "on"), std::tuple("010", Type::string, "010"),
        std::tuple("0x10", Type::string, "0x10"), std::tuple("22:22", Type::string, "22:22"),
        std::tuple("1_000", Type::string, "1_000"), std::tuple("true", Type::boolean, "true"),
        std::tuple("FALSE", Type::boolean, "FALSE"), std::tuple("tRue", Type::string, "tRue"),
        std::tuple("80", Type::integer, "80"), std::tuple("-1", Type::integer, "-1"),
        std::tuple("+5", Type::integer, "+5"), std::tuple("0", Type::integer, "0"),
        std::tuple("9223372036854775807", Type::integer, "9223372036854775807"),
        std::tuple("9223372036854775808", Type::number, "9223372036854775808"),
        std::tuple("1.5", Type::number, "1.5"), std::tuple("-2e3", Type::number, "-2e3"),
        std::tuple("1.2.3", Type::string, "1.2.3"),
        std::tuple("10.96.0.10", Type::string, "10.96.0.10"),
        std::tuple("::1", Type::string, "::1"),
        std::tuple("2022-03-08T18:00:00Z", Type::string, "2022-03-08T18:00:00Z"),
        std::tuple("~", Type::null, ""), std::tuple("null", Type::null, ""),
        std::tuple("", Type::null, "")));

INSTANTIATE_TEST_SUITE_P(Quoted, Scalars,
                         testing::Values(std::tuple("\"80\"", Type::string, "80"),
                                         std::tuple("'true'", Type::string, "true"),
                                         std::tuple("\"\"", Type::string, ""),
                                         std::tuple("!!str 80", Type::string, "80"),
                                         std::tuple("\"a\\u00e9\\n\"", Type::string, "a\xc3\xa9\n"),
                                         std::tuple("|\n  a\n  b", Type::string, "a\nb\n")));

TEST(Integers, KeepTheirValue) {
  EXPECT_EQ(parse_one("[80]").items.at(0).integer, 80);
  EXPECT_EQ(parse_one("- -80\n").items.at(0).integer, -80);
  EXPECT_EQ(parse_one("- +80\n").items.at(0).integer, 80);
  EXPECT_EQ(parse_one("[9223372036854775808]").items.at(0).type, Type::number);
}

TEST(Documents, ComeInOrderWithoutTheEmptyOnes) {
  const auto outcome = parse_documents("---\n---\na: 1\n---\n# only a word\n---\nb: 2\n...\n", "f");
  EXPECT_FALSE(outcome.problem);
  ASSERT_EQ(outcome.documents.size(), 2u);
  EXPECT_TRUE(outcome.documents[0].find("a"));
  EXPECT_TRUE(outcome.documents[1].find("b"));
  for (const char* empty : {"", "\n \n", "# a comment", "---\n", "~\n"}) {
    EXPECT_TRUE(parse_documents(empty, "f").documents.empty()) << empty;
    EXPECT_FALSE(parse_documents(empty, "f").problem) << empty;
  }
}

// Files put one behind the other, each with its own mark.
TEST(Documents, MayEachBeginWithAMarkOfByteOrder) {
  const std::string mark = "\xef\xbb\xbf";
  for (const std::string& text :
       {mark + "a: 1\n" + mark + "---\nb: 2\n", "a: 1\n---\n" + mark + "b: 2\n",
        mark + "---\na: 1\n" + mark + "---\n" + mark + "b: 2\n"}) {
    const auto outcome = parse_documents(text, "f");
    EXPECT_FALSE(outcome.problem) << outcome.problem->to_string();
    ASSERT_EQ(outcome.documents.size(), 2u) << text;
    ASSERT_TRUE(outcome.documents[1].find("b")) << text;
    EXPECT_EQ(place(outcome.documents[1]).second, 1);
  }
  EXPECT_EQ(parse_one(mark + "{\"a\": 1}").line, 1);
}

TEST(Documents, KnowTheirPlaces) {
  const auto outcome = parse_documents(kCatalog, "f");
  ASSERT_EQ(outcome.documents.size(), 2u);
  const Value& service = outcome.documents[0];
  EXPECT_EQ(place(service), std::pair(2, 1));
  EXPECT_EQ(place(*service.find("metadata")->find("namespace")), std::pair(6, 14));
  EXPECT_EQ(place(service.find("metadata")->members.back().key), std::pair(7, 3));
  EXPECT_EQ(place(service.find("spec")->find("ports")->items.at(0)), std::pair(11, 5));
  const Value& endpoints = *outcome.documents[1].find("endpoints");
  EXPECT_EQ(place(endpoints.items.at(0).find("addresses")->items.at(0)), std::pair(23, 15));
  EXPECT_EQ(endpoints.items.at(1).find("nodeName")->text, "n1");
}

TEST(Anchors, AreCopiedWhole) {
  const Value root = parse_one("a: &x {b: [1, {c: 2}]}\nd: *x\ne: &y 5\nf: [*y, *y]\n*y : g\n");
  const Value& copy = *root.find("d");
  EXPECT_EQ(copy.find("b")->items.at(1).find("c")->integer, 2);
  EXPECT_EQ(root.find("f")->items.at(1).integer, 5);
  ASSERT_TRUE(root.find("5")) << "an alias may be a key";
  const Value nested = parse_one("a: &x [&y {k: v}]\nb: *y\nc: *x\n");
  EXPECT_EQ(nested.find("b")->find("k")->text, "v");
  EXPECT_EQ(nested.find("c")->items.at(0).find("k")->text, "v");
}

TEST(Json, IsReadWithPositions) {
  const Value root = parse_one(kJsonCatalog);
  const Value& items = *root.find("items");
  ASSERT_EQ(items.items.size(), 2u);
  const Value& port = items.items[0].find("spec")->find("ports")->items.at(0);
  EXPECT_EQ(port.find("name")->text, "http") << "escapes are resolved";
  EXPECT_EQ(place(*port.find("port")), std::pair(5, 82));
  EXPECT_EQ(place(items.items[1]), std::pair(6, 5));
  EXPECT_EQ(items.items[1].find("weight")->type, Type::number);
  EXPECT_EQ(place(*items.items[1].find("spec")), std::pair(6, 63));
  EXPECT_TRUE(items.items[1].find("spec")->is_null());
}

TEST(Json, BackToBackIsReadAsKubectlReadsIt) {
  for (const char* text : {"{\"a\": 1}{\"b\": 2}", "{\"a\": 1}\n\n {\"b\": 2}\n"}) {
    const auto outcome = parse_documents(text, "f");
    EXPECT_FALSE(outcome.problem);
    ASSERT_EQ(outcome.documents.size(), 2u);
    EXPECT_TRUE(outcome.documents[1].find("b"));
  }
  EXPECT_EQ(place(parse_documents("{\"a\": 1}\n\n {\"b\": 2}\n", "f").documents.at(1)),
            std::pair(3, 2));
}

TEST(Json, PositionsAfterEscapedQuotesAndEmptyCollections) {
  const Value root = parse_one("{\"a\\\"b\\\\\": [],\n \"c\": {}, \"d\": [{}, \"e\"]}");
  EXPECT_TRUE(root.find("a\"b\\"));
  EXPECT_EQ(place(*root.find("c")), std::pair(2, 7));
  EXPECT_EQ(place(root.find("d")->items.at(1)), std::pair(2, 21));
}

TEST(Json, IsTheSameTreeAsYaml) {
  // YAML 1.2 contains JSON; a comment before it makes it YAML to us.
  const Value json = parse_one(kJsonCatalog);
  const Value yaml = parse_one(std::string("# YAML now\n") + kJsonCatalog);
  const auto same = [](const auto& self, const Value& a, const Value& b) -> void {
    EXPECT_EQ(a.type, b.type);
    EXPECT_TRUE(a.type == Type::null || a.text == b.text) << a.text << " and " << b.text;
    EXPECT_EQ(a.line + 1, b.line);
    EXPECT_EQ(a.column, b.column) << a.text;
    ASSERT_EQ(a.items.size(), b.items.size());
    ASSERT_EQ(a.members.size(), b.members.size());
    for (std::size_t one = 0; one < a.items.size(); ++one) self(self, a.items[one], b.items[one]);
    for (std::size_t one = 0; one < a.members.size(); ++one) {
      self(self, a.members[one].key, b.members[one].key);
      self(self, a.members[one].value, b.members[one].value);
    }
  };
  same(same, json, yaml);
}

TEST(Find, IsNullForWhatIsNoMappingOrNotThere) {
  EXPECT_EQ(Value{}.find("a"), nullptr);
  EXPECT_EQ(parse_one("- a\n").find("a"), nullptr);
  EXPECT_EQ(parse_one("{\"a\": 1}").find("b"), nullptr);
}

TEST(Problem, IsToldAsEditorsReadIt) {
  EXPECT_EQ((Problem{"f.yaml", 3, 7, "Service a/b", "no"}).to_string(),
            "f.yaml:3:7: Service a/b: no");
  EXPECT_EQ((Problem{"f.yaml", 0, 0, "", "no"}).to_string(), "f.yaml: no");
  EXPECT_EQ((Problem{"", 0, 0, "", "no"}).to_string(), "no");
}

}  // namespace
}  // namespace holdfast
