// SPDX-License-Identifier: Apache-2.0
// Why something is held: every reason there is, by the history that leads to it.
#include <gtest/gtest.h>

#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

std::size_t total(const HoldSummary& summary) {
  std::size_t count = 0;
  for (const std::size_t one : summary.by_reason) count += one;
  return count;
}

// Of the one hold there is; news, list and summary say the same.
std::string reason(World& world) {
  const auto holds = world.guard.holds();
  const auto news = world.guard.take_news();
  const HoldSummary summary = world.guard.summary();
  if (holds.size() != 1 || news.size() != 1 || total(summary) != 1) return "not one hold";
  const HoldReason reason = holds[0].cause.reason;
  EXPECT_EQ(news[0].cause, holds[0].cause);
  EXPECT_EQ(summary.by_reason[static_cast<std::size_t>(reason)], 1u);
  return std::string(to_string(reason));
}

ServicePtr filed(bool ready = true) {
  return service("song", {{"10.0.0.1", "", ready, false, 8080, "n1", "a.yaml"}}, "a.yaml");
}

SourceUpdate gone(Basis basis) {
  SourceUpdate update = event(std::vector<ServiceChange>{{key("song"), nullptr, false, basis, {}}});
  update.list = update.complete = basis == Basis::list;
  return update;
}

TEST(Reasons, AbsentFromAList) {
  World world;
  world.admit(list({song({"10.0.0.1"})}));
  world.admit(list({}, {"song"}));
  EXPECT_EQ(reason(world), "list_absent");
}

TEST(Reasons, NotReadyInAList) {
  World world;
  world.admit(list({song({"10.0.0.1"})}));
  world.admit(list({service("song", {{"10.0.0.1", "", false}})}));
  EXPECT_EQ(reason(world), "list_unready");
}

TEST(Reasons, AbsentOtherwise) {
  World world;
  world.admit(list({song({"10.0.0.1"})}));
  world.admit(gone(Basis::event));
  EXPECT_EQ(reason(world), "unexplained");
}

TEST(Reasons, APartInDoubt) {
  World world;
  world.admit(event(filed()));
  SourceUpdate update = gone(Basis::event);
  update.doubts = {{"b.yaml", "the file lists nothing"}, {"a.yaml", "the file vanished"}};
  world.admit(update);
  EXPECT_EQ(reason(world), "doubted");
  EXPECT_EQ(world.guard.holds()[0].cause.detail, "a.yaml: the file vanished");
}

TEST(Reasons, NotAllOfItWasSaid) {
  World world;
  world.admit(event(filed()));
  world.admit(gone(Basis::event));
  EXPECT_EQ(reason(world), "incomplete");
}

TEST(Reasons, HeldInAnEarlierLife) {
  World before;
  before.admit(list({song({"10.0.0.1"})}));
  before.admit(list({}, {"song"}));
  World world;
  world.carry(world.guard.restore(before.guard.memory(), world.now));
  EXPECT_EQ(reason(world), "restored");
}

TEST(Reasons, AnAccident) {
  World world;
  GuardSettings settings;
  settings.accident_services = 1;
  settings.accident_nodes = 1;
  world.guard = Guard("kube", settings);
  world.admit(list({song({"10.0.0.1"})}));
  world.admit(event(service("song", {{"10.0.0.1", "", false}})));
  EXPECT_EQ(reason(world), "accident");
}

TEST(Reasons, ANewReasonReplacesTheOldOne) {
  World world;
  world.admit(list({song({"10.0.0.1", "10.0.0.2"})}));
  world.admit(list({song({"10.0.0.2"})}));
  EXPECT_EQ(reason(world), "list_absent");
  world.admit(event(song({"10.0.0.2"})));
  EXPECT_EQ(to_string(world.guard.holds().at(0).cause.reason), "unexplained");
  world.evidence("10.0.0.1", Verdict::alive);  // it says nothing of why
  EXPECT_EQ(to_string(world.guard.holds().at(0).cause.reason), "unexplained");
}

}  // namespace
}  // namespace holdfast::test
