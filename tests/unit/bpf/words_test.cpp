// SPDX-License-Identifier: Apache-2.0
// The packed words of include/holdfast/abi: every field goes in and comes out, none leaks.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "holdfast/abi/endpoint.h"
#include "holdfast/abi/frontend.h"
#include "holdfast/abi/pins.h"
#include "holdfast/abi/pool.h"

namespace {

TEST(Words, FrontendWordKeepsItsFields) {
  EXPECT_TRUE(rc::check([] {
    const auto pool = *rc::gen::inRange<std::uint32_t>(0, 1u << HF_FRONTEND_POOL_BITS);
    const auto kind = *rc::gen::inRange<std::uint32_t>(0, HF_FRONTEND_KIND_MASK + 1);
    const auto scope = *rc::gen::element(0u, HF_FRONTEND_HOST_SCOPE);
    const std::uint32_t word = hf_frontend_word(pool, kind, scope);
    RC_ASSERT(hf_frontend_pool(word) == pool);
    RC_ASSERT(hf_frontend_kind_of(word) == kind);
    RC_ASSERT((word & HF_FRONTEND_HOST_SCOPE) == scope);
  }));
}

TEST(Words, PoolWordKeepsItsFields) {
  EXPECT_TRUE(rc::check([] {
    const auto first = *rc::gen::inRange<std::uint64_t>(0, 1ull << HF_POOL_FIRST_BITS);
    const auto count = *rc::gen::inRange<std::uint64_t>(0, 1ull << HF_POOL_COUNT_BITS);
    const auto generation = *rc::gen::inRange<std::uint64_t>(0, 1ull << 16);
    const std::uint64_t word = hf_pool_word(first, count, generation);
    RC_ASSERT(hf_pool_first(word) == first);
    RC_ASSERT(hf_pool_count(word) == count);
    RC_ASSERT(hf_pool_generation(word) == generation);
  }));
}

TEST(Words, PolicyKeepsItsFields) {
  EXPECT_TRUE(rc::check([] {
    const auto service = *rc::gen::inRange<std::uint64_t>(0, 1ull << HF_POLICY_SERVICE_BITS);
    const auto selector = *rc::gen::inRange<std::uint64_t>(0, HF_POLICY_SELECTOR_MASK + 1);
    const auto empty = *rc::gen::inRange<std::uint64_t>(0, HF_POLICY_EMPTY_MASK + 1);
    const auto generation = *rc::gen::inRange<std::uint64_t>(0, 1ull << 16);
    const std::uint64_t policy = hf_pool_policy(service, selector, empty, generation);
    RC_ASSERT(hf_policy_service(policy) == service);
    RC_ASSERT(hf_policy_selector(policy) == selector);
    RC_ASSERT(hf_policy_empty(policy) == empty);
    RC_ASSERT(hf_policy_check(policy) == (generation & 0xff));
  }));
}

// Bits 21-25 and 33-55: what is added to the policy word has these.
TEST(Words, PolicyLeavesItsSpareBitsAlone) {
  EXPECT_EQ(hf_pool_policy(~0ull, ~0ull, ~0ull, ~0ull), 0xff000001fc1fffffull);
}

// Ids begin at 1, so the last one is as large as the number of services.
TEST(Words, EveryServiceIdFits) {
  EXPECT_EQ(hf_policy_service(hf_pool_policy(HF_MAX_SERVICES, 0, 0, 0)), HF_MAX_SERVICES);
}

TEST(Words, TailIsOfThePoolWordWithItsGenerationOnly) {
  EXPECT_TRUE(rc::check([] {
    const auto tail = *rc::gen::inRange<std::uint64_t>(0, 1ull << HF_POOL_COUNT_BITS);
    const auto generation = *rc::gen::inRange<std::uint64_t>(0, 1ull << 16);
    const std::uint32_t word = hf_tail_word(tail, generation);
    RC_ASSERT(hf_tail_check(word) == (generation & 0xff));
    RC_ASSERT(hf_tail_of(hf_pool_word(7, 8, generation), word) == tail);
    RC_ASSERT(hf_tail_of(hf_pool_word(7, 8, generation + 1), word) == 0u);
  }));
  EXPECT_EQ(hf_tail_word(~0ull, ~0ull), 0xff3fffffu);
}

TEST(Words, FailureKeepsItsFields) {
  EXPECT_TRUE(rc::check([] {
    const auto kind = *rc::gen::inRange<std::uint32_t>(0, HF_FAILURE_KIND_MASK + 1);
    const auto row = *rc::gen::inRange<std::uint32_t>(0, HF_FAILURE_ROW_MASK + 1);
    const auto incarnation = *rc::gen::arbitrary<std::uint32_t>();
    const auto at = *rc::gen::inRange<std::uint32_t>(0, HF_FAILURE_AT_MASK + 1);
    const std::uint32_t word = hf_failure_word(kind, row, incarnation, at);
    RC_ASSERT(hf_failure_kind(word) == kind);
    RC_ASSERT(hf_failure_at(word) == at);
    RC_ASSERT(hf_failures_in_row(word, incarnation) == row);
    RC_ASSERT(hf_failures_in_row(word, incarnation + 1) == 0u);
  }));
}

}  // namespace
