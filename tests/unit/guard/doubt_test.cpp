// SPDX-License-Identifier: Apache-2.0
// What is used last (design.md 4.2 and 4.10): held and not known alive, or known from an older
// answer only.
#include <gtest/gtest.h>

#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

SourceUpdate older(const std::vector<ServicePtr>& services) {
  SourceUpdate update = list(services);
  update.doubts = {{"", "the API's endpointslices went back"}};
  return update;
}

class Doubted : public testing::Test {
 protected:
  void SetUp() override { world.admit(list({song({"10.0.0.1", "10.0.0.2"})})); }
  World world;
};

TEST_F(Doubted, WhatIsHeldUntilItIsAlive) {
  world.admit(list({song({"10.0.0.1"})}));
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2(held)");
  world.evidence("10.0.0.2", Verdict::unknown);
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2(held)");
  world.evidence("10.0.0.2", Verdict::alive);
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2(held)(alive)");
  world.admit(list({song({"10.0.0.1", "10.0.0.2"})}));
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2");
}

TEST_F(Doubted, WhatLostItsReadinessWithoutAnEvent) {
  world.admit(list({service("song", {{"10.0.0.1", ""}, {"10.0.0.2", "", false}})}));
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2(held)");
  world.evidence("10.0.0.2", Verdict::alive);
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2(held)(alive)");
}

TEST_F(Doubted, WhatIsDeadAndKeptByAnOperator) {
  world.admit(list({song({"10.0.0.1"})}));
  ASSERT_TRUE(world.guard.reject(world.guard.holds().at(0).id));
  world.evidence("10.0.0.2", Verdict::alive);
  world.evidence("10.0.0.2", Verdict::dead);
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2(held)(silent)");
}

TEST_F(Doubted, AVerdictIsNewsOnce) {
  world.admit(list({song({"10.0.0.1"})}));
  const std::vector<Evidence> alive{
      {ip("10.0.0.2"), 8080, Protocol::tcp, Verdict::alive, "answered"}};
  EXPECT_EQ(world.guard.evidence(alive, world.now).news.size(), 1u);
  const Judged again = world.guard.evidence(alive, world.now);
  EXPECT_TRUE(again.news.empty());
  EXPECT_TRUE(again.admitted.empty());
}

TEST_F(Doubted, ManyFindingsChangeAServiceOnce) {
  world.admit(list({song({})}));
  const Judged judged =
      world.guard.evidence({{ip("10.0.0.1"), 8080, Protocol::tcp, Verdict::alive, "answered"},
                            {ip("10.0.0.2"), 8080, Protocol::tcp, Verdict::dead, "refused"}},
                           world.now);
  EXPECT_EQ(judged.news.size(), 2u);
  ASSERT_EQ(judged.admitted.size(), 1u);
  world.carry(judged.admitted);
  EXPECT_EQ(world.shows(), "10.0.0.1(held)(alive) 10.0.0.2(held)(refused)");
}

TEST_F(Doubted, AnAdditionOfAnOlderAnswerUntilAnUndoubtedOneListsIt) {
  world.admit(older({song({"10.0.0.1", "10.0.0.2", "10.0.0.3"})}));
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2 10.0.0.3(last)");
  EXPECT_EQ(world.guard.held_services(), 0u);
  SourceUpdate silent = list({});  // lists tell what differs only
  silent.doubts = {{"", "still older"}};
  world.admit(silent);
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2 10.0.0.3(last)");
  world.admit(list({}));
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2 10.0.0.3");
}

TEST_F(Doubted, AnAdditionOfAnOlderAnswerUntilItIsAlive) {
  world.admit(older({song({"10.0.0.1", "10.0.0.2", "10.0.0.3"})}));
  const auto suspects = world.guard.suspects();
  ASSERT_EQ(suspects.size(), 1u);
  EXPECT_EQ(suspects[0].address, ip("10.0.0.3"));
  EXPECT_FALSE(suspects[0].picked);
  world.evidence("10.0.0.3", Verdict::dead);  // it is listed: used last, no more
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2 10.0.0.3(last)");
  world.evidence("10.0.0.3", Verdict::alive);
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2 10.0.0.3");
  EXPECT_TRUE(world.guard.suspects().empty());
}

TEST_F(Doubted, AnAdditionByAnEventIsNot) {
  SourceUpdate update = event(song({"10.0.0.1", "10.0.0.2", "10.0.0.3"}));
  update.doubts = {{"", "still older"}};
  world.admit(update);
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2 10.0.0.3");
}

TEST_F(Doubted, ABrokenFileDoubtsNoAdditionOfAnother) {
  SourceUpdate update = list({song({"10.0.0.1", "10.0.0.2", "10.0.0.3"})});
  update.doubts = {{"b.yaml", "line 3: no mapping"}};
  world.admit(update);
  EXPECT_EQ(world.shows(), "10.0.0.1 10.0.0.2 10.0.0.3");
}

TEST_F(Doubted, AnotherPodAtAKnownAddressIsAnAddition) {
  world.admit(older({service("song", {{"10.0.0.1", "old"}, {"10.0.0.2", ""}})}));
  EXPECT_EQ(world.shows(), "10.0.0.1(last) 10.0.0.2");
}

TEST_F(Doubted, AServiceThatOnlyAnOlderAnswerLists) {
  world.admit(older({service("image", {{"10.0.0.7", ""}})}));
  EXPECT_EQ(world.shows("image"), "10.0.0.7(last)");
  EXPECT_TRUE(world.guard.suspects().at(0).picked) << "there is no other";
  auto trusted = service("artist", {{"10.0.0.8", ""}});
  trusted->policy.guard = GuardMode::trust;
  world.admit(older({trusted}));
  EXPECT_EQ(world.shows("artist"), "10.0.0.8");
}

TEST_F(Doubted, OverARestart) {
  world.admit(older({song({"10.0.0.1", "10.0.0.3"})}));
  world.admit(list({service("image", {{"10.0.0.7", ""}})}));  // confirms 10.0.0.3
  world.admit(older({song({"10.0.0.1", "10.0.0.3", "10.0.0.4"}), service("image", {})}));
  world.evidence("10.0.0.7", Verdict::alive);
  const std::string before = world.shows() + "; " + world.shows("image");
  EXPECT_EQ(before, "10.0.0.1 10.0.0.2(held) 10.0.0.3 10.0.0.4(last); 10.0.0.7(held)(alive)");
  World again;
  again.carry(again.guard.restore(world.guard.memory(), again.now));
  EXPECT_EQ(again.shows() + "; " + again.shows("image"), before);
  again.admit(list({song({"10.0.0.1", "10.0.0.3", "10.0.0.4"}), service("image", {})}));
  EXPECT_EQ(again.shows() + "; " + again.shows("image"),
            "10.0.0.1 10.0.0.2(held) 10.0.0.3 10.0.0.4; 10.0.0.7(held)(alive)");
}

TEST_F(Doubted, SuspectsSayWhetherTheyArePicked) {
  world.admit(list({song({"10.0.0.1"})}));
  ASSERT_EQ(world.guard.suspects().size(), 1u);
  EXPECT_FALSE(world.guard.suspects()[0].picked);
  world.admit(list({song({})}));
  ASSERT_EQ(world.guard.suspects().size(), 2u);
  EXPECT_TRUE(world.guard.suspects()[0].picked);
  const auto revision = world.guard.suspects_revision();
  world.evidence("10.0.0.1", Verdict::alive);
  EXPECT_NE(world.guard.suspects_revision(), revision) << "10.0.0.2 is picked no more";
  EXPECT_FALSE(world.guard.suspects()[1].picked);
}

}  // namespace
}  // namespace holdfast::test
