// SPDX-License-Identifier: Apache-2.0
// What a source finds wrong quotes what strangers wrote: it stays short, harmless and few.
#include "agent/app/problems.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

SourceUpdate update(std::vector<Problem> problems, std::vector<Doubt> doubts = {}) {
  SourceUpdate result;
  result.problems = std::move(problems);
  result.doubts = std::move(doubts);
  return result;
}

TEST(Problems, WhatAnObjectSaysForgesNoLineAndFillsNoMemory) {
  const Faults faults =
      faults_of(update({{"a.yaml", 3, 7, "Service default/" + std::string(1'000'000, 'x'),
                         "no weight: '5\n2026-01-01T00:00:00.000Z info ready'"}},
                       {{"b\x1b[31m.yaml", "line 1: \xff"}}));
  const auto lines = news({}, faults).warnings;
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_LT(lines[0].size(), 2500u);
  EXPECT_EQ(lines[0].find('\n'), std::string::npos);
  EXPECT_TRUE(lines[0].ends_with("no weight: '5\\n2026-01-01T00:00:00.000Z info ready'"));
  EXPECT_EQ(lines[1], "b\\x1b[31m.yaml: line 1: \\xff");
}

TEST(Problems, OnlyWhatIsNewIsSaid) {
  const Faults before = faults_of(update({{"a", 1, 1, "x", "bad"}}, {{"", "empty"}}));
  EXPECT_TRUE(news(before, before).warnings.empty());
  const Faults after = faults_of(update({{"a", 1, 1, "x", "bad"}, {"a", 2, 1, "y", "bad"}}));
  EXPECT_EQ(news(before, after).warnings, (std::vector<std::string>{"a:2:1: y: bad"}));
  EXPECT_EQ(news({}, before).warnings,
            (std::vector<std::string>{"a:1:1: x: bad", "all of it: empty"}));
}

TEST(Problems, NotesShareALine) {
  const auto note = [](int line) {
    return Problem{"a", line, 1, "x", "not honoured", Problem::Kind::note};
  };
  const FaultNews said = news({}, faults_of(update({note(1), note(2), note(3)})));
  EXPECT_TRUE(said.warnings.empty());
  EXPECT_EQ(said.note, "a:1:1: x: not honoured (and 2 more: holdfast source list -o json)");
}

TEST(Problems, ThousandsAtOnceAreCounted) {
  std::vector<Problem> many;
  for (int line = 1; line <= 10'000; ++line) many.push_back({"a", line, 1, "x", "bad"});
  const auto lines = news({}, faults_of(update(many))).warnings;
  ASSERT_EQ(lines.size(), kMostLines + 1);
  EXPECT_EQ(lines.back(), "and 9950 more problems: 'holdfast source list -o json'");
}

}  // namespace
}  // namespace holdfast
