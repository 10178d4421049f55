// SPDX-License-Identifier: Apache-2.0
// The planner's books. Private to agent/plan.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "agent/plan/endpoint_index.h"
#include "agent/plan/planner.h"
#include "agent/plan/slots.h"
#include "agent/plan/strings.h"
#include "agent/plan/words.h"

namespace holdfast {

// Port, protocol, family, traffic policy.
using PoolKey = std::tuple<std::uint16_t, Protocol, std::uint8_t, TrafficPolicy>;
PoolKey key_of(const Pool& pool);

struct PoolRecord {
  std::uint32_t id = 0;
  std::uint32_t first = 0;  // slot range in use, selectable and tail
  std::uint32_t length = 0;
  std::uint32_t generation = 0;
  std::vector<hf_frontend_key> frontends;
};

struct ServiceRecord {
  std::uint32_t id = 0;
  std::string source;
  std::map<PoolKey, PoolRecord> pools;
};

struct EndpointUse {
  std::uint32_t references = 0;  // pools that name it
  std::uint32_t named_in = 0;    // the plan that last said its node and zone
};

struct Planner::State {
  State(Capacity room, Vantage from);

  Capacity capacity;
  Vantage vantage;
  Capacity needed;  // by the last plan that did not fit
  StringHeap strings;
  RangeAllocator service_ids, pool_ids, endpoint_ids, slots;
  std::map<ServiceKey, ServiceRecord> services;
  std::vector<EndpointUse> uses;  // by endpoint id
  std::set<std::uint32_t> draining;
  std::uint32_t looked_at = 0;  // of these the last, by collect(); 0: all
  std::unordered_map<std::uint32_t, hf_endpoint_stats> resting;  // stats of ids given back
  std::vector<std::uint32_t> early;  // retired by the last collection with connections in flight
  Early counted;                     // of it
  std::set<std::uint32_t> drained;   // when lingering() was last called
  std::uint32_t turn = 0;            // the last that it named
  // In the maps, of no known service: removed by the next plan. Until then their ids are taken.
  std::vector<hf_frontend_key> stray_frontends;
  std::vector<PoolRecord> stray_pools;
  std::uint32_t plans = 0;
  Image shadow;  // what the maps hold when every diff has been applied
  EndpointIndex endpoint_index{shadow};
};

template <class T>
bool same(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

// The endpoints that a range of slots names, each once.
std::vector<std::uint32_t> members_of(const Image& image, const PoolRecord& pool);

// The frontends and the slots a generation wants for one pool, and what was reserved for it.
struct PoolPlan {
  const Pool* pool = nullptr;
  PoolRecord record;
  SlotFill fill;
  std::vector<std::uint32_t> ids;  // endpoint id of each of pool->endpoints
  hf_pool_name name{};
  hf_pool value{};
  bool moved = false;    // to another range of slots
  bool changed = false;  // slots, word or policy
};

struct ServicePlan {
  const CatalogChange* change = nullptr;
  const ServiceRecord* before = nullptr;  // nullptr: new
  std::uint32_t id = 0;                   // 0: gone, or of no use to the datapath
  hf_service_name name{};
  bool changed = false;
  std::vector<PoolPlan> pools;
};

// One diff in the making, section by section, in the order they are applied.
struct Sections {
  std::vector<Op> names;  // and endpoints: what nothing reaches yet
  std::vector<Op> slots, pools, inserts, updates, emptied, deletes;
  std::vector<Op> zeroed;   // words of pools that nothing names any more
  std::vector<Op> cleared;  // their names
  // Free again once the diff is applied.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> released_slots;  // first, length
  std::vector<std::uint32_t> released_pools, released_services;
  std::vector<hf_string_ref> released_strings;
};

// Books what was reserved as done, and makes the diff.
Diff conclude(Planner::State& state, std::vector<ServicePlan>& plans, Sections& sections,
              const Generation& generation);

}  // namespace holdfast
