// SPDX-License-Identifier: Apache-2.0
// A generation that does not fit is refused whole; and the referee's own sabotage arms.
#include <algorithm>

#include "tests/unit/plan/planner_fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Each map in turn is the one that is full: the refusal names it, and leaves no trace.
TEST_F(PlannerTest, WhatDoesNotFitIsRefusedWholeAndNamesTheMap) {
  struct Case {
    const char* map;
    Capacity capacity;
  };
  const Case cases[] = {
      {"'frontends'", {2, 16, 40, 512, 80, 200}}, {"'service_names'", {64, 2, 40, 512, 80, 200}},
      {"'pools'", {64, 16, 2, 512, 80, 200}},     {"'slots'", {64, 16, 40, 4, 80, 200}},
      {"'endpoints'", {64, 16, 40, 512, 4, 200}}, {"'strings'", {64, 16, 40, 512, 80, 5}},
  };
  for (const auto& [map, capacity] : cases) {
    start(capacity);
    ASSERT_TRUE(change({song({"10.1.0.1"})})) << map;
    const Usage before = planner_->usage();
    const auto image = build::service("image", {"10.96.0.2", "10.96.0.3"},
                                      {"10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"});
    const auto refused = change({image, song({"10.1.0.9"})});
    ASSERT_FALSE(refused) << map;
    EXPECT_EQ(refused.error().code, Errc::exhausted);
    EXPECT_THAT(refused.error().what, HasSubstr(map));
    EXPECT_THAT(refused.error().what, HasSubstr("capacity"));
    const Usage after = planner_->usage();
    EXPECT_EQ(std::tuple(before.frontends, before.services, before.pools, before.slots,
                         before.endpoints, before.strings, before.draining),
              std::tuple(after.frontends, after.services, after.pools, after.slots, after.endpoints,
                         after.strings, after.draining))
        << map;
    EXPECT_EQ(kinds(*change({song({"10.1.0.1"})})), "meta") << map << ": the old one serves on";
    EXPECT_TRUE(change({song({"10.1.0.2"})})) << map << ": and what fits is planned";
  }
}

TEST_F(PlannerTest, EverythingThatIsLackingIsSaidAtOnce) {
  start({2, 2, 2, 4, 4, 6});
  change({song({"10.1.0.1"})});
  const auto refused = change({build::service("image", {"10.96.0.2", "10.96.0.3"},
                                              {"10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"})});
  ASSERT_FALSE(refused);
  for (const char* map : {"frontends", "service_names", "pools", "slots", "endpoints"})
    EXPECT_THAT(refused.error().what, HasSubstr(map));
}

// The referee must see a broken rule, or its silence above says nothing.
class RefereeSabotage : public PlannerTest {
 protected:
  std::vector<std::string> broken(void (*sabotage)(Diff&)) {
    change({song({"10.1.0.1", "10.1.0.2"}), build::service("image", {"10.96.0.2"}, {"10.1.0.3"})});
    const auto before = services_;
    Referee referee(referee_.image());
    for (const int round : {4, 5, 6}) {
      const auto now = song({"10.1.0." + std::to_string(round), "10.1.0.2"});
      auto diff = planner_->plan({++number_, {{now->key, now, "file"}}});
      sabotage(*diff);
      std::vector<CatalogChange> after{services_[1], {now->key, now, "file"}};
      referee.expect(services_, after);
      referee.see(*diff);
      services_ = {after[1], after[0]};
    }
    auto diff = planner_->plan({++number_, {{{"default", "song"}, nullptr, "file"}}});
    sabotage(*diff);
    referee.expect(services_, {services_[1]});
    referee.see(*diff);
    return referee.broken();
  }
};

TEST_F(RefereeSabotage, KeepsSilentOverAnUntouchedDiff) {
  EXPECT_THAT(broken([](Diff&) {}), IsEmpty());
}

TEST_F(RefereeSabotage, NoGracePeriodIsSeen) {
  EXPECT_THAT(broken([](Diff& diff) {
                std::erase_if(diff.ops,
                              [](const Op& op) { return std::holds_alternative<op::Grace>(op); });
              }),
              Not(IsEmpty()));
}

TEST_F(RefereeSabotage, ThePoolWordBeforeItsSlotsIsSeen) {
  EXPECT_THAT(broken([](Diff& diff) {
                std::stable_partition(diff.ops.begin(), diff.ops.end(), [](const Op& op) {
                  return std::holds_alternative<op::StorePool>(op);
                });
              }),
              Not(IsEmpty()));
}

TEST_F(RefereeSabotage, SlotsBeforeTheirEndpointsAreSeen) {
  EXPECT_THAT(broken([](Diff& diff) {
                std::stable_partition(diff.ops.begin(), diff.ops.end(), [](const Op& op) {
                  return std::holds_alternative<op::PutSlots>(op) ||
                         std::holds_alternative<op::StorePool>(op);
                });
              }),
              Not(IsEmpty()));
}

}  // namespace
}  // namespace holdfast
