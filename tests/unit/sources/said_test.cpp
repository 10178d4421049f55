// SPDX-License-Identifier: Apache-2.0
// What of a source's word is news: any history of says and absences tells the same as the
// difference of whole states, whichever way it is said.
#include "agent/sources/said.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace holdfast {
namespace {

using State = std::map<ServiceKey, std::int64_t>;  // a value, by one field of it

ServicePtr service(const ServiceKey& key, std::int64_t value) {
  auto result = std::make_shared<Service>();
  result->key = key;
  result->created_at = value;
  return result;
}

std::vector<ServicePtr> all_of(const State& state) {
  std::vector<ServicePtr> result;
  for (const auto& [key, value] : state) result.push_back(service(key, value));
  return result;
}

// Service -> its value now; 0: gone.
using News = std::map<ServiceKey, std::int64_t>;

News difference(const State& before, const State& now) {
  News news;
  for (const auto& [key, value] : now) {
    const auto known = before.find(key);
    if (known == before.end() || known->second != value) news[key] = value;
  }
  for (const auto& [key, value] : before) {
    if (!now.contains(key)) news[key] = 0;
  }
  return news;
}

void take(News& news, const ServiceChange& change) {
  EXPECT_FALSE(news.contains(change.key)) << change.key.to_string() << " is told twice";
  EXPECT_TRUE(!change.now || change.now->key == change.key);
  EXPECT_FALSE(change.explained);
  news[change.key] = change.now ? change.now->created_at : 0;
}

News news_of(const std::vector<ServiceChange>& changes) {
  News news;
  for (const ServiceChange& change : changes) take(news, change);
  return news;
}

class Histories : public testing::Test {
 protected:
  unsigned below(unsigned limit) { return std::uniform_int_distribution(0u, limit - 1)(random_); }
  static ServiceKey key(unsigned at) {
    return {at % 2 ? "shop" : "default", "s" + std::to_string(at)};
  }
  void step() {
    for (unsigned at = 0; at < kServices; ++at) {
      const unsigned what = below(6);
      if (what == 0) now_.erase(key(at));
      if (what == 1) now_[key(at)] = 1 + below(3);
    }
    if (below(12) == 0) now_.clear();
  }
  void expect_last(const Said& said) {
    for (unsigned at = 0; at < kServices; ++at) {
      const ServicePtr& last = said.of(key(at));
      const auto real = now_.find(key(at));
      EXPECT_EQ(last ? last->created_at : 0, real == now_.end() ? 0 : real->second);
    }
  }

  static constexpr unsigned kServices = 9;
  std::mt19937 random_{1};
  State now_;
};

TEST_F(Histories, SaidAtOnceOrOneByOneAreTheDifferenceOfStates) {
  Said at_once, one_by_one, mixed;
  std::size_t changes = 0;
  for (int round = 0; round < 2000; ++round) {
    const State before = now_;
    step();
    const News expected = difference(before, now_);
    changes += expected.size();
    News singly, other;
    for (unsigned at = kServices; at-- > 0;) {
      const auto real = now_.find(key(at));
      const ServicePtr value = real == now_.end() ? nullptr : service(key(at), real->second);
      if (const auto change = one_by_one.say(key(at), value)) take(singly, *change);
      // Before all is said at once: what is known by then is no news.
      if (below(2) == 0) continue;
      if (const auto change = mixed.say(key(at), value)) take(other, *change);
    }
    for (const ServiceChange& change : mixed.say_all(all_of(now_))) take(other, change);
    ASSERT_EQ(news_of(at_once.say_all(all_of(now_))), expected) << round;
    ASSERT_EQ(singly, expected) << round;
    ASSERT_EQ(other, expected) << round;
    for (const Said* said : {&at_once, &one_by_one, &mixed}) expect_last(*said);
  }
  EXPECT_GT(changes, 2000u);
}

TEST(Said, WhatEqualsTheLastValueIsTheLastValue) {
  Said said;
  const ServiceKey key{"default", "song"};
  const ServicePtr first = service(key, 1);
  ASSERT_EQ(said.say(key, first)->now, first);
  EXPECT_FALSE(said.say(key, service(key, 1)));
  EXPECT_EQ(said.of(key), first);
  EXPECT_TRUE(said.say_all({service(key, 1)}).empty());
  EXPECT_EQ(said.of(key), first);
  const ServicePtr other = service(key, 2);
  EXPECT_EQ(said.say_all({other}).at(0).now, other);
  EXPECT_EQ(said.of(key), other);
  EXPECT_FALSE(said.say({"default", "none"}, nullptr));
  EXPECT_EQ(said.say(said.of(key)->key, nullptr)->key, key);
  EXPECT_EQ(said.of(key), nullptr);
}

TEST(Said, ChangesAreInOrderAndAbsencesLast) {
  Said said;
  said.say_all(all_of({{{"default", "a"}, 1}, {{"default", "b"}, 1}, {{"default", "d"}, 1}}));
  const auto changes =
      said.say_all(all_of({{{"default", "b"}, 2}, {{"default", "c"}, 1}, {{"default", "d"}, 1}}));
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].key.name, "b");
  EXPECT_EQ(changes[1].key.name, "c");
  EXPECT_EQ(changes[2].key.name, "a");
  EXPECT_EQ(changes[2].now, nullptr);
}

}  // namespace
}  // namespace holdfast
