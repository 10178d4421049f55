// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/reserve.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

Failure full(const char* map, std::uint32_t capacity) {
  return fail(Errc::exhausted, fmt::format("map '{}' is full: capacity {}", map, capacity));
}

// Only what the datapath serves is programmed.
bool programmed(const Pool& pool) {
  return pool.protocol == Protocol::tcp && !pool.frontends.empty();
}

}  // namespace

Result<std::uint32_t> Reservation::id(RangeAllocator& ids, const char* map,
                                      std::uint32_t capacity) {
  const auto given = ids.allocate(1);
  if (!given) return full(map, capacity);
  state_.undo.emplace_back([&ids, given] { ids.free(*given, 1); });
  return *given;
}

Result<hf_string_ref> Reservation::text(const std::string& text) {
  const auto ref = state_.strings.take(text, sections_.names);
  if (!ref) return full("strings", state_.capacity.strings);
  state_.undo.emplace_back([this, text] { state_.strings.drop(text); });
  return *ref;
}

Result<ServicePlan> Reservation::service(const CatalogChange& change, std::uint64_t generation) {
  ServicePlan plan;
  plan.change = &change;
  const auto known = state_.services.find(change.key);
  if (known != state_.services.end()) plan.before = &known->second;
  if (!change.now || std::none_of(change.now->pools.begin(), change.now->pools.end(), programmed)) {
    return plan;
  }
  if (plan.before) {
    plan.id = plan.before->id;
  } else {
    auto given = id(state_.service_ids, "service_names", state_.capacity.services);
    if (!given) return tl::unexpected(given.error());
    plan.id = *given;
  }
  auto name_space = text(change.key.name_space);
  auto name = text(change.key.name);
  auto source = text(change.source);
  for (const auto* ref : {&name_space, &name, &source}) {
    if (!*ref) return tl::unexpected(ref->error());
  }
  plan.name = {generation, *name_space, *name, *source};
  for (const Pool& wanted : change.now->pools) {
    if (!programmed(wanted)) continue;
    auto planned = pool(wanted, plan);
    if (!planned) return tl::unexpected(planned.error());
    plan.pools.push_back(std::move(*planned));
  }
  return plan;
}

Result<PoolPlan> Reservation::pool(const Pool& pool, const ServicePlan& service) {
  PoolPlan plan;
  plan.pool = &pool;
  const PoolRecord* before = nullptr;
  if (service.before) {
    const auto known = service.before->pools.find(key_of(pool));
    if (known != service.before->pools.end()) before = &known->second;
  }
  if (before) {
    plan.record = *before;
  } else {
    auto given = id(state_.pool_ids, "pools", state_.capacity.pools);
    if (!given) return tl::unexpected(given.error());
    plan.record.id = *given;
  }
  auto port_name = text(pool.port_name);
  if (!port_name) return tl::unexpected(port_name.error());
  plan.name = {service.id, htons(pool.service_port), static_cast<__u8>(pool.protocol), pool.family,
               *port_name};
  plan.layout = lay_out(pool);
  for (const Endpoint& one : pool.endpoints) {
    auto given = endpoint(one, pool.protocol);
    if (!given) return tl::unexpected(given.error());
    plan.ids.push_back(*given);
  }
  if (auto placed = slots(plan); !placed) return tl::unexpected(placed.error());
  const auto& policy = service.change->now->policy;
  const auto tail = static_cast<std::uint32_t>(plan.layout.members.size()) - plan.layout.selectable;
  const auto values = [&](std::uint32_t generation) {
    return hf_pool{
        hf_pool_word(plan.record.first, plan.layout.selectable, generation),
        hf_pool_policy(service.id, HF_SELECT_RANDOM, policy.no_endpoints, 0, tail, generation)};
  };
  plan.value = values(plan.record.generation);
  const hf_pool* now = before && plan.record.id < state_.shadow.pools.size()
                           ? &state_.shadow.pools[plan.record.id]
                           : nullptr;
  plan.changed =
      plan.changed || !now || now->word != plan.value.word || now->policy != plan.value.policy;
  if (plan.changed) {
    // Never 0: a live pool's word is not the zero word, also when the pool is empty.
    plan.record.generation = plan.record.generation % 0xffff + 1;
    plan.value = values(plan.record.generation);
  }
  return plan;
}

// A pool whose members stay as they are keeps its range; any other gets a new one beside it.
Result<> Reservation::slots(PoolPlan& plan) {
  const auto length = static_cast<std::uint32_t>(plan.layout.members.size());
  bool same = plan.record.generation != 0 && length == plan.record.length;
  for (std::uint32_t slot = 0; same && slot < length; ++slot) {
    const std::size_t at = plan.record.first + slot;
    same = state_.shadow.slots[at] == plan.ids[plan.layout.members[slot]] &&
           state_.shadow.slot_info[at] == plan.layout.infos[slot];
  }
  if (same) return {};
  plan.changed = true;
  if (plan.record.length) {
    sections_.released_slots.emplace_back(plan.record.first, plan.record.length);
  }
  plan.record.first = 0;
  plan.record.length = length;
  if (length == 0) return {};
  const auto first = state_.slots.allocate(length);
  if (!first) return full("slots", state_.capacity.slots);
  state_.undo.emplace_back([this, first = *first, length] { state_.slots.free(first, length); });
  plan.record.first = *first;
  return {};
}

Result<std::uint32_t> Reservation::endpoint(const Endpoint& endpoint, Protocol protocol) {
  const auto known = state_.endpoint_by_key.find(key_of(endpoint, protocol));
  std::uint32_t given = 0;
  if (known == state_.endpoint_by_key.end()) {
    auto made = new_endpoint(endpoint, protocol);
    if (!made) return made;
    given = *made;
  } else {
    given = known->second;
    if (auto renamed = rename_endpoint(given, endpoint); !renamed) {
      return tl::unexpected(renamed.error());
    }
  }
  ++state_.references[given];
  state_.undo.emplace_back([this, given] { --state_.references[given]; });
  return given;
}

Result<std::uint32_t> Reservation::new_endpoint(const Endpoint& endpoint, Protocol protocol) {
  auto given = id(state_.endpoint_ids, "endpoints", state_.capacity.endpoints);
  if (!given) return given;
  auto node = text(endpoint.node);
  auto zone = text(endpoint.zone);
  if (!node) return tl::unexpected(node.error());
  if (!zone) return tl::unexpected(zone.error());
  Image& shadow = state_.shadow;
  if (shadow.endpoint_names.size() <= *given) shadow.endpoint_names.resize(*given + 1);
  if (state_.references.size() <= *given) state_.references.resize(*given + 1);
  hf_endpoint value{};
  value.addr = endpoint.address.to_abi();
  value.port = htons(endpoint.port);
  value.flags = static_cast<__u16>(protocol);
  value.incarnation = shadow.endpoint_names[*given].incarnation + 1;
  if (value.incarnation == 0) value.incarnation = 1;
  hf_endpoint_name name{};
  std::copy(endpoint.identity.bytes.begin(), endpoint.identity.bytes.end(),
            std::begin(name.identity));
  name.node = *node;
  name.zone = *zone;
  name.incarnation = value.incarnation;
  if (const auto resting = state_.resting.find(*given); resting != state_.resting.end()) {
    const hf_endpoint_stats& stats = resting->second;
    name.base_connects = stats.connects;
    name.base_closes = stats.closes;
    name.base_established = stats.established;
    name.base_failures = stats.failures;
    name.base_abandoned = stats.abandoned;
  }
  sections_.endpoints.push_back(op::PutEndpoint{*given, value, name});
  const EndpointKey key = key_of(endpoint, protocol);
  state_.endpoint_by_key[key] = *given;
  state_.undo.emplace_back([this, key] { state_.endpoint_by_key.erase(key); });
  return given;
}

// Node or zone of a known endpoint: two pools may differ about it; the later one is shown.
Result<> Reservation::rename_endpoint(std::uint32_t id, const Endpoint& endpoint) {
  if (id >= state_.shadow.endpoint_names.size()) return {};  // made by this very plan
  hf_endpoint_name name = state_.shadow.endpoint_names[id];
  const std::string old_node = state_.shadow.text(name.node),
                    old_zone = state_.shadow.text(name.zone);
  if (state_.shadow.endpoints.size() <= id || !state_.shadow.endpoints[id].incarnation ||
      (old_node == endpoint.node.get() && old_zone == endpoint.zone.get())) {
    return {};
  }
  auto node = text(endpoint.node);
  auto zone = text(endpoint.zone);
  if (!node) return tl::unexpected(node.error());
  if (!zone) return tl::unexpected(zone.error());
  name.node = *node;
  name.zone = *zone;
  sections_.names.push_back(op::PutEndpointName{id, name});
  sections_.dropped_strings.push_back(old_node);
  sections_.dropped_strings.push_back(old_zone);
  return {};
}

}  // namespace holdfast
