// SPDX-License-Identifier: Apache-2.0
// Alive, dead or unknown (design.md 4.2), and who owns an address (4.4).
#include <gtest/gtest.h>

#include "agent/guard/claims.h"
#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

TEST(Evidence, DeadEndpointsLeaveAlsoTheLastOne) {
  World world;
  world.admit(list({song({"10.0.0.1", "10.0.0.2"})}));
  world.admit(list({song({})}));
  world.refuse_for_long("10.0.0.1");
  EXPECT_EQ(world.shows(), "10.0.0.2(held)");
  world.refuse_for_long("10.0.0.2");
  EXPECT_EQ(world.shows(), "");  // confirmed empty; the Service is still there
  EXPECT_EQ(world.guard.held_services(), 0u);
}

TEST(Evidence, AnAbsentServiceGoesWithItsLastEndpoint) {
  World world;
  world.admit(list({song({"10.0.0.1", "10.0.0.2"})}));
  world.admit(list({}, {"song"}));
  world.refuse_for_long("10.0.0.1");
  EXPECT_EQ(world.shows(), "10.0.0.2(held)");
  world.refuse_for_long("10.0.0.2");
  EXPECT_EQ(world.shows(), "gone");
}

TEST(Evidence, ARefusalIsNotFinalForTwoMinutes) {
  World world;
  world.admit(list({song({"10.0.0.1", "10.0.0.2"})}));
  world.admit(list({song({})}));
  world.evidence("10.0.0.1", Verdict::dead);
  EXPECT_EQ(world.shows(), "10.0.0.1(held)(refused) 10.0.0.2(held)");
  EXPECT_EQ(world.picked(), "10.0.0.2");
  world.evidence("10.0.0.2", Verdict::dead);
  EXPECT_EQ(world.picked(), "") << "a true scale to zero: connects are refused at once";
  world.now += 119s;
  world.evidence("10.0.0.1", Verdict::dead);
  world.evidence("10.0.0.2", Verdict::alive);  // it was a restart
  EXPECT_EQ(world.shows(), "10.0.0.1(held)(refused) 10.0.0.2(held)(alive)");
  world.now += 1s;
  world.evidence("10.0.0.2", Verdict::dead);  // another restart: the clock begins anew
  world.evidence("10.0.0.1", Verdict::unknown);
  EXPECT_EQ(world.shows(), "10.0.0.1(held)(refused) 10.0.0.2(held)(refused)")
      << "time alone ends nothing";
  world.evidence("10.0.0.1", Verdict::silent);  // it refused, and is gone: no reason to wait
  EXPECT_EQ(world.shows(), "10.0.0.2(held)(refused)");
}

TEST(Evidence, SilenceIsNeverFinal) {
  World world;
  world.admit(list({song({"10.0.0.1", "10.0.0.2", "10.0.0.3"})}));
  world.admit(list({song({})}));
  world.evidence("10.0.0.1", Verdict::alive);
  for (int minute = 0; minute < 24 * 60; ++minute) {
    world.now += 60s;
    world.evidence("10.0.0.2", Verdict::silent);
    ASSERT_EQ(world.shows(), "10.0.0.1(held)(alive) 10.0.0.2(held)(silent) 10.0.0.3(held)");
    ASSERT_EQ(world.picked(), "10.0.0.1 10.0.0.3");
  }
  world.evidence("10.0.0.2", Verdict::alive);
  EXPECT_EQ(world.shows(), "10.0.0.1(held)(alive) 10.0.0.2(held)(alive) 10.0.0.3(held)");
}

TEST(Evidence, BySilenceAServiceNeverGoesFromSomeToNone) {
  World world;
  world.admit(list({song({"10.0.0.1", "10.0.0.2"})}));
  world.admit(list({}, {"song"}));
  world.evidence("10.0.0.1", Verdict::silent);
  EXPECT_EQ(world.picked(), "10.0.0.2");
  world.evidence("10.0.0.2", Verdict::silent);
  EXPECT_EQ(world.picked(), "10.0.0.1 10.0.0.2");
}

TEST(Evidence, WhatIsWithdrawnIsUnknownAgain) {
  World world;
  world.admit(list({song({"10.0.0.1"})}));
  world.admit(list({song({})}));
  world.evidence("10.0.0.1", Verdict::dead);
  Evidence found{ip("10.0.0.1"), 8080, Protocol::tcp, Verdict::unknown, "refuses no more", true};
  world.carry(world.guard.evidence({found}, world.now).admitted);
  EXPECT_EQ(world.shows(), "10.0.0.1(held)");
  world.now += 300s;
  world.evidence("10.0.0.1", Verdict::dead);
  EXPECT_EQ(world.shows(), "10.0.0.1(held)(refused)") << "two minutes from now, not from then";
}

TEST(Evidence, ANewLifeFindsOutAnew) {
  World world;
  world.admit(list({song({"10.0.0.1", "10.0.0.2"})}));
  world.admit(list({song({})}));
  world.evidence("10.0.0.1", Verdict::dead);
  world.evidence("10.0.0.2", Verdict::silent);
  World again;
  again.carry(again.guard.restore(world.guard.memory(), again.now));
  EXPECT_EQ(again.shows(), "10.0.0.1(held) 10.0.0.2(held)");
  again.admit(list({song({})}));
  EXPECT_EQ(again.picked(), "10.0.0.1 10.0.0.2");
}

TEST(Evidence, AnOperatorsWordKeepsWhoRefuses) {
  World world;
  world.admit(list({song({"10.0.0.1"})}));
  world.admit(list({song({})}));
  ASSERT_TRUE(world.guard.reject(world.guard.holds().at(0).id));
  world.refuse_for_long("10.0.0.1");
  EXPECT_EQ(world.shows(), "10.0.0.1(held)(silent)");
  EXPECT_EQ(world.picked(), "10.0.0.1");
}

TEST(Evidence, AliveIsShownAndStays) {
  World world;
  world.admit(list({song({"10.0.0.1"})}));
  world.admit(list({song({})}));
  world.evidence("10.0.0.1", Verdict::alive);
  EXPECT_EQ(world.shows(), "10.0.0.1(held)(alive)");
  const Hold hold = world.guard.holds().at(0);
  EXPECT_EQ(hold.endpoints.at(0).verdict, Verdict::alive);
  EXPECT_EQ(hold.endpoints.at(0).evidence, "by a test");
  world.evidence("10.0.0.1", Verdict::unknown);
  EXPECT_EQ(world.guard.holds().at(0).endpoints.at(0).verdict, Verdict::alive);
}

TEST(Evidence, OfWhatIsNotHeldChangesNothing) {
  World world;
  world.admit(list({song({"10.0.0.1", "10.0.0.2"})}));
  world.evidence("10.0.0.1", Verdict::dead);
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2");
  world.admit(list({song({"10.0.0.2"})}));
  world.evidence("10.0.0.1", Verdict::dead, 9999);
  world.evidence("10.0.0.1", Verdict::dead, 8080, Protocol::udp);
  EXPECT_EQ(world.shows(), "10.0.0.1(held) 10.0.0.2");
}

TEST(Evidence, OfLostReadinessTakesTheSourcesWord) {
  World world;
  world.admit(list({song({"10.0.0.1"})}));
  world.admit(list({service("song", {{"10.0.0.1", "", false}})}));
  EXPECT_EQ(world.shows(), "10.0.0.1(held)");
  world.refuse_for_long("10.0.0.1");
  EXPECT_EQ(world.shows(), "10.0.0.1(not ready)");
}

TEST(Evidence, SuspectsAreEveryHeldEndpointOnce) {
  World world;
  const auto image = [](const std::vector<Spec>& specs) { return service("image", specs); };
  world.admit(list({song({"10.0.0.1", "fd00::1"}), image({{"10.0.0.1", ""}})}));
  EXPECT_TRUE(world.guard.suspects().empty());
  world.admit(list({song({}), image({})}));
  const auto suspects = world.guard.suspects();
  ASSERT_EQ(suspects.size(), 2u);
  EXPECT_EQ(format_host_port(suspects[0].address, suspects[0].port), "10.0.0.1:8080");
  EXPECT_EQ(format_host_port(suspects[1].address, suspects[1].port), "[fd00::1]:8080");
  // One verdict counts for both services.
  world.refuse_for_long("10.0.0.1");
  EXPECT_EQ(world.shows("song"), "fd00::1(held)");
  EXPECT_EQ(world.shows("image"), "");
}

class Claimed : public testing::Test {
 protected:
  void SetUp() override {
    world.admit(list({song({"10.0.0.1"}), service("image", {{"10.0.0.9", ""}})}));
  }
  void claim(const Spec& spec) {
    SourceUpdate update = event(std::vector<ServiceChange>{});
    update.claims = {{ip(spec.address), spec.port, Identity::from_text(spec.uid)}};
    world.admit(update);
  }
  World world;
};

TEST_F(Claimed, AServiceThatListsTheAddressForAnotherPodEndsTheHold) {
  world.admit(list({song({})}));
  world.admit(event(service("image", {{"10.0.0.1", "new"}, {"10.0.0.9", ""}})));
  EXPECT_EQ(world.shows(), "");
  EXPECT_EQ(world.shows("image"), "10.0.0.1 10.0.0.9");
}

TEST_F(Claimed, AHeadlessSliceDoesToo) {
  world.admit(list({song({})}));
  claim({"10.0.0.1", "new"});
  EXPECT_EQ(world.shows(), "");
}

TEST_F(Claimed, InTheAnswerInWhichItIsAbsent) {
  world.admit(list({song({}), service("image", {{"10.0.0.1", "new"}})}));
  EXPECT_EQ(world.shows(), "");
}

TEST_F(Claimed, TheSamePortAlsoIfTheClaimCameFirst) {
  claim({"10.0.0.1", "new"});
  EXPECT_EQ(world.shows(), "10.0.0.1");
  world.admit(list({song({})}));
  EXPECT_EQ(world.shows(), "");
}

TEST_F(Claimed, ThePodItselfIsNobodyElse) {
  world.admit(list({song({})}));
  claim({"10.0.0.1", "uid-10.0.0.1"});
  world.admit(event(service("image", {{"10.0.0.1", ""}})));
  EXPECT_EQ(world.shows(), "10.0.0.1(held)");
}

TEST_F(Claimed, AnotherPortOnlyIfItCameAfterTheAbsence) {
  world.admit(list({song({})}));
  claim({"10.0.0.1", "new", true, false, 9090});
  EXPECT_EQ(world.shows(), "");
}

TEST_F(Claimed, AnAddressThatPodsShareIsNoReuse) {
  claim({"10.0.0.1", "exporter", true, false, 9100});
  world.admit(list({song({})}));
  EXPECT_EQ(world.shows(), "10.0.0.1(held)");
  claim({"10.0.0.1", "exporter", true, false, 9100});  // said again
  claim({"10.0.0.1", "proxy", true, false, 9200});     // came later, at a shared address
  EXPECT_EQ(world.shows(), "10.0.0.1(held)");
  claim({"10.0.0.1", "new"});  // the same port
  EXPECT_EQ(world.shows(), "");
}

TEST_F(Claimed, ThePredecessorOfAnAddressIsForgotten) {
  // 10.0.0.7 was image's, and ended by explanation, before song had it.
  world.admit(event(service("image", {{"10.0.0.7", "old"}})));
  world.admit(event(service("image", {}), true));
  world.admit(event(song({"10.0.0.1", "10.0.0.7"})));
  world.admit(list({song({})}));
  EXPECT_EQ(world.shows(), "10.0.0.1(held) 10.0.0.7(held)");
}

TEST_F(Claimed, OverARestart) {
  world.admit(list({song({})}));
  World again;
  again.carry(again.guard.restore(world.guard.memory(), again.now));
  EXPECT_EQ(again.shows(), "10.0.0.1(held)");
  again.admit(list({song({}), service("image", {{"10.0.0.1", "new"}})}));
  EXPECT_EQ(again.shows(), "");
}

TEST(ClaimTable, KeepsOnlyWhatIsListedHeldOrTold) {
  Claims claims;
  const auto one = service("song", {{"10.0.0.1", "a"}, {"10.0.0.2", "b"}});
  const auto two = service("image", {{"10.0.0.1", "a"}});
  claims.begin_update();
  claims.list(nullptr, one.get());
  claims.list(nullptr, two.get());
  EXPECT_EQ(claims.size(), 2u);
  claims.list(one.get(), nullptr);
  claims.sweep();
  EXPECT_EQ(claims.size(), 1u);
  claims.hold(two->pools[0].endpoints[0], +1);
  claims.list(two.get(), nullptr);
  claims.sweep();
  EXPECT_EQ(claims.size(), 1u);
  claims.hold(two->pools[0].endpoints[0], -1);
  claims.sweep();
  EXPECT_EQ(claims.size(), 0u);
}

TEST(ClaimTable, HeadlessClaimsAreBounded) {
  Claims claims;
  AddressClaim claim;
  claim.identity = Identity::from_text("a");
  for (unsigned one = 0; one < 200'000; ++one) {
    claims.begin_update();
    claim.address.bytes[14] = static_cast<std::uint8_t>(one >> 8);
    claim.address.bytes[15] = static_cast<std::uint8_t>(one);
    claim.address.bytes[13] = static_cast<std::uint8_t>(one >> 16);
    claims.headless(claim);
    claims.sweep();
  }
  EXPECT_EQ(claims.size(), 65536u);
}

// What is of no use to anybody goes with it, and holds nothing.
TEST(AbsentService, GoesWithItsLastUsableEndpoint) {
  World world;
  Spec useless{"10.0.0.2"};
  useless.ready = false;
  world.admit(list({service("song", {{"10.0.0.1"}, useless})}));
  world.admit(list({}, {"song"}));
  world.refuse_for_long("10.0.0.1");
  EXPECT_FALSE(world.has("song"));
  EXPECT_EQ(world.guard.held_services(), 0u);
  EXPECT_TRUE(world.guard.holds().empty());
  world.admit(list({}));
}

}  // namespace
}  // namespace holdfast::test
