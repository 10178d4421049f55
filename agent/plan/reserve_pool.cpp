// SPDX-License-Identifier: Apache-2.0
// What a pool takes: its id, its range of slots, the endpoints that they name.
#include <fmt/format.h>

#include <algorithm>

#include "agent/model/ready.h"
#include "agent/plan/diff.h"
#include "agent/plan/reserve.h"

namespace holdfast {

// A pool whose traffic policy changed is another by its key. Where it has the addresses of the one
// that goes it takes its id, too: one word moves them all, and no address is written.
const PoolRecord* record_of(const Pool& pool, const Service& now, const ServiceRecord* before) {
  if (!before) return nullptr;
  const auto& records = before->pools;
  const auto known = records.find(key_of(pool));
  if (known != records.end()) return &known->second;
  Pool other;
  other.service_port = pool.service_port;
  other.protocol = pool.protocol;
  other.family = pool.family;
  other.traffic =
      pool.traffic == TrafficPolicy::local ? TrafficPolicy::cluster : TrafficPolicy::local;
  const auto goes = records.find(key_of(other));
  if (goes == records.end()) return nullptr;
  const Pool* stays = counterpart(&now, other);
  if (stays && is_programmed(*stays)) return nullptr;
  std::vector<hf_frontend_key> taken;
  for (const Frontend& one : pool.frontends) taken.push_back(frontend_key(one, pool.protocol));
  const auto takes = [&](const hf_frontend_key& address) {
    return std::any_of(taken.begin(), taken.end(), [&](const hf_frontend_key& one) {
      return FrontendKeyEqual{}(one, address);
    });
  };
  const auto& addresses = goes->second.frontends;
  // One more, that leads there before the old endpoints have left, would reach them.
  const bool same_ones =
      addresses.size() == taken.size() && std::all_of(addresses.begin(), addresses.end(), takes);
  return same_ones ? &goes->second : nullptr;
}

PoolPlan Reservation::pool(const Pool& pool, const ServicePlan& service) {
  PoolPlan plan;
  plan.pool = &pool;
  const PoolRecord* before = record_of(pool, *service.change->now, service.before);
  if (before) {
    plan.record = *before;
  } else {
    plan.record.id = id(state_.pool_ids, lacking_.pools);
  }
  const hf_string_ref port_name = text(pool.port_name);
  plan.ids.reserve(pool.endpoints.size());
  for (const Endpoint& one : pool.endpoints) plan.ids.push_back(endpoint(one, pool.protocol));
  place(plan);
  refer(plan);

  PoolWords words;
  words.service = service.id;
  words.first = plan.record.first;
  words.selectable = plan.fill.selectable;
  words.tail = static_cast<std::uint32_t>(plan.fill.members.size()) - plan.fill.selectable;
  words.generation = plan.record.generation;
  words.selector = plan.fill.selector;
  words.no_endpoints = service.change->now->policy.no_endpoints;
  plan.value = pool_value(words);
  plan.changed = plan.moved || !before || !same(plan.value, state_.shadow.pools[plan.record.id]);
  if (plan.changed) {
    // Never 0: a live pool's word is not the zero word, also when the pool is empty.
    words.generation = plan.record.generation = plan.record.generation % 0xffff + 1;
    plan.value = pool_value(words);
  }
  plan.name = pool_name(pool, words);
  plan.name.port_name = port_name;
  return plan;
}

// Each endpoint that the slots name, once.
void Reservation::refer(PoolPlan& plan) {
  std::vector<std::uint32_t> members;
  for (const std::uint32_t member : plan.fill.members) members.push_back(plan.ids[member]);
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  for (const std::uint32_t member : members) ++use(member).references;
  references_.insert(references_.end(), members.begin(), members.end());
}

bool Reservation::stays(const PoolPlan& plan) const {
  if (plan.record.generation == 0 || plan.fill.members.size() != plan.record.length) return false;
  for (std::uint32_t slot = 0; slot < plan.record.length; ++slot) {
    const std::size_t at = plan.record.first + slot;
    if (state_.shadow.slots[at] != plan.ids[plan.fill.members[slot]] ||
        state_.shadow.slot_info[at] != plan.fill.infos[slot]) {
      return false;
    }
  }
  return true;
}

// A pool whose members stay as they are keeps its range; any other gets a new one beside it. Where
// uneven weights are too much for the map, coarser ones serve better than a refusal.
void Reservation::place(PoolPlan& plan) {
  std::vector<Precision> precisions{Precision::fine, Precision::coarse};
  if (effort_ == Effort::least) precisions.push_back(Precision::even);
  for (const Precision precision : precisions) {
    plan.fill = fill_slots(*plan.pool, state_.vantage, precision);
    if (too_many(plan)) return;
    if (stays(plan) || give_range(plan)) return;
  }
  if (effort_ == Effort::least && write_over(plan)) return;
  lacking_.slots += static_cast<std::uint32_t>(plan.fill.members.size());
}

bool Reservation::give_range(PoolPlan& plan) {
  const auto length = static_cast<std::uint32_t>(plan.fill.members.size());
  const auto first = length ? state_.slots.allocate(length) : std::uint32_t{0};
  if (!first) return false;
  if (length) taken(state_.slots, *first, length);
  if (plan.record.length)
    sections_.released_slots.emplace_back(plan.record.first, plan.record.length);
  plan.record.first = *first;
  plan.record.length = length;
  plan.moved = true;
  return true;
}

// No range is free, and the pool only loses members: each slot in use gets one that stays, by a
// store of one word, and keeps serving meanwhile. What is behind the selectable ones is given back;
// also where that is nothing, so that a grace period follows.
bool Reservation::write_over(PoolPlan& plan) {
  SlotFill& fill = plan.fill;
  const std::uint32_t count =
      plan.record.generation ? words_of(state_.shadow, plan.record.id).selectable : 0;
  const std::uint32_t picks = fill.selectable;
  if (picks == 0 || picks > count || fill.members.size() != picks) return false;
  const auto in_use = state_.shadow.slots.begin() + plan.record.first;
  const bool loses = std::all_of(fill.members.begin(), fill.members.end(), [&](auto member) {
    return std::find(in_use, in_use + count, plan.ids[member]) != in_use + count;
  });
  if (!loses) return false;
  for (std::uint32_t slot = picks; slot < count; ++slot) {
    fill.members.push_back(fill.members[slot % picks]);
    fill.infos.push_back(fill.infos[slot % picks]);
  }
  fill.selectable = count;
  sections_.released_slots.emplace_back(plan.record.first + count, plan.record.length - count);
  plan.record.length = count;
  plan.moved = true;
  return true;
}

bool Reservation::too_many(const PoolPlan& plan) {
  const std::size_t tail = plan.fill.members.size() - plan.fill.selectable;
  if (std::max<std::size_t>(plan.fill.selectable, tail) <= HF_POOL_COUNT_MASK) return false;
  too_many_ = fmt::format("port {} has {} endpoints, a pool takes {}", plan.pool->service_port,
                          plan.pool->endpoints.size(), HF_POOL_COUNT_MASK);
  return true;
}

EndpointUse& Reservation::use(std::uint32_t id) {
  if (state_.uses.size() <= id) state_.uses.resize(id + 1);
  return state_.uses[id];
}

std::uint32_t Reservation::endpoint(const Endpoint& endpoint, Protocol protocol) {
  const EndpointKey key = key_of(endpoint, protocol);
  const auto known = state_.endpoint_index.find(key);
  const std::uint32_t given = known ? *known : new_endpoint(endpoint, key);
  if (!known) keys_.push_back(&state_.endpoint_index.promise(key, given));
  // Pools may differ about the node of what they share: the first of a plan is believed.
  EndpointUse& now = use(given);
  if (now.named_in != state_.plans) {
    if (known) rename(given, endpoint);
    named_.emplace_back(given, now.named_in);
    now.named_in = state_.plans;
  }
  return given;
}

std::uint32_t Reservation::new_endpoint(const Endpoint& endpoint, const EndpointKey& key) {
  const std::uint32_t given = id(state_.endpoint_ids, lacking_.endpoints);
  const auto& names = state_.shadow.endpoint_names;
  std::uint32_t incarnation = (given < names.size() ? names[given].incarnation : 0) + 1;
  if (incarnation == 0) incarnation = 1;
  hf_endpoint_name name = endpoint_name(key, incarnation);
  name.node = text(endpoint.node);
  name.zone = text(endpoint.zone);
  if (const auto resting = state_.resting.find(given); resting != state_.resting.end()) {
    const hf_endpoint_stats& stats = resting->second;
    name.base_connects = stats.connects;
    name.base_closes = stats.closes;
    name.base_established = stats.established;
    name.base_failures = stats.failures;
    name.base_abandoned = stats.abandoned;
  }
  sections_.names.emplace_back(op::PutEndpoint{given, endpoint_value(key, incarnation), name});
  return given;
}

void Reservation::rename(std::uint32_t id, const Endpoint& endpoint) {
  if (id >= state_.shadow.endpoint_names.size()) return;
  hf_endpoint_name name = state_.shadow.endpoint_names[id];
  const auto &node = endpoint.node.get(), &zone = endpoint.zone.get();
  if (state_.shadow.view(name.node) == node && state_.shadow.view(name.zone) == zone) return;
  renamed_ = true;
  sections_.released_strings.push_back(name.node);
  sections_.released_strings.push_back(name.zone);
  name.node = text(node);
  name.zone = text(zone);
  sections_.names.push_back(op::PutEndpointName{id, name});
}

}  // namespace holdfast
