// SPDX-License-Identifier: Apache-2.0
// The image: what the kernel maps hold, by value; and the ordered diff that changes it.
// Plain data of include/holdfast/abi/, no kernel. Ids and slots index the vectors; 0 is "none".
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "holdfast/abi/endpoint.h"
#include "holdfast/abi/frontend.h"
#include "holdfast/abi/names.h"
#include "holdfast/abi/pool.h"

namespace holdfast {

struct FrontendKeyHash {
  std::size_t operator()(const hf_frontend_key& key) const;
};
struct FrontendKeyEqual {
  bool operator()(const hf_frontend_key& a, const hf_frontend_key& b) const {
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
};
using FrontendMap =
    std::unordered_map<hf_frontend_key, std::uint32_t, FrontendKeyHash, FrontendKeyEqual>;

// Entries of each map, element 0 included. `slots` counts single slots, `strings` cells.
struct Capacity {
  std::uint32_t frontends = 0;
  std::uint32_t services = 0;
  std::uint32_t pools = 0;
  std::uint32_t slots = 0;
  std::uint32_t endpoints = 0;
  std::uint32_t strings = 0;

  bool operator==(const Capacity&) const = default;
};

// What a host of this many services and endpoints needs: pools 4x services, frontends 8x, slots 8x
// endpoints (weights, and the copy beside the one in use), rounded to what the maps can index.
Capacity capacity_for(std::uint32_t services, std::uint32_t endpoints);
// Room for `needed` and as much again, as far as `limit` allows, and never less than `now`.
// nullopt: `needed` itself is beyond the limit.
std::optional<Capacity> grown(const Capacity& now, const Capacity& needed, const Capacity& limit);

// Vectors may be shorter than the capacity: what is beyond their end is zero.
struct Image {
  hf_meta meta{};
  FrontendMap frontends;
  std::vector<hf_pool> pools;
  std::vector<std::uint32_t> slots;
  std::vector<std::uint32_t> slot_info;
  std::vector<hf_endpoint> endpoints;
  std::vector<hf_endpoint_stats> stats;
  std::vector<hf_service_name> service_names;
  std::vector<hf_pool_name> pool_names;
  std::vector<hf_endpoint_name> endpoint_names;
  std::string strings;  // the heap, HF_STRING_CELL bytes a cell

  // "" for a reference out of range; a view is good until the next operation.
  std::string_view view(hf_string_ref ref) const;
  std::string text(hf_string_ref ref) const { return std::string(view(ref)); }
};

// The arrays by what their elements are of; `endpoints` and `slots` are two arrays each, with their
// names and infos.
enum class Part { strings, service_names, pool_names, endpoints, slots, pools, meta };

struct FrontendPage {
  std::vector<std::pair<hf_frontend_key, std::uint32_t>> frontends;
  std::string cursor;  // where the next page begins
  bool last = false;
};

// What the stats of a set made after `before` begin with: no counts, only what was seen last.
std::vector<hf_endpoint_stats> begin_stats(const Image& before);
// The counters of `before`'s stats, taken into the bases of `after`'s names, so that counters which
// begin anew at zero say the same: value = counter - base (modulo 2^32). A pure store, and so
// repeatable after a crash, where an addition would count twice. Ids that are free have none.
void carry_stats(const Image& before, Image& after);

namespace op {
struct PutString {
  std::uint32_t cell = 0;
  std::string text;
};
struct PutServiceName {
  std::uint32_t id = 0;
  hf_service_name value{};
};
struct PutPoolName {
  std::uint32_t id = 0;
  hf_pool_name value{};
};
struct PutEndpoint {  // the whole element; only while nothing can mean the id
  std::uint32_t id = 0;
  hf_endpoint value{};
  hf_endpoint_name name{};
};
struct PutEndpointName {  // node or zone changed: no program reads it
  std::uint32_t id = 0;
  hf_endpoint_name name{};
};
struct RetireEndpoint {  // incarnation = 0, nothing else
  std::uint32_t id = 0;
};
// Slots and slot_info from `first` on. The range is not in use; or each slot of it that is gets
// another endpoint of its own pool, by a store of one word.
struct PutSlots {
  std::uint32_t first = 0;
  std::vector<std::uint32_t> slots;
  std::vector<std::uint32_t> infos;
};
struct StorePool {  // policy first, then the word by a release store: the switch
  std::uint32_t id = 0;
  hf_pool value{};
};
struct InsertFrontend {
  hf_frontend_key key{};
  std::uint32_t word = 0;
};
// In place, by a store of one word; where the dataplane cannot, by another element, and then a
// grace period is part of the operation: the old element is recycled.
struct UpdateFrontend {
  hf_frontend_key key{};
  std::uint32_t word = 0;
};
struct DeleteFrontend {  // of a missing key: success
  hf_frontend_key key{};
};
struct Grace {};  // every program that runs now has ended
struct PutMeta {
  std::uint32_t complete = 0;
  std::uint64_t generation = 0;
};
}  // namespace op

using Op = std::variant<op::PutString, op::PutServiceName, op::PutPoolName, op::PutEndpoint,
                        op::PutEndpointName, op::RetireEndpoint, op::PutSlots, op::StorePool,
                        op::InsertFrontend, op::UpdateFrontend, op::DeleteFrontend, op::Grace,
                        op::PutMeta>;

struct Diff {
  std::vector<Op> ops;  // to be applied in this order
  // With so many of them applied connects go by the new state. The rest waits for grace periods
  // and gives things back.
  std::size_t switched = 0;
  bool empty() const { return ops.empty(); }
};

}  // namespace holdfast
