// SPDX-License-Identifier: Apache-2.0
// What an operator decides about everything that is held, as one change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

class Decision : public testing::Test {
 protected:
  // Three services, of each an endpoint that a list no longer has; one of them is absent whole.
  void SetUp() override {
    world.admit(list({of("a", {"10.0.0.1", "10.0.0.2"}), of("b", {"10.0.1.1", "10.0.1.2"}),
                      of("c", {"10.0.2.1"})}));
    world.now += 10s;
    world.admit(list({of("a", {"10.0.0.1"}), of("b", {"10.0.1.1"})}, {"c"}));
    ASSERT_EQ(world.guard.held_services(), 3u);
  }
  static ServicePtr of(const std::string& name, const std::vector<std::string>& addresses) {
    std::vector<Spec> specs;
    for (const std::string& address : addresses) specs.push_back({address});
    return service(name, specs);
  }
  World world;
};

TEST_F(Decision, ASummaryCountsWithoutNamingAnybody) {
  const HoldSummary summary = world.guard.summary();
  EXPECT_EQ(summary.services, 3u);
  EXPECT_EQ(summary.endpoints, 3u);
  EXPECT_EQ(summary.oldest, world.now);
  EXPECT_EQ(World().guard.summary().oldest, std::nullopt);
}

TEST_F(Decision, NamesAreThoseOfTheHolds) {
  const auto names = world.guard.hold_names();
  const auto holds = world.guard.holds();
  ASSERT_EQ(names.size(), holds.size());
  for (std::size_t index = 0; index < names.size(); ++index) {
    EXPECT_EQ(names[index].id, holds[index].id);
    EXPECT_EQ(names[index].service, holds[index].service);
  }
}

TEST_F(Decision, AllThatIsHeldIsAcceptedAsOneChange) {
  const auto admitted = world.guard.accept_all(world.now);
  EXPECT_EQ(admitted.size(), 3u);
  world.carry(admitted);
  EXPECT_EQ(world.shows("a"), "10.0.0.1");
  EXPECT_EQ(world.shows("b"), "10.0.1.1");
  EXPECT_EQ(world.shows("c"), "gone");
  EXPECT_EQ(world.guard.held_services(), 0u);
  EXPECT_TRUE(world.guard.accept_all(world.now).empty());
}

TEST_F(Decision, AllThatIsHeldIsRejectedAndStays) {
  world.guard.reject_all();
  for (const Hold& hold : world.guard.holds()) EXPECT_EQ(hold.state, HoldState::rejected);
  world.now += 1h;
  world.admit(list({of("a", {"10.0.0.1"}), of("b", {"10.0.1.1"})}, {"c"}));
  EXPECT_EQ(world.guard.held_services(), 3u);
}

}  // namespace
}  // namespace holdfast::test
