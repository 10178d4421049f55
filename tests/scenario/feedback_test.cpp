// SPDX-License-Identifier: Apache-2.0
// What flows back to a source: what became of what it said, and what the snapshot kept of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/snapshot/snapshot.h"
#include "tests/scenario/script.h"

namespace holdfast::scenario {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

std::size_t held(const Feedback& feedback, HoldReason reason) {
  return feedback.held[static_cast<std::size_t>(reason)];
}

class ToTheSource : public testing::Test {
 protected:
  void SetUp() override {
    world_.files.clear();
    world_.files["a.yaml"] =
        objects({"song 10.96.0.1:80 -> 10.1.0.1 10.1.0.2", "artist 10.96.0.2:80 -> 10.1.0.3"});
    world_.begin();
    world_.read();
  }
  const std::vector<Feedback>& told() const { return world_.source().feedbacks; }
  std::size_t times() const { return told().size(); }

  World world_;
};

TEST_F(ToTheSource, NothingIsSaidWhileNothingIsHeldOrRefused) {
  world_.files["a.yaml"] = objects({"song 10.96.0.1:80 -> 10.1.0.1"});
  world_.read();
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(ToTheSource, WhatIsHeldIsCountedByWhyUntilItEnds) {
  world_.files["a.yaml"] = "";
  world_.read();
  ASSERT_GT(times(), 0u);
  EXPECT_TRUE(told().back().any_held());
  EXPECT_EQ(held(told().back(), HoldReason::doubted), 2u);
  EXPECT_THAT(told().back().undecided, ElementsAre("a.yaml"));
  world_.files["a.yaml"] = objects({"song 10.96.0.1:80 -> 10.1.0.1 10.1.0.2"});
  world_.read();
  EXPECT_EQ(told().back(), Feedback{});
  const std::size_t before = times();
  world_.files["a.yaml"] = objects({"song 10.96.0.1:80 -> 10.1.0.1"});
  world_.read();
  EXPECT_EQ(times(), before) << "it is as it was told";
}

TEST_F(ToTheSource, WhileAPartIsInDoubtEachUpdateIsAnswered) {
  world_.files["b.yaml"] = objects({"image 10.96.0.3:80 -> 10.1.0.4"});
  world_.read();
  world_.files.erase("b.yaml");
  world_.read();
  const std::size_t before = times();
  world_.files["a.yaml"] = objects({"song 10.96.0.1:80 -> 10.1.0.1"});
  world_.read();
  ASSERT_GT(times(), before);
  EXPECT_EQ(told().back(), told()[before - 1]);
  EXPECT_THAT(told().back().undecided, ElementsAre("b.yaml"));
  // An operator's word decides about it.
  ASSERT_TRUE(world_.pipeline->intake().decide("all", false));
  EXPECT_THAT(told().back().undecided, IsEmpty());
  EXPECT_TRUE(told().back().any_held());
}

TEST_F(ToTheSource, AFrontendThatAnotherServiceHasIsRefused) {
  world_.files["b.yaml"] = objects({"tune 10.96.0.1:80 -> 10.1.0.5"});
  world_.read();
  ASSERT_EQ(told().size(), 1u);
  ASSERT_EQ(told()[0].refused.size(), 1u);
  EXPECT_EQ(told()[0].refused[0].service.name, "tune");
  EXPECT_THAT(told()[0].refused[0].what, testing::StartsWith("frontend 10.96.0.1:80 TCP: "));
  world_.files["b.yaml"] = objects({"tune 10.96.0.9:80 -> 10.1.0.5"});
  world_.read();
  EXPECT_EQ(told().back(), Feedback{});
}

TEST_F(ToTheSource, WhatItRemembersIsKeptAsItIs) {
  const auto snapshot = world_.pipeline->snapshot();
  ASSERT_TRUE(snapshot && snapshot->sources.size() == 1);
  EXPECT_EQ(snapshot->sources[0].source_memory, world_.source().memory());
  EXPECT_EQ(snapshot->sources[0].cluster, world_.source().cluster());
  world_.restart();
  EXPECT_EQ(world_.source().restored, world_.source().memory());
}

}  // namespace
}  // namespace holdfast::scenario
