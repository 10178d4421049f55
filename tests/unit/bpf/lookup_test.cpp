// SPDX-License-Identifier: Apache-2.0
// bpf/lib/lookup.h over plain arrays: what each state of the maps answers, and what it is counted
// as.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/dataplane/image.h"

namespace {

struct Maps {
  holdfast::FrontendMap frontends;
  std::vector<hf_pool> pools = std::vector<hf_pool>(4);
  std::vector<std::uint32_t> slots = std::vector<std::uint32_t>(16);
  std::vector<hf_endpoint> endpoints = std::vector<hf_endpoint>(8);
  std::uint32_t random = 0;
  int in_host_scope = 1;
  std::string order;  // which loads ran, in order
};

using hf_view = Maps*;

template <class T>
int load(hf_view view, char letter, const std::vector<T>& from, std::uint32_t index, T* copy) {
  view->order += letter;
  if (index >= from.size()) return 0;
  *copy = from[index];
  return 1;
}

int hf_load_frontend(hf_view view, const hf_frontend_key* key, __u32* word) {
  view->order += 'f';
  const auto found = view->frontends.find(*key);
  if (found == view->frontends.end()) return 0;
  *word = found->second;
  return 1;
}
int hf_in_host_scope(hf_view view) {
  return view->in_host_scope;
}
int hf_load_pool_word(hf_view view, __u32 pool, __u64* word) {
  hf_pool copy{};
  const int found = load(view, 'w', view->pools, pool, &copy);
  *word = copy.word;
  return found;
}
int hf_load_pool_policy(hf_view view, __u32 pool, __u64* policy) {
  hf_pool copy{};
  const int found = load(view, 'p', view->pools, pool, &copy);
  *policy = copy.policy;
  return found;
}
int hf_load_slot(hf_view view, __u32 slot, __u32* endpoint) {
  return load(view, 's', view->slots, slot, endpoint);
}
int hf_load_endpoint(hf_view view, __u32 endpoint, hf_endpoint* copy) {
  return load(view, 'e', view->endpoints, endpoint, copy);
}
__u32 hf_random(hf_view view) {
  return view->random;
}

}  // namespace

#include "bpf/lib/lookup.h"

namespace {

constexpr std::uint32_t kPool = 2, kFirst = 5, kCount = 3, kService = 77;

struct Lookup : testing::Test {
  Lookup() {
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
  hf_decision look(int in_host_scope = 1) {
    hf_decision decision{};
    maps.in_host_scope = in_host_scope;
    maps.order.clear();
    hf_lookup(&maps, &key, &decision);
    return decision;
  }
  void expect_pass(std::uint32_t counter, int in_host_scope = 1) {
    const hf_decision decision = look(in_host_scope);
    EXPECT_EQ(decision.verdict, HF_VERDICT_PASS);
    EXPECT_EQ(decision.counter, counter);
  }

  Maps maps;
  hf_frontend_key key{};
};

TEST_F(Lookup, ChoosesTheEndpointInTheSlot) {
  maps.random = 0x60000000;  // in the second third
  const hf_decision decision = look();
  EXPECT_EQ(decision.verdict, HF_VERDICT_ENDPOINT);
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
  EXPECT_EQ(maps.order, "fwpse");
}

// A set may be of a later version.
TEST_F(Lookup, OfAnUnknownSelectorAnySlotIsARightOne) {
  maps.random = 0x60000000;
  maps.pools[kPool].policy = hf_pool_policy(kService, HF_POLICY_SELECTOR_MASK, 0, 1);
  EXPECT_EQ(look().endpoint, 2u);
  EXPECT_EQ(maps.order, "fwpse");
}

TEST_F(Lookup, AnUnknownAddressCostsOneLoad) {
  key.port = 1;
  expect_pass(HF_COUNT_MISS);
  EXPECT_EQ(maps.order, "f");
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
  EXPECT_EQ(look(1).verdict, HF_VERDICT_ENDPOINT);
  expect_pass(HF_COUNT_OTHER_SCOPE, 0);
}

TEST_F(Lookup, WithoutTheScopeBitEveryoneMatches) {
  EXPECT_EQ(look(0).verdict, HF_VERDICT_ENDPOINT);
}

TEST_F(Lookup, AnEmptyPoolAnswersItsPolicy) {
  const std::map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> answers = {
      {HF_EMPTY_REFUSE, {HF_VERDICT_REFUSE, HF_COUNT_REFUSED}},
      {HF_EMPTY_PASS, {HF_VERDICT_PASS, HF_COUNT_EMPTY_PASSED}},
      {HF_EMPTY_UNREACHABLE, {HF_VERDICT_UNREACHABLE, HF_COUNT_REFUSED}}};
  for (const auto& [policy, answer] : answers) {
    set_pool(0, policy);
    const hf_decision decision = look();
    EXPECT_EQ(decision.verdict, answer.first);
    EXPECT_EQ(decision.counter, answer.second);
    EXPECT_EQ(decision.service, kService);
    EXPECT_EQ(maps.order, "fwp");
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

TEST(Pick, StaysInRangeAndHitsEverySlotEvenly) {
  EXPECT_EQ(hf_pick(0xffffffffu, 1), 0u);
  EXPECT_EQ(hf_pick(0xffffffffu, 1u << 21), (1u << 21) - 1);
  for (const std::uint32_t count : {1u, 2u, 3u, 7u, 100u}) {
    std::vector<std::uint32_t> hits(count);
    constexpr std::uint32_t kDraws = 70'000;
    for (std::uint32_t draw = 0; draw < kDraws; ++draw) {
      const auto at =
          hf_pick(static_cast<std::uint32_t>((std::uint64_t{draw} << 32) / kDraws), count);
      ASSERT_LT(at, count);
      ++hits[at];
    }
    for (const std::uint32_t hit : hits) EXPECT_NEAR(hit, kDraws / count, 1.0);
  }
}

}  // namespace
