// SPDX-License-Identifier: Apache-2.0
// What each operation does to an image, and the wrapper that fails on purpose.
#include "agent/dataplane/memory.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

hf_frontend_key key_of(std::uint8_t last) {
  hf_frontend_key key{};
  key.addr.word[3] = last;
  key.protocol = 6;
  return key;
}

Diff insert(std::uint8_t last, std::uint32_t word = 1) {
  return {{op::InsertFrontend{key_of(last), word}}};
}

constexpr Capacity kSmall{2, 4, 4, 16, 4, 8};

TEST(Memory, AppliesInOrderAndTellsTheWatcher) {
  MemoryDataplane maps(kSmall);
  std::vector<std::size_t> seen;
  maps.watch([&](const Op& operation, const Image&) { seen.push_back(operation.index()); });
  Diff diff = insert(1);
  diff.ops.emplace_back(op::Grace{});
  diff.ops.emplace_back(op::PutMeta{1, 9});
  ASSERT_TRUE(maps.apply(diff));
  EXPECT_EQ(seen, (std::vector<std::size_t>{diff.ops[0].index(), diff.ops[1].index(),
                                            diff.ops[2].index()}));
  const Image image = *maps.observe();
  EXPECT_EQ(image.meta.generation, 9u);
  EXPECT_EQ(image.meta.complete, 1u);
  EXPECT_EQ(image.meta.abi_version, static_cast<unsigned>(HF_ABI_VERSION));
  EXPECT_EQ(image.frontends.at(key_of(1)), 1u);
}

TEST(Memory, AFullFrontendMapStopsTheDiffThere) {
  MemoryDataplane maps(kSmall);
  ASSERT_TRUE(maps.apply(insert(1)));
  ASSERT_TRUE(maps.apply(insert(2)));
  ASSERT_TRUE(maps.apply(insert(2, 3))) << "an insert of what is there takes no room";
  Diff diff = insert(3);
  diff.ops.emplace_back(op::PutMeta{1, 9});
  const auto applied = maps.apply(diff);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, Errc::exhausted);
  EXPECT_EQ(maps.observe()->meta.generation, 0u) << "nothing after the failure is done";
}

TEST(Memory, EveryOperationIsIdempotent) {
  MemoryDataplane maps(kSmall);
  op::PutEndpoint endpoint;
  endpoint.id = 2;
  endpoint.value.incarnation = 5;
  const Diff diff{{op::PutString{1, "song"}, op::PutServiceName{1, {7, {}, {1, 4}, {}}},
                   op::PutPoolName{1, {1, 80, 6, 4, {}, 0, 0}}, endpoint,
                   op::PutSlots{3, {2}, {100}}, op::StorePool{1, {42, 43}},
                   op::InsertFrontend{key_of(1), 1}, op::Grace{}, op::UpdateFrontend{key_of(1), 2},
                   op::DeleteFrontend{key_of(2)}, op::PutMeta{1, 9}}};
  ASSERT_TRUE(maps.apply(diff));
  const Image once = *maps.observe();
  ASSERT_TRUE(maps.apply(diff));
  const Image twice = *maps.observe();
  EXPECT_EQ(once.strings, twice.strings);
  EXPECT_EQ(once.slots, twice.slots);
  EXPECT_EQ(once.frontends.size(), twice.frontends.size());
  EXPECT_EQ(twice.frontends.at(key_of(1)), 2u);
  EXPECT_EQ(twice.endpoints.at(2).incarnation, 5u);
  EXPECT_EQ(twice.pools.at(1).word, 42u);
  EXPECT_EQ(twice.text({1, 4}), "song");
}

TEST(Memory, AShorterStringLeavesNothingOfTheLongerOne) {
  MemoryDataplane maps(kSmall);
  ASSERT_TRUE(maps.apply({{op::PutString{1, std::string(100, 'x')}, op::PutString{1, "y"}}}));
  const Image image = *maps.observe();
  EXPECT_EQ(image.text({1, 2}), std::string("y\0", 2));
}

TEST(Image, AStringReferenceOutOfRangeIsEmpty) {
  const Image image;
  EXPECT_EQ(image.view({0xffffffff, 0xffffffff}), "");
  EXPECT_EQ(image.view({0, 1}), "");
}

TEST(Memory, RetiringClearsTheIncarnationAlone) {
  MemoryDataplane maps(kSmall);
  op::PutEndpoint endpoint;
  endpoint.id = 2;
  endpoint.value.port = 80;
  endpoint.value.incarnation = 5;
  endpoint.name.incarnation = 5;
  ASSERT_TRUE(maps.apply({{endpoint, op::RetireEndpoint{2}}}));
  const Image image = *maps.observe();
  EXPECT_EQ(image.endpoints.at(2).incarnation, 0u);
  EXPECT_EQ(image.endpoints[2].port, 80) << "a program that has it goes on";
  EXPECT_EQ(image.endpoint_names.at(2).incarnation, 5u) << "the next must be another";
}

TEST(Memory, StatsBeyondTheMapsAreRefused) {
  MemoryDataplane maps(kSmall);
  EXPECT_TRUE(maps.stats(3));
  EXPECT_FALSE(maps.stats(4));
}

TEST(Faulty, StopsAtTheFaultAndCountsIt) {
  MemoryDataplane maps(capacity_for(64, 64));
  FaultyDataplane faulty(maps, 1, 100);
  EXPECT_FALSE(faulty.apply(insert(1)));
  EXPECT_FALSE(faulty.observe());
  EXPECT_EQ(faulty.faults(), 2u);
  faulty.set_percent(0);
  EXPECT_TRUE(faulty.apply(insert(1)));
  EXPECT_EQ(faulty.faults(), 2u);
}

TEST(Faulty, FailsBeforeAndAfterOperations) {
  bool before = false, after = false;
  for (std::uint32_t seed = 1; seed < 200; ++seed) {
    MemoryDataplane maps(capacity_for(64, 64));
    FaultyDataplane faulty(maps, 7919 * seed, 50);
    if (faulty.apply(insert(1))) continue;
    (maps.image().frontends.empty() ? before : after) = true;
  }
  EXPECT_TRUE(before);
  EXPECT_TRUE(after);
}

TEST(Capacity, GrowsWithTheHostAndStaysWithinWhatTheWordsCanName) {
  const Capacity small = capacity_for(10, 100);
  EXPECT_EQ(small.endpoints, 101u);
  EXPECT_EQ(small.slots % HF_SLOTS_PER_LINE, 0u);
  EXPECT_GE(small.slots, 800u);
  const Capacity most = capacity_for(0xffffffff, 0xffffffff);
  EXPECT_LE(most.pools, 1u << HF_FRONTEND_POOL_BITS);
  EXPECT_LE(most.slots, 1u << HF_POOL_FIRST_BITS);
}

}  // namespace
}  // namespace holdfast
