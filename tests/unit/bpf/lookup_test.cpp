// SPDX-License-Identifier: Apache-2.0
// bpf/lib/lookup.h over an image: what each state of the maps answers, and what it is counted as.
#include "agent/dataplane/lookup.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "holdfast/abi/counters.h"

namespace holdfast {
namespace {

constexpr std::uint32_t kPool = 2, kFirst = 5, kCount = 3, kService = 77;

struct Lookup : testing::Test {
  Lookup() {
    maps.pools.resize(4);
    maps.slots.resize(16);
    maps.endpoints.resize(8);
    key.addr.word[2] = HF_V4_MAPPED_WORD;
    key.addr.word[3] = 0x0100600a;
    key.port = 0x5000;
    key.protocol = 6;
    maps.frontends[key] = hf_frontend_word(kPool, HF_KIND_CLUSTER_IP, 0);
    set_pool(kCount, HF_EMPTY_REFUSE);
    for (std::uint32_t slot = 0; slot < kCount; ++slot) maps.slots[kFirst + slot] = slot + 1;
    for (std::uint32_t id = 1; id <= kCount; ++id) {
      maps.endpoints[id].addr.word[3] = id;
      maps.endpoints[id].port = 0x901f;
      maps.endpoints[id].incarnation = 10 + id;
    }
  }
  void set_pool(std::uint32_t count, std::uint32_t empty) {
    maps.pools[kPool] = {hf_pool_word(kFirst, count, 1),
                         hf_pool_policy(kService, HF_SELECT_RANDOM, empty, 1)};
  }
  Decision look(bool in_host_scope = true) {
    order.clear();
    return look_up(maps, key, {random, in_host_scope, &order});
  }
  void expect_pass(std::uint32_t counter, bool in_host_scope = true) {
    const Decision decision = look(in_host_scope);
    EXPECT_EQ(decision.verdict, LookupVerdict::pass);
    EXPECT_EQ(decision.counter, counter);
  }

  Image maps;
  hf_frontend_key key{};
  std::uint32_t random = 0;
  std::string order;
};

TEST_F(Lookup, ChoosesTheEndpointInTheSlot) {
  random = 0x60000000;  // in the second third
  const Decision decision = look();
  EXPECT_EQ(decision.verdict, LookupVerdict::endpoint);
  EXPECT_EQ(decision.counter, HF_COUNT_REDIRECTED);
  EXPECT_EQ(decision.pool, kPool);
  EXPECT_EQ(decision.slot, kFirst + 1);
  EXPECT_EQ(decision.endpoint, 2u);
  EXPECT_EQ(decision.service, kService);
  EXPECT_EQ(decision.target.addr.word[3], 2u);
  EXPECT_EQ(decision.target.incarnation, 12u);
}

TEST_F(Lookup, LoadsEachOnceAndWhatWasWrittenLastFirst) {
  look();
  EXPECT_EQ(order, "fwpse");
}

// A set may be of a later version.
TEST_F(Lookup, OfAnUnknownSelectorAnySlotIsARightOne) {
  random = 0x60000000;
  maps.pools[kPool].policy = hf_pool_policy(kService, HF_POLICY_SELECTOR_MASK, 0, 1);
  EXPECT_EQ(look().endpoint, 2u);
  EXPECT_EQ(order, "fwpse");
}

TEST_F(Lookup, AnUnknownAddressCostsOneLoad) {
  key.port = 1;
  expect_pass(HF_COUNT_MISS);
  EXPECT_EQ(order, "f");
}

TEST_F(Lookup, EveryPartOfTheKeyCounts) {
  const hf_frontend_key dialled = key;
  for (std::size_t byte = 0; byte + 1 < sizeof key; ++byte) {  // the last one is padding
    key = dialled;
    reinterpret_cast<unsigned char*>(&key)[byte] ^= 1;
    expect_pass(HF_COUNT_MISS);
  }
}

TEST_F(Lookup, HostScopeMatchesOnlyInside) {
  maps.frontends[key] = hf_frontend_word(kPool, HF_KIND_NODE_PORT, HF_FRONTEND_HOST_SCOPE);
  EXPECT_EQ(look(true).verdict, LookupVerdict::endpoint);
  expect_pass(HF_COUNT_OTHER_SCOPE, false);
}

TEST_F(Lookup, WithoutTheScopeBitEveryoneMatches) {
  EXPECT_EQ(look(false).verdict, LookupVerdict::endpoint);
}

TEST_F(Lookup, AnEmptyPoolAnswersItsPolicy) {
  const std::map<std::uint32_t, std::pair<LookupVerdict, std::uint32_t>> answers = {
      {HF_EMPTY_REFUSE, {LookupVerdict::refuse, HF_COUNT_REFUSED}},
      {HF_EMPTY_PASS, {LookupVerdict::pass, HF_COUNT_EMPTY_PASSED}},
      {HF_EMPTY_UNREACHABLE, {LookupVerdict::unreachable, HF_COUNT_REFUSED}}};
  for (const auto& [policy, answer] : answers) {
    set_pool(0, policy);
    const Decision decision = look();
    EXPECT_EQ(decision.verdict, answer.first);
    EXPECT_EQ(decision.counter, answer.second);
    EXPECT_EQ(decision.service, kService);
    EXPECT_EQ(order, "fwp");
  }
}

TEST_F(Lookup, FaultsPassThroughAndAreCounted) {
  maps.frontends[key] = hf_frontend_word(999, HF_KIND_CLUSTER_IP, 0);
  expect_pass(HF_COUNT_BAD_POOL);
  maps.frontends[key] = hf_frontend_word(kPool, HF_KIND_CLUSTER_IP, 0);
  maps.pools[kPool].word = hf_pool_word(1000, 1, 1);
  expect_pass(HF_COUNT_BAD_SLOT);
  set_pool(1, HF_EMPTY_REFUSE);
  maps.slots[kFirst] = 0;
  expect_pass(HF_COUNT_BAD_ENDPOINT);
  maps.slots[kFirst] = 4000;
  expect_pass(HF_COUNT_BAD_ENDPOINT);
  maps.slots[kFirst] = 1;
  maps.endpoints[1].incarnation = 0;
  expect_pass(HF_COUNT_BAD_ENDPOINT);
}

TEST_F(Lookup, AReleasedPoolIsAFaultNotAnEmptyPool) {
  maps.pools[kPool] = {};
  expect_pass(HF_COUNT_BAD_POOL);
}

TEST_F(Lookup, StaysInRangeAndHitsEverySlotEvenly) {
  const auto slot_of = [&](std::uint32_t drawn, std::uint32_t count) {
    random = drawn;
    maps.slots.assign(kFirst + count, 1);
    set_pool(count, HF_EMPTY_REFUSE);
    return look().slot - kFirst;
  };
  EXPECT_EQ(slot_of(0xffffffffu, 1), 0u);
  EXPECT_EQ(slot_of(0xffffffffu, 1u << 21), (1u << 21) - 1);
  for (const std::uint32_t count : {1u, 2u, 3u, 7u, 100u}) {
    std::vector<std::uint32_t> hits(count);
    constexpr std::uint32_t kDraws = 70'000;
    for (std::uint32_t draw = 0; draw < kDraws; ++draw) {
      const auto at =
          slot_of(static_cast<std::uint32_t>((std::uint64_t{draw} << 32) / kDraws), count);
      ASSERT_LT(at, count);
      ++hits[at];
    }
    for (const std::uint32_t hit : hits) EXPECT_NEAR(hit, kDraws / count, 1.0);
  }
}

}  // namespace
}  // namespace holdfast
