// SPDX-License-Identifier: Apache-2.0
// What include/holdfast/abi/ says of each field holds in whatever image the planner fills: what is
// reserved is zero, and what has a range is within it.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "agent/dataplane/apply.h"
#include "agent/dataplane/schema.h"
#include "agent/plan/planner.h"
#include "tests/unit/plan/history.h"

namespace holdfast {
namespace {

// The description names each field that has a meaning; every other byte is reserved, or padding.
template <class T>
void check_reserved(const std::string& element, const std::vector<T>& elements) {
  std::vector<bool> described(sizeof(T));
  for (const Field& field : own_schema().of(element).fields) {
    for (std::uint32_t byte = 0; byte < field.size; ++byte) described[field.offset + byte] = true;
  }
  for (std::size_t id = 0; id < elements.size(); ++id) {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(&elements[id]);
    for (std::size_t at = 0; at < sizeof(T); ++at) {
      if (!described[at] && bytes[at] != 0)
        RC_FAIL(element + " " + std::to_string(id) + ": byte " + std::to_string(at));
    }
  }
}

template <class T>
bool is_zero(const T& element) {
  const T zero{};
  return std::memcmp(&element, &zero, sizeof zero) == 0;
}

void check_text(const Image& image, hf_string_ref ref) {
  RC_ASSERT(ref.length == image.view(ref).size());
  RC_ASSERT((ref.length == 0) == (ref.cell == 0));
}

void check_frontends(const Image& image) {
  std::vector<hf_frontend_key> keys;
  for (const auto& [key, word] : image.frontends) {
    keys.push_back(key);
    RC_ASSERT(key.protocol == IPPROTO_TCP);
    RC_ASSERT(hf_frontend_pool(word) != 0u);
    RC_ASSERT(image.pools.at(hf_frontend_pool(word)).word != 0u);
    RC_ASSERT(hf_frontend_kind_of(word) <= HF_KIND_LOAD_BALANCER);
    RC_ASSERT((word >> 30) == 0u);
  }
  check_reserved("frontends_key", keys);
}

void check_slot(const Image& image, std::uint32_t slot) {
  RC_ASSERT(image.endpoints.at(image.slots.at(slot)).incarnation != 0u);
  const std::uint32_t info = image.slot_info.at(slot), state = info >> HF_SLOT_STATE_SHIFT & 7;
  RC_ASSERT((info & HF_SLOT_WEIGHT_MASK) <= 1000u);
  RC_ASSERT(state <= HF_MEMBER_UNUSED);
  RC_ASSERT(state != HF_MEMBER_EJECTED);
  RC_ASSERT((info >> 17) == 0u);
}

void check_pool(const Image& image, std::uint32_t id) {
  const hf_pool& pool = image.pools[id];
  const hf_pool_name& name = image.pool_names.at(id);
  const std::uint32_t check = hf_pool_generation(pool.word) & 0xff;
  RC_ASSERT(hf_pool_generation(pool.word) != 0u);
  const std::uint64_t spare = ~hf_pool_policy(~0ull, ~0ull, ~0ull, ~0ull);
  RC_ASSERT((pool.policy & spare) == 0u);
  RC_ASSERT(hf_policy_service(pool.policy) == name.service);
  RC_ASSERT(hf_policy_selector(pool.policy) == HF_SELECT_RANDOM);
  RC_ASSERT(hf_policy_empty(pool.policy) <= HF_EMPTY_UNREACHABLE);
  RC_ASSERT(hf_policy_check(pool.policy) == check);
  RC_ASSERT(hf_tail_check(name.tail) == check);
  RC_ASSERT((name.tail & ~hf_tail_word(~0ull, ~0ull)) == 0u);
  const std::uint32_t first = hf_pool_first(pool.word);
  const std::uint32_t length = hf_pool_count(pool.word) + hf_tail_of(pool.word, name.tail);
  for (std::uint32_t slot = first; slot < first + length; ++slot) check_slot(image, slot);
}

void check_pools(const Image& image) {
  check_reserved("pools", image.pools);
  check_reserved("pool_names", image.pool_names);
  for (std::uint32_t id = 0; id < image.pools.size(); ++id) {
    if (image.pools[id].word == 0) {
      RC_ASSERT(is_zero(image.pools[id]));
      RC_ASSERT(id >= image.pool_names.size() || is_zero(image.pool_names[id]));
      continue;
    }
    check_pool(image, id);
    const hf_pool_name& name = image.pool_names[id];
    RC_ASSERT(image.service_names.at(name.service).generation != 0u);
    RC_ASSERT((name.family == 4 || name.family == 6));
    RC_ASSERT(name.protocol == IPPROTO_TCP);
    RC_ASSERT(name.traffic <= HF_TRAFFIC_LOCAL);
    check_text(image, name.port_name);
  }
}

void check_endpoints(const Image& image) {
  check_reserved("endpoints", image.endpoints);
  check_reserved("endpoint_names", image.endpoint_names);
  for (std::uint32_t id = 0; id < image.endpoints.size(); ++id) {
    const hf_endpoint& endpoint = image.endpoints[id];
    if (endpoint.incarnation == 0) continue;
    RC_ASSERT(endpoint.protocol == IPPROTO_TCP);
    RC_ASSERT(endpoint.port != 0u);
    const hf_endpoint_name& name = image.endpoint_names.at(id);
    RC_ASSERT(name.incarnation == endpoint.incarnation);
    check_text(image, name.node);
    check_text(image, name.zone);
  }
}

void check_contract(const Image& image) {
  check_frontends(image);
  check_pools(image);
  check_endpoints(image);
  check_reserved("service_names", image.service_names);
  for (const hf_service_name& name : image.service_names) {
    if (name.generation == 0) RC_ASSERT(is_zero(name));
    for (const hf_string_ref ref : {name.name_space, name.name, name.source})
      check_text(image, ref);
  }
  check_reserved("meta", std::vector{image.meta});
  RC_ASSERT(image.meta.abi_version == static_cast<unsigned>(HF_ABI_VERSION));
  RC_ASSERT(image.meta.complete == 1u);
  // "None", of each.
  RC_ASSERT((image.pools.empty() || is_zero(image.pools[0])));
  RC_ASSERT((image.endpoints.empty() || is_zero(image.endpoints[0])));
  RC_ASSERT((image.service_names.empty() || is_zero(image.service_names[0])));
}

RC_GTEST_PROP(Contract, HoldsInWhateverThePlannerFills, ()) {
  Catalog catalog({{"file"}}, 0);
  Planner planner = *Planner::adopt(Image{}, kRoom);
  Image image;
  const auto apply = [&](const Diff& diff) {
    for (const Op& one : diff.ops) apply_to(image, one);
  };
  for (int steps = *rc::gen::inRange(1, 12); steps > 0; --steps) {
    const Generation generation = random_change(catalog);
    if (generation.changes.empty()) continue;
    auto diff = planner.plan(generation);
    if (!diff) RC_FAIL(diff.error().what);
    apply(*diff);
    check_contract(image);
    apply(planner.collect([](std::uint32_t) { return hf_endpoint_stats{}; }));
    check_contract(image);
  }
}

}  // namespace
}  // namespace holdfast
