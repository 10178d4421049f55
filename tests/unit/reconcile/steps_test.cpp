// SPDX-License-Identifier: Apache-2.0
// A generation applied in steps, with others coming in between: no address leads astray on the way,
// and at the end the maps answer what the newest says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "agent/plan/words.h"
#include "tests/unit/plan/history.h"
#include "tests/unit/plan/oracle.h"
#include "tests/unit/reconcile/fixture.h"

namespace holdfast {
namespace {

using testing::IsEmpty;

// Stops for good after so many operations, as a process that is killed.
class Mortal : public MemoryDataplane {
 public:
  using MemoryDataplane::MemoryDataplane;
  Result<> apply(const Diff& diff) override {
    for (const Op& operation : diff.ops) {
      if (left == 0) return fail(Errc::unavailable, "killed");
      if (left > 0) --left;
      if (auto done = MemoryDataplane::apply(Diff{{operation}}); !done) return done;
    }
    return {};
  }
  int left = -1;  // -1: it goes on
};

class Steps {
 public:
  explicit Steps(Capacity room, std::size_t step) : catalog({{"file"}}, 0), maps(room) {
    maps.watch([this](const Op& operation, const Image&) { referee.see(operation); });
    restart(step);
    states = {catalog.all()};
  }

  void restart(std::size_t step) {
    maps.left = -1;
    reconciler.emplace(
        maps, [this] { return catalog.all(); }, Vantage{Text(kHere), {}}, step);
  }

  Result<> begin(const Generation& generation) {
    states.push_back(catalog.all());
    referee.expect(states);
    return ended(reconciler->begin(generation));
  }

  Result<> step() { return ended(reconciler->step()); }

  Result<> ended(Result<> applied) {
    if (applied && !reconciler->unfinished()) states = {catalog.all()};
    return applied;
  }

  std::string serving() { return text(answered(maps.image())); }
  std::string desired() const { return text(wanted(catalog.all())); }

  Catalog catalog;
  Mortal maps;
  Referee referee;
  std::optional<Reconciler> reconciler;
  std::vector<Referee::State> states;  // since the maps were last as desired
};

RC_GTEST_PROP(Steps, AnythingMayComeBetweenThem, ()) {
  Steps world(kRoom, *rc::gen::inRange<std::size_t>(1, 40));
  RC_ASSERT(world.reconciler->start().has_value());
  for (int turns = *rc::gen::inRange(1, 30); turns > 0; --turns) {
    if (*rc::gen::inRange(0, 2) == 0) {
      const Generation generation = random_change(world.catalog);
      if (!generation.changes.empty()) RC_ASSERT(world.begin(generation).has_value());
    } else if (world.reconciler->unfinished()) {
      RC_ASSERT(world.reconciler->pending());
      RC_ASSERT(world.step().has_value());
    } else {
      RC_ASSERT(world.reconciler->collect().has_value());
    }
    for (const std::string& rule : world.referee.broken()) RC_FAIL(rule);
  }
  while (world.reconciler->unfinished()) RC_ASSERT(world.step().has_value());
  for (const std::string& rule : world.referee.broken()) RC_FAIL(rule);
  RC_ASSERT(world.serving() == world.desired());
  RC_ASSERT(world.maps.image().meta.generation == world.catalog.number());
  RC_ASSERT(!world.reconciler->pending());
}

// Killed at any operation, and begun anew: with all that is desired, and what is gone since.
RC_GTEST_PROP(Steps, NoDeathBetweenThemLeadsAstray, ()) {
  const auto step = *rc::gen::inRange<std::size_t>(1, 40);
  Steps world(kRoom, step);
  RC_ASSERT(world.reconciler->start().has_value());
  for (int turns = *rc::gen::inRange(1, 15); turns > 0; --turns) {
    if (*rc::gen::inRange(0, 3) == 0) world.maps.left = *rc::gen::inRange(0, 60);
    const Generation generation = random_change(world.catalog);
    auto applied = generation.changes.empty() ? Result<>{} : world.begin(generation);
    for (int more = *rc::gen::inRange(0, 3); more > 0 && applied; --more) applied = world.step();
    if (world.maps.left >= 0) {
      world.restart(step);
      RC_ASSERT(world.reconciler->start().has_value());
      const Generation whole{world.catalog.number(), world.catalog.all()};
      RC_ASSERT(world.reconciler->begin(whole).has_value());
      RC_ASSERT(world.ended(world.reconciler->prune("file")).has_value());
    }
    for (const std::string& rule : world.referee.broken()) RC_FAIL(rule);
  }
  while (world.reconciler->unfinished()) RC_ASSERT(world.step().has_value());
  for (const std::string& rule : world.referee.broken()) RC_FAIL(rule);
  RC_ASSERT(world.serving() == world.desired());
}

class StepsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world.reconciler->start()); }

  Result<> say(const std::vector<ServicePtr>& services) {
    std::vector<Admitted> admitted;
    for (const ServicePtr& one : services) admitted.push_back({one->key, one, false});
    return world.begin(world.catalog.apply("file", admitted));
  }
  void finish() {
    while (world.reconciler->unfinished()) ASSERT_TRUE(world.step());
    EXPECT_EQ(world.serving(), world.desired());
    EXPECT_THAT(world.referee.broken(), IsEmpty());
  }
  std::size_t served() { return answered(world.maps.image()).size(); }

  Steps world{kReconcileRoom, 5};  // one service with one endpoint
};

ServicePtr named(const std::string& name, const std::string& frontend,
                 const std::string& endpoint) {
  return build::service(name, {frontend}, {endpoint});
}

// Until all of it is there the maps are of the generation before, and a new life goes by that.
TEST_F(StepsTest, TheGenerationIsTheMapsOnlyWhenItIsWhole) {
  ASSERT_TRUE(say({named("album", "10.96.0.1", "10.1.0.1"), named("image", "10.96.0.2", "10.1.0.2"),
                   named("song", "10.96.0.3", "10.1.0.3")}));
  EXPECT_EQ(served(), 0u);
  ASSERT_TRUE(world.step());
  EXPECT_EQ(served(), 1u);
  EXPECT_EQ(world.maps.image().meta.complete, 0u);
  EXPECT_TRUE(world.reconciler->pending());
  EXPECT_EQ(world.reconciler->status().applied_generation, 0u);
  EXPECT_EQ(world.reconciler->status().desired_generation, 1u);
  ASSERT_TRUE(world.step());
  EXPECT_EQ(served(), 2u);
  finish();
  EXPECT_EQ(served(), 3u);
  EXPECT_EQ(world.maps.image().meta.generation, 1u);
  EXPECT_EQ(world.reconciler->status().applies, 1u);
}

TEST_F(StepsTest, OfAServiceTheNewestWordIsApplied) {
  ASSERT_TRUE(
      say({named("album", "10.96.0.1", "10.1.0.1"), named("song", "10.96.0.3", "10.1.0.3")}));
  ASSERT_TRUE(say({named("song", "10.96.0.3", "10.1.0.9")}));
  finish();
  EXPECT_EQ(world.reconciler->usage().endpoints, 2u);  // 10.1.0.3 was never there
}

// A timer of the loop may still be set when another generation has taken all that was left.
TEST_F(StepsTest, AStepOfNothingDoesNothing) {
  ASSERT_TRUE(say({named("album", "10.96.0.1", "10.1.0.1")}));
  world.maps.left = 0;
  EXPECT_FALSE(say({named("album", "10.96.0.1", "10.1.0.2")}));
  EXPECT_FALSE(world.reconciler->unfinished());
  world.maps.left = -1;
  ASSERT_TRUE(world.step());
  EXPECT_EQ(world.maps.image().meta.generation, 1u) << "the second one was never applied";
  EXPECT_EQ(world.reconciler->status().applied_generation, 1u);
}

// Collecting goes on at once while there is more of it; where it may not go on it would spin.
TEST_F(StepsTest, NothingIsCollectedWhileSomethingIsPending) {
  constexpr std::uint32_t kMany = 9000;
  Steps large(capacity_for(64, 2 * kMany), 5);
  ASSERT_TRUE(large.reconciler->start());
  std::vector<std::string> many;
  for (std::uint32_t one = 0; one < kMany; ++one)
    many.push_back("10.1." + std::to_string(one / 250) + "." + std::to_string(one % 250 + 1));
  const auto begin = [&](const std::vector<std::string>& endpoints) {
    const ServicePtr song = build::service("song", {"10.96.0.1"}, endpoints);
    ASSERT_TRUE(large.reconciler->apply(large.catalog.apply("file", {{song->key, song, false}})));
  };
  large.maps.watch([](const Op&, const Image&) {});
  begin(many);
  begin({"10.2.0.1"});
  ASSERT_TRUE(large.reconciler->collect());
  EXPECT_TRUE(large.reconciler->collecting());
  large.maps.left = 0;
  const ServicePtr song = build::service("song", {"10.96.0.1"}, {"10.2.0.2"});
  EXPECT_FALSE(large.reconciler->apply(large.catalog.apply("file", {{song->key, song, false}})));
  EXPECT_TRUE(large.reconciler->pending());
  EXPECT_FALSE(large.reconciler->collecting());
}

// What two services exchange is in one step, however many stand between them.
TEST_F(StepsTest, AddressesMoveInOneStep) {
  std::vector<ServicePtr> services;
  for (const std::string name : {"a", "b", "c", "d", "e"}) {
    const std::string last(1, static_cast<char>('1' + services.size()));
    services.push_back(named(name, "10.96.0." + last, "10.1.0." + last));
  }
  ASSERT_TRUE(say(services));
  finish();
  ASSERT_TRUE(say({named("a", "10.96.0.5", "10.1.0.1"), named("b", "10.96.0.2", "10.1.0.7"),
                   named("c", "10.96.0.3", "10.1.0.8"), named("d", "10.96.0.4", "10.1.0.9"),
                   named("e", "10.96.0.1", "10.1.0.5")}));
  ASSERT_TRUE(world.step());
  EXPECT_TRUE(world.reconciler->unfinished());
  EXPECT_EQ(served(), 5u);
  finish();
}

// An address that leads to a pool of nobody leaves with the next plan, unless that gives it to a
// service: in a step of its own it would be gone for a moment.
TEST_F(StepsTest, WithStraysInTheMapsAllIsOneStep) {
  const Frontend stray = build::frontend("10.96.0.3");
  const hf_frontend_key key = frontend_key(stray, Protocol::tcp);
  world.maps.image().frontends[key] = frontend_word(stray, 7);
  std::size_t missing = 0;
  world.maps.watch([&](const Op&, const Image& maps) { missing += !maps.frontends.contains(key); });
  ASSERT_TRUE(world.reconciler->start());
  ASSERT_TRUE(
      say({named("album", "10.96.0.1", "10.1.0.1"), named("song", "10.96.0.3", "10.1.0.3")}));
  while (world.reconciler->unfinished()) ASSERT_TRUE(world.step());
  EXPECT_EQ(world.serving(), world.desired());
  EXPECT_EQ(missing, 0u);
}

TEST_F(StepsTest, WhatGoesGoesFirst) {
  ASSERT_TRUE(
      say({named("album", "10.96.0.1", "10.1.0.1"), named("song", "10.96.0.3", "10.1.0.3")}));
  finish();
  std::vector<Admitted> admitted = {{{"default", "song"}, nullptr, true}};
  for (const auto& one :
       {named("image", "10.96.0.4", "10.1.0.4"), named("lyric", "10.96.0.5", "10.1.0.5")})
    admitted.push_back({one->key, one, false});
  ASSERT_TRUE(world.begin(world.catalog.apply("file", admitted)));
  ASSERT_TRUE(world.step());
  EXPECT_EQ(served(), 1u);
  finish();
  EXPECT_EQ(served(), 3u);
}

}  // namespace
}  // namespace holdfast
