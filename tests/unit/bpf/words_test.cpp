// SPDX-License-Identifier: Apache-2.0
// The packed words of include/holdfast/abi: every field goes in and comes out, none leaks.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "holdfast/abi/frontend.h"
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
    const auto service = *rc::gen::inRange<std::uint64_t>(0, 1ull << 26);
    const auto selector = *rc::gen::inRange<std::uint64_t>(0, 16);
    const auto empty = *rc::gen::inRange<std::uint64_t>(0, 8);
    const auto affinity = *rc::gen::inRange<std::uint64_t>(0, 2);
    const auto tail = *rc::gen::inRange<std::uint64_t>(0, 1ull << HF_POOL_COUNT_BITS);
    const auto generation = *rc::gen::inRange<std::uint64_t>(0, 1ull << 16);
    const std::uint64_t policy =
        hf_pool_policy(service, selector, empty, affinity, tail, generation);
    RC_ASSERT(hf_policy_service(policy) == service);
    RC_ASSERT(hf_policy_selector(policy) == selector);
    RC_ASSERT(hf_policy_empty(policy) == empty);
    RC_ASSERT(hf_policy_affinity(policy) == affinity);
    RC_ASSERT(hf_policy_tail(policy) == tail);
    RC_ASSERT(hf_policy_check(policy) == (generation & 0xff));
  }));
}

}  // namespace
