// SPDX-License-Identifier: Apache-2.0
// An accident of the control plane in `ready: false` (design.md 4.1), and what a restart keeps.
#include <gtest/gtest.h>

#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

class Accident : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<ServicePtr> all;
    for (int one = 0; one < 4; ++one) all.push_back(numbered(one, true));
    world.admit(list(all));
  }
  static ServicePtr numbered(int one, bool ready, bool terminating = false) {
    return service(fmt::format("s{}", one), {{fmt::format("10.0.0.{}", one), "", ready, terminating,
                                              8080, fmt::format("n{}", one % 2)}});
  }
  void lose(int one) { world.admit(event(numbered(one, false))); }
  World world;
};

TEST_F(Accident, OneLossSettlesForASecondAndApplies) {
  lose(0);
  EXPECT_EQ(world.shows("s0"), "10.0.0.0");
  ASSERT_TRUE(world.guard.next_deadline());
  world.now += 1s;
  world.tick();
  EXPECT_EQ(world.shows("s0"), "10.0.0.0(not ready)");
  EXPECT_FALSE(world.guard.next_deadline());
}

TEST_F(Accident, ALossThatIsBackWhileItSettlesWasNone) {
  lose(0);
  world.admit(event(numbered(0, true)));
  world.now += 2s;
  world.tick();
  EXPECT_EQ(world.shows("s0"), "10.0.0.0");
}

TEST_F(Accident, ThreeServicesOnTwoNodesAreTakenBack) {
  lose(0);
  world.now += 20s;
  world.tick();
  EXPECT_EQ(world.shows("s0"), "10.0.0.0(not ready)");
  lose(1);
  world.now += 20s;
  world.tick();
  lose(2);
  for (const char* const name : {"s0", "s1", "s2"}) {
    EXPECT_NE(world.shows(name).find("(held)"), std::string::npos) << name;
    EXPECT_EQ(world.shows(name).find("not ready"), std::string::npos) << name;
  }
  EXPECT_EQ(world.guard.held_services(), 3u);
  EXPECT_EQ(describe(world.guard.holds().at(0).cause),
            "3 services on several nodes lost their last ready endpoint within 60 s, with nothing "
            "terminating");
  // One more joins at once.
  lose(3);
  EXPECT_EQ(world.guard.held_services(), 4u);
  // No number of lists ends it; ready again does.
  for (int repeat = 0; repeat < 9; ++repeat) {
    world.now += 31s;
    world.admit(list({}));
  }
  EXPECT_EQ(world.guard.held_services(), 4u);
  world.admit(event(numbered(0, true)));
  EXPECT_EQ(world.shows("s0"), "10.0.0.0");
  EXPECT_EQ(world.guard.held_services(), 3u);
}

TEST_F(Accident, SpreadOverMoreThanTheWindowIsNone) {
  for (int one = 0; one < 4; ++one) {
    lose(one);
    world.now += 40s;
    world.tick();
  }
  EXPECT_EQ(world.guard.held_services(), 0u);
}

TEST_F(Accident, OfOneNodeIsNone) {
  lose(0);
  lose(2);
  world.admit(list({service("s4", {{"10.0.0.4", "", true, false, 8080, "n0"}})}));
  world.admit(event(service("s4", {{"10.0.0.4", "", false, false, 8080, "n0"}})));
  world.now += 1s;
  world.tick();
  EXPECT_EQ(world.guard.held_services(), 0u);
}

TEST_F(Accident, WithSomethingTerminatingIsNone) {
  for (int one = 0; one < 3; ++one) world.admit(event(numbered(one, true, true)));
  EXPECT_EQ(world.guard.held_services(), 0u);
  EXPECT_FALSE(world.guard.next_deadline());
}

TEST_F(Accident, WhatIsExplainedLaterLeavesTheHold) {
  for (int one = 0; one < 3; ++one) lose(one);
  ASSERT_EQ(world.guard.held_services(), 3u);
  world.admit(event(numbered(0, false, true)));
  EXPECT_EQ(world.guard.held_services(), 2u);
  world.admit(event({{key("s1"), nullptr, true}}));
  EXPECT_EQ(world.shows("s1"), "gone");
  world.refuse_for_long("10.0.0.2");
  EXPECT_EQ(world.shows("s2"), "10.0.0.2(not ready)");
}

TEST_F(Accident, AnOperatorsWordIsNotTakenBack) {
  for (int one = 0; one < 3; ++one) lose(one);
  world.accept();
  EXPECT_EQ(world.shows("s0"), "10.0.0.0(not ready)");
  lose(3);
  EXPECT_EQ(world.shows("s0"), "10.0.0.0(not ready)");
}

TEST_F(Accident, ADisabledGuardLetsItThrough) {
  GuardSettings off;
  off.enabled = false;
  World sabotaged(off);
  for (int one = 0; one < 3; ++one) sabotaged.admit(event(numbered(one, true)));
  for (int one = 0; one < 3; ++one) sabotaged.admit(event(numbered(one, false)));
  EXPECT_EQ(sabotaged.shows("s0"), "10.0.0.0(not ready)");
  EXPECT_EQ(sabotaged.guard.held_services(), 0u);
}

class Restart : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<ServicePtr> all;
    for (int one = 0; one < 40; ++one) {
      all.push_back(service(fmt::format("o{}", one), {{fmt::format("10.9.0.{}", one + 1)}}));
    }
    all.push_back(song({"10.0.0.1", "10.0.0.2"}));
    before.admit(list(all));
  }
  void restart() { after.carry(after.guard.restore(before.guard.memory(), after.now)); }
  World before, after;
};

TEST_F(Restart, NothingIsJudgedBeforeACompleteAnswer) {
  restart();
  EXPECT_EQ(after.services.size(), 41u);
  after.admit(event(service("new", {{"10.0.0.5"}})));  // of an incomplete list
  EXPECT_EQ(after.guard.held_services(), 0u);
  after.admit(list({song({"10.0.0.1", "10.0.0.2"})}));
  EXPECT_EQ(after.shows(), "10.0.0.1 10.0.0.2");
  EXPECT_EQ(after.guard.held_services(), 40u);  // absent from the first list
  EXPECT_TRUE(after.guard.holds().at(0).beyond_thresholds);
}

TEST_F(Restart, HeldAndRejectedSurvive) {
  before.admit(list({song({"10.0.0.2"})}, {"o0"}));
  ASSERT_TRUE(before.guard.reject(before.guard.holds().at(0).id));
  restart();
  ASSERT_EQ(after.guard.held_services(), 2u);
  EXPECT_EQ(after.guard.holds().at(0).state, HoldState::rejected);
  EXPECT_TRUE(after.guard.holds().at(0).whole_service);
  EXPECT_EQ(after.shows(), "10.0.0.1(held) 10.0.0.2");
}

TEST_F(Restart, EvidenceAndAnOperatorCountBeforeTheSourceSpeaks) {
  before.admit(list({song({})}, {"o0", "o1"}));
  restart();
  after.refuse_for_long("10.0.0.1");
  EXPECT_EQ(after.shows(), "10.0.0.2(held)");
  after.refuse_for_long("10.9.0.1");
  EXPECT_EQ(after.shows("o0"), "gone");
  ASSERT_EQ(after.guard.holds().at(1).service, key("song"));
  after.carry(after.guard.accept(after.guard.holds().at(1).id, after.now).value());
  EXPECT_EQ(after.shows(), "");
  EXPECT_TRUE(after.has("song"));
}

}  // namespace
}  // namespace holdfast::test
