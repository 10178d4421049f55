// SPDX-License-Identifier: Apache-2.0
// Explained or not, by event and by list (design.md 4.1 and 4.3).
#include <gtest/gtest.h>

#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

class Lists : public testing::Test {
 protected:
  void start(const std::vector<std::string>& addresses) {
    // Enough others, so that no threshold is near.
    std::vector<ServicePtr> all = {song(addresses)};
    for (int one = 0; one < 40; ++one) {
      all.push_back(
          service(fmt::format("other{}", one), {{fmt::format("10.9.0.{}", one + 1), ""}}));
    }
    world.admit(list(all));
    EXPECT_EQ(world.guard.held_services(), 0u);
  }
  World world;
};

TEST_F(Lists, AnExplainedChangeAppliesEveryRemovalAtOnce) {
  start({"10.0.0.1", "10.0.0.2"});
  world.admit(event(song({}), true));
  EXPECT_EQ(world.shows(), "");
  EXPECT_EQ(world.guard.held_services(), 0u);
}

TEST_F(Lists, AnExplainedDeleteOfAServiceAppliesAtOnceAndSaysSo) {
  start({"10.0.0.1"});
  const auto admitted = world.guard.admit(event({{key("song"), nullptr, true}}), world.now);
  ASSERT_EQ(admitted.size(), 1u);
  EXPECT_EQ(admitted[0].now, nullptr);
  EXPECT_TRUE(admitted[0].explained_delete);
}

TEST_F(Lists, AnEventThatExplainsNothingHoldsWhatVanished) {
  start({"10.0.0.1", "10.0.0.2"});
  world.admit(event(song({})));
  EXPECT_EQ(world.shows(), "10.0.0.1(held) 10.0.0.2(held)");
  const auto holds = world.guard.holds();
  ASSERT_EQ(holds.size(), 1u);
  EXPECT_FALSE(holds[0].whole_service);
  EXPECT_EQ(holds[0].endpoints.size(), 2u);
  EXPECT_EQ(holds[0].absences, 0u);  // no list yet
}

TEST_F(Lists, NamedEndpointsLeaveAtOnceTheOthersAreHeld) {
  start({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  ServiceChange partly = change(Basis::event, song({"10.0.0.3"}));
  partly.explained_endpoints = {{ip("10.0.0.1"), 8080}};
  world.admit(event({partly}));
  EXPECT_EQ(world.shows(), "10.0.0.2(held) 10.0.0.3");
}

TEST_F(Lists, AnEndpointThatWasSeenTerminatingNeedsNoExplanation) {
  start({"10.0.0.1", "10.0.0.2"});
  world.admit(event(service("song", {{"10.0.0.1", "", true, true}, {"10.0.0.2", ""}})));
  world.admit(list({song({"10.0.0.2"})}));
  EXPECT_EQ(world.shows(), "10.0.0.2");
}

TEST_F(Lists, ReadinessLostByAnEventApplies) {
  start({"10.0.0.1", "10.0.0.2"});
  world.admit(event(service("song", {{"10.0.0.1", "", false}, {"10.0.0.2", ""}})));
  EXPECT_EQ(world.shows(), "10.0.0.1(not ready) 10.0.0.2");
  EXPECT_EQ(world.guard.held_services(), 0u);
}

TEST_F(Lists, ReadinessLostInAListIsHeldUntilAnEventSaysIt) {
  start({"10.0.0.1", "10.0.0.2"});
  world.admit(list({service("song", {{"10.0.0.1", "", false}, {"10.0.0.2", ""}})}));
  EXPECT_EQ(world.shows(), "10.0.0.1(held) 10.0.0.2");
  // An event of another endpoint explains nothing of this one.
  world.admit(
      event(service("song", {{"10.0.0.1", "", false}, {"10.0.0.2", ""}, {"10.0.0.3", ""}}), true));
  EXPECT_EQ(world.shows(), "10.0.0.1(held) 10.0.0.2 10.0.0.3");
  // Ready again ends the hold silently; then the event is about this endpoint.
  world.admit(list({song({"10.0.0.1", "10.0.0.2", "10.0.0.3"})}));
  EXPECT_EQ(world.guard.held_services(), 0u);
  world.admit(
      event(service("song", {{"10.0.0.1", "", false}, {"10.0.0.2", ""}, {"10.0.0.3", ""}})));
  EXPECT_EQ(world.shows(), "10.0.0.1(not ready) 10.0.0.2 10.0.0.3");
}

TEST_F(Lists, AServiceAbsentFromAListIsHeldWhole) {
  start({"10.0.0.1"});
  world.admit(list({}, {"song"}));
  EXPECT_EQ(world.shows(), "10.0.0.1(held)");
  EXPECT_TRUE(world.guard.holds().at(0).whole_service);
  world.admit(list({song({"10.0.0.1"})}));
  EXPECT_EQ(world.shows(), "10.0.0.1");
  EXPECT_EQ(world.guard.held_services(), 0u);
}

TEST_F(Lists, AnExplainedEventReleasesWhatAListHeld) {
  start({"10.0.0.1"});
  world.admit(list({}, {"song"}));
  world.admit(event({{key("song"), nullptr, true}}));
  EXPECT_EQ(world.shows(), "gone");
}

TEST_F(Lists, ThreeListsThirtySecondsApartApplyAnAbsence) {
  start({"10.0.0.1", "10.0.0.2"});
  const auto without = list({song({"10.0.0.2"})});
  world.admit(without);
  for (int repeat = 0; repeat < 10; ++repeat) {  // too close to count
    world.now += 2s;
    world.admit(list({}));
  }
  EXPECT_EQ(world.guard.holds().at(0).absences, 1u);
  world.now += 10s;
  world.admit(list({}));
  EXPECT_EQ(world.guard.holds().at(0).absences, 2u);
  EXPECT_EQ(world.shows(), "10.0.0.1(held) 10.0.0.2");
  world.now += 30s;
  world.admit(list({}));
  EXPECT_EQ(world.shows(), "10.0.0.2");
  EXPECT_EQ(world.guard.held_services(), 0u);
}

TEST_F(Lists, ListsInDoubtCountNothing) {
  start({"10.0.0.1", "10.0.0.2"});
  auto doubted = list({song({"10.0.0.2"})});
  doubted.doubts = {{"", "an older answer"}};
  for (int repeat = 0; repeat < 9; ++repeat) {
    world.admit(doubted);
    world.now += 31s;
  }
  EXPECT_EQ(world.shows(), "10.0.0.1(held) 10.0.0.2");
  EXPECT_EQ(describe(world.guard.holds().at(0).cause), "an older answer");
  EXPECT_EQ(world.guard.holds().at(0).absences, 0u);
}

TEST_F(Lists, TheLastOnesStayHoweverOftenTheyAreAbsent) {
  start({"10.0.0.1", "10.0.0.2"});
  for (int repeat = 0; repeat < 9; ++repeat) {
    world.admit(list({song({})}));
    world.now += 31s;
  }
  EXPECT_EQ(world.shows(), "10.0.0.1(held) 10.0.0.2(held)");
  // Another one that is ready by the source's word: now they may leave.
  world.admit(event(song({"10.0.0.3"}), true));
  EXPECT_EQ(world.shows(), "10.0.0.3");
}

TEST_F(Lists, AnAbsentServiceThatServesStaysOneThatDoesNotLeaves) {
  start({"10.0.0.1"});
  world.admit(event(service("idle", {})));
  for (int repeat = 0; repeat < 4; ++repeat) {
    world.admit(list(
        {}, repeat == 0 ? std::vector<std::string>{"song", "idle"} : std::vector<std::string>{}));
    world.now += 31s;
  }
  EXPECT_EQ(world.shows("song"), "10.0.0.1(held)");
  EXPECT_EQ(world.shows("idle"), "gone");
}

TEST_F(Lists, OnlyWhatIsExplainedLeavesATombstone) {
  const auto inferred = [&] {
    std::vector<Admitted> last;
    for (int repeat = 0; repeat < 3; ++repeat) {
      last = world.guard.admit(list({}, {"idle"}), world.now);
      world.now += 31s;
    }
    return last;
  };
  start({"10.0.0.1"});
  world.admit(event(service("idle", {})));
  const auto admitted = inferred();
  ASSERT_EQ(admitted.size(), 1u);
  EXPECT_EQ(admitted[0].now, nullptr);
  EXPECT_FALSE(admitted[0].explained_delete);
  world.admit(list({}, {"song"}));
  world.evidence("10.0.0.1", Verdict::dead);
  world.now += 120s;
  const auto dead = world.guard.evidence(
      {{ip("10.0.0.1"), 8080, Protocol::tcp, Verdict::dead, "refused"}}, world.now);
  ASSERT_EQ(dead.admitted.size(), 1u);
  EXPECT_TRUE(dead.admitted[0].explained_delete);
}

TEST_F(Lists, AnAbsenceSeenInBetweenStartsAgain) {
  start({"10.0.0.1", "10.0.0.2"});
  for (int repeat = 0; repeat < 5; ++repeat) {
    world.admit(list({song({"10.0.0.2"})}));
    world.now += 31s;
    world.admit(list({}));
    world.now += 31s;
    world.admit(list({song({"10.0.0.1", "10.0.0.2"})}));
    EXPECT_EQ(world.guard.held_services(), 0u);
    world.now += 31s;
  }
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2");
}

TEST_F(Lists, TrustedServicesAndADisabledGuardHoldNothing) {
  start({"10.0.0.1"});
  auto trusted = service("song", {});
  trusted->policy.guard = GuardMode::trust;
  world.admit(list({trusted}));
  EXPECT_EQ(world.shows(), "");

  GuardSettings off;
  off.enabled = false;
  World sabotaged(off);
  sabotaged.admit(list({song({"10.0.0.1"})}));
  sabotaged.admit(list({song({})}));
  EXPECT_EQ(sabotaged.shows(), "");
  sabotaged.admit(list({}, {"song"}));
  EXPECT_EQ(sabotaged.shows(), "gone");
}

TEST_F(Lists, AnOperatorEndsAHoldOrKeepsIt) {
  start({"10.0.0.1", "10.0.0.2"});
  world.admit(list({song({"10.0.0.2"})}));
  ASSERT_TRUE(world.guard.reject(world.guard.holds().at(0).id));
  for (int repeat = 0; repeat < 5; ++repeat) {
    world.now += 31s;
    world.admit(list({}));
  }
  world.refuse_for_long("10.0.0.1");
  EXPECT_EQ(world.shows(), "10.0.0.1(held)(silent) 10.0.0.2");
  EXPECT_EQ(world.guard.holds().at(0).state, HoldState::rejected);
  world.accept();
  EXPECT_EQ(world.shows(), "10.0.0.2");
  EXPECT_FALSE(world.guard.accept("00000000", world.now));
  EXPECT_FALSE(world.guard.reject("00000000"));
}

TEST_F(Lists, OpenedAndEndedHoldsAreNewsOnce) {
  start({"10.0.0.1"});
  world.admit(list({}, {"song"}));
  world.admit(list({}));
  auto news = world.guard.take_news();
  ASSERT_EQ(news.size(), 1u);
  EXPECT_TRUE(news[0].opened);
  EXPECT_EQ(describe(news[0].cause), "absent from a list, and no event explains it");
  world.admit(list({song({"10.0.0.1"})}));
  news = world.guard.take_news();
  ASSERT_EQ(news.size(), 1u);
  EXPECT_FALSE(news[0].opened);
}

// 40 endpoints behind 8 services.
std::vector<ServicePtr> eight(int kept_of_five, int touched) {
  std::vector<ServicePtr> all;
  for (int one = 0; one < 8; ++one) {
    std::vector<Spec> specs;
    for (int pod = 0; pod < (one < touched ? kept_of_five : 5); ++pod) {
      specs.push_back({fmt::format("10.1.{}.{}", one, pod + 1), ""});
    }
    all.push_back(service(fmt::format("s{}", one), specs));
  }
  return all;
}

TEST(Thresholds, BeyondThemOnlyEvidenceOrAnOperatorResolves) {
  World world;
  world.admit(list(eight(5, 8)));
  world.admit(list(eight(2, 5)));  // 15 of 40 endpoints
  ASSERT_EQ(world.guard.held_services(), 5u);
  for (int repeat = 0; repeat < 9; ++repeat) {
    world.now += 31s;
    world.admit(list({}));
  }
  EXPECT_EQ(world.guard.held_services(), 5u);
  EXPECT_TRUE(world.guard.holds().at(0).beyond_thresholds);
  for (const char* const dead : {"10.1.0.3", "10.1.0.4", "10.1.0.5"}) {
    world.refuse_for_long(dead);
  }
  EXPECT_EQ(world.shows("s0"), "10.1.0.1 10.1.0.2");
  EXPECT_EQ(world.guard.held_services(), 4u);
}

TEST(Thresholds, BelowThemAbsencesAreBelievedAndTheyAreSettings) {
  const auto after_three = [](const GuardSettings& settings) {
    World world(settings);
    world.admit(list(eight(5, 8)));
    world.admit(list(eight(2, 4)));  // 12 of 40: 30 %, not more
    for (int repeat = 0; repeat < 3; ++repeat) {
      world.now += 31s;
      world.admit(list({}));
    }
    return world.guard.held_services();
  };
  EXPECT_EQ(after_three({}), 0u);
  GuardSettings strict;
  strict.hold_endpoints_percent = 29;
  EXPECT_EQ(after_three(strict), 4u);
  strict.hold_endpoints_least = 13;
  EXPECT_EQ(after_three(strict), 0u);
}

TEST(Thresholds, RemovalsFartherApartThanTheWindowDoNotAddUp) {
  World world;
  world.admit(list(eight(5, 8)));
  for (int touched = 1; touched <= 5; ++touched) {
    world.admit(list(eight(2, touched)));
    world.now += 61s;
  }
  for (int repeat = 0; repeat < 3; ++repeat) {
    world.now += 31s;
    world.admit(list({}));
  }
  EXPECT_EQ(world.guard.held_services(), 0u);
}

TEST(Thresholds, ManyServicesGoneAtOnceAreHeldThroughARestart) {
  World world;
  world.admit(list(eight(5, 8)));
  world.admit(list(eight(0, 3)));  // 3 of 8 services lose all
  const GuardMemory memory = world.guard.memory();
  World again;
  again.carry(again.guard.restore(memory, again.now));
  EXPECT_EQ(again.guard.held_services(), 3u);
  EXPECT_TRUE(again.guard.holds().at(0).beyond_thresholds);
}

}  // namespace
}  // namespace holdfast::test
