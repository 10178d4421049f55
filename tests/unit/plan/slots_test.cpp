// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/slots.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <map>

#include "tests/unit/builders.h"

namespace holdfast {
namespace {

Pool weighted(const std::vector<std::uint16_t>& weights) {
  std::vector<Endpoint> endpoints;
  for (const std::uint16_t weight : weights)
    endpoints.push_back(
        build::endpoint("10.1.0." + std::to_string(endpoints.size() + 1), "", weight));
  return build::pool({"10.96.0.1"}, endpoints);
}

std::map<std::uint32_t, std::uint32_t> slots(const SlotFill& fill) {
  std::map<std::uint32_t, std::uint32_t> result;
  for (std::uint32_t slot = 0; slot < fill.selectable; ++slot) ++result[fill.members[slot]];
  return result;
}

using Slots = std::map<std::uint32_t, std::uint32_t>;

TEST(SlotFills, EqualWeightsNeedOneSlotEach) {
  EXPECT_EQ(slots(fill_slots(weighted({100, 100, 100}), {})), (Slots{{0, 1}, {1, 1}, {2, 1}}));
}

TEST(SlotFills, WeightsAreRepeatsInLowestTerms) {
  EXPECT_EQ(slots(fill_slots(weighted({100, 50, 300}), {})), (Slots{{0, 2}, {1, 1}, {2, 6}}));
}

TEST(SlotFills, WeightZeroIsListedAndNeverPicked) {
  const SlotFill fill = fill_slots(weighted({100, 0}), {});
  EXPECT_EQ(slots(fill), (Slots{{0, 1}}));
  ASSERT_EQ(fill.members.size(), 2u);
  EXPECT_EQ(fill.infos[1] >> HF_SLOT_STATE_SHIFT, static_cast<unsigned>(HF_MEMBER_DRAINING));
}

TEST(SlotFills, TerminatingOnesServeOnlyWhenNoReadyOneIsLeft) {
  Pool pool = weighted({100, 100, 100});
  pool.endpoints[1].terminating = true;
  pool.endpoints[2].ready = pool.endpoints[2].serving = false;
  EXPECT_EQ(slots(fill_slots(pool, {})), (Slots{{0, 1}}));
  pool.endpoints[0].ready = pool.endpoints[0].serving = false;
  EXPECT_EQ(slots(fill_slots(pool, {})), (Slots{{1, 1}}));
  pool.endpoints[1].serving = false;
  EXPECT_TRUE(slots(fill_slots(pool, {})).empty());
  EXPECT_EQ(fill_slots(pool, {}).members.size(), 3u) << "all are listed for the CLI";
}

TEST(SlotFills, WhatIsUsedLastIsListedAndMarked) {
  Pool pool = weighted({100, 100, 100});
  pool.endpoints[1].held = pool.endpoints[1].doubted = true;
  const SlotFill fill = fill_slots(pool, {});
  EXPECT_EQ(slots(fill), (Slots{{0, 1}, {2, 1}}));
  ASSERT_EQ(fill.members.size(), 3u);
  EXPECT_EQ(fill.members[2], 1u);
  EXPECT_TRUE(fill.infos[2] & HF_SLOT_DOUBTED);
  EXPECT_EQ(fill.infos[2] >> HF_SLOT_STATE_SHIFT & 7, static_cast<unsigned>(HF_MEMBER_HELD));
  EXPECT_FALSE(fill.infos[0] & HF_SLOT_DOUBTED);
}

// A pool word counts 22 bits of slots: what is beyond it would be cut off, and never be picked.
TEST(SlotFills, APoolWordCountsEverySlot) {
  std::vector<Endpoint> endpoints(300'000, build::endpoint("10.1.0.1"));
  for (std::size_t one = 0; one < endpoints.size(); ++one)
    endpoints[one].weight = one % 2 ? 1 : 1000;
  Pool pool;
  pool.endpoints = std::move(endpoints);
  for (const Precision precision : {Precision::fine, Precision::coarse, Precision::even}) {
    const SlotFill fill = fill_slots(pool, {}, precision);
    EXPECT_LE(fill.selectable, HF_POOL_COUNT_MASK);
    EXPECT_EQ(slots(fill).size(), pool.endpoints.size());
  }
}

// Whatever the weights: every endpoint is listed once or more, each that may be picked has a slot,
// the bound on slots holds, and a share is never off by more than the rounding.
RC_GTEST_PROP(SlotFills, IsBoundedAndFair, ()) {
  const auto weights =
      *rc::gen::container<std::vector<std::uint16_t>>(rc::gen::inRange<std::uint16_t>(0, 1001));
  for (const Precision precision : {Precision::fine, Precision::coarse}) {
    const SlotFill fill = fill_slots(weighted(weights), {}, precision);
    RC_ASSERT(fill.members.size() == fill.infos.size());
    const Slots given = slots(fill);
    std::uint64_t total = 0;
    std::size_t picked = 0;
    for (const std::uint16_t weight : weights) {
      total += weight;
      picked += weight > 0;
    }
    const std::size_t most =
        precision == Precision::fine ? std::max<std::size_t>(4096, 16 * picked) : 4 * picked;
    RC_ASSERT(fill.selectable <= most);
    RC_ASSERT(fill.members.size() - fill.selectable == weights.size() - picked);
    for (std::uint32_t index = 0; index < weights.size(); ++index) {
      RC_ASSERT(given.contains(index) == (weights[index] > 0));
      if (weights[index] == 0 || precision == Precision::coarse) continue;
      const double share = static_cast<double>(given.at(index)) / fill.selectable;
      const double meant = static_cast<double>(weights[index]) / static_cast<double>(total);
      RC_ASSERT(std::abs(share - meant) < 0.05);
    }
  }
}

}  // namespace
}  // namespace holdfast
