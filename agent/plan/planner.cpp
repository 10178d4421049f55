// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/planner.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/dataplane/apply.h"
#include "agent/plan/planner_state.h"
#include "agent/plan/reserve.h"

namespace holdfast {

std::size_t EndpointKeyHash::operator()(const EndpointKey& key) const {
  hf_frontend_key flat{};
  flat.addr = key.address.to_abi();
  flat.port = key.port;
  flat.protocol = static_cast<__u8>(key.protocol);
  std::size_t identity = 0;
  std::memcpy(&identity, key.identity.bytes.data(), sizeof identity);
  return FrontendKeyHash{}(flat) ^ identity;
}

EndpointKey key_of(const Endpoint& endpoint, Protocol protocol) {
  return {endpoint.address, endpoint.port, protocol, endpoint.identity};
}

PoolKey key_of(const Pool& pool) {
  return {pool.service_port, pool.protocol, pool.family};
}

Planner::State::State(Capacity room)
    : capacity(room),
      strings(room.strings),
      service_ids(room.services),
      pool_ids(room.pools),
      endpoint_ids(room.endpoints),
      slots(room.slots) {}

Planner::Planner(std::unique_ptr<State> state) : state_(std::move(state)) {}
Planner::Planner(Planner&&) noexcept = default;
Planner& Planner::operator=(Planner&&) noexcept = default;
Planner::~Planner() = default;

namespace {

hf_frontend_key abi_key(const Frontend& frontend, Protocol protocol) {
  hf_frontend_key key{};
  key.addr = frontend.address.to_abi();
  key.port = __builtin_bswap16(frontend.port);
  key.protocol = static_cast<__u8>(protocol);
  return key;
}

using Wanted =
    std::unordered_map<hf_frontend_key, std::uint32_t, FrontendKeyHash, FrontendKeyEqual>;

Wanted wanted_frontends(std::vector<ServicePlan>& plans) {
  Wanted wanted;
  for (ServicePlan& service : plans) {
    for (PoolPlan& pool : service.pools) {
      pool.record.frontends.clear();
      for (const Frontend& frontend : pool.pool->frontends) {
        const hf_frontend_key key = abi_key(frontend, pool.pool->protocol);
        pool.record.frontends.push_back(key);
        wanted[key] = hf_frontend_word(pool.record.id, static_cast<std::uint32_t>(frontend.kind),
                                       frontend.host_scope ? HF_FRONTEND_HOST_SCOPE : 0);
      }
    }
  }
  return wanted;
}

// Inserts, in-place updates, deletes. What a service loses to another of the same generation moves
// by one in-place update: at no moment is the address unknown.
void frontend_ops(const Planner::State& state, const std::vector<ServicePlan>& plans,
                  const Wanted& wanted, Sections& sections) {
  for (const auto& [key, word] : wanted) {
    const auto now = state.shadow.frontends.find(key);
    if (now == state.shadow.frontends.end()) {
      sections.inserts.push_back(op::InsertFrontend{key, word});
    } else if (now->second != word) {
      sections.updates.push_back(op::UpdateFrontend{key, word});
      sections.updates.push_back(op::Grace{});
    }
  }
  const auto drop = [&](const hf_frontend_key& key, std::uint32_t pool) {
    const auto now = state.shadow.frontends.find(key);
    if (wanted.contains(key) || now == state.shadow.frontends.end()) return;
    if (hf_frontend_pool(now->second) == pool) sections.deletes.push_back(op::DeleteFrontend{key});
  };
  for (const ServicePlan& service : plans) {
    if (!service.before) continue;
    for (const auto& [port, pool] : service.before->pools) {
      for (const hf_frontend_key& key : pool.frontends) drop(key, pool.id);
    }
  }
  for (const hf_frontend_key& key : state.orphans) {
    if (!wanted.contains(key)) sections.deletes.push_back(op::DeleteFrontend{key});
  }
}

// Slots, pool words and names of what stays or is new.
void pool_ops(const Planner::State& state, const ServicePlan& service, Sections& sections) {
  sections.names.push_back(op::PutServiceName{service.id, service.name});
  for (const PoolPlan& pool : service.pools) {
    sections.names.push_back(op::PutPoolName{pool.record.id, pool.name});
    if (!pool.changed) continue;
    const bool moved =
        pool.record.length != 0 &&
        (pool.record.id >= state.shadow.pools.size() ||
         hf_pool_first(state.shadow.pools[pool.record.id].word) != pool.record.first);
    if (moved) {
      op::PutSlots put{pool.record.first, {}, pool.layout.infos};
      for (const std::uint32_t member : pool.layout.members) put.slots.push_back(pool.ids[member]);
      sections.slots.push_back(std::move(put));
    }
    sections.pools.push_back(op::StorePool{pool.record.id, pool.value});
  }
}

// What of the service before is not in the plan: pools, and the service itself.
void removal_ops(const ServicePlan& service, Sections& sections) {
  if (!service.before) return;
  for (const auto& [port, pool] : service.before->pools) {
    const bool kept = std::any_of(service.pools.begin(), service.pools.end(),
                                  [&](const PoolPlan& one) { return one.record.id == pool.id; });
    if (kept) continue;
    sections.last.push_back(op::StorePool{pool.id, {}});
    sections.last.push_back(op::PutPoolName{pool.id, {}});
    sections.released_pools.push_back(pool.id);
    if (pool.length) sections.released_slots.emplace_back(pool.first, pool.length);
    sections.needs_grace = true;
  }
  if (service.id == 0) {
    sections.last.push_back(op::PutServiceName{service.before->id, {}});
    sections.released_services.push_back(service.before->id);
  }
}

Diff assemble(Sections& sections, std::uint64_t generation) {
  Diff diff;
  const auto append = [&diff](std::vector<Op>& ops) {
    std::move(ops.begin(), ops.end(), std::back_inserter(diff.ops));
  };
  const bool grace =
      sections.needs_grace || !sections.deletes.empty() || !sections.released_slots.empty();
  append(sections.names);
  append(sections.endpoints);
  append(sections.slots);
  append(sections.pools);
  append(sections.inserts);
  append(sections.updates);
  append(sections.deletes);
  if (grace) diff.ops.emplace_back(op::Grace{});
  append(sections.last);
  diff.ops.emplace_back(op::PutMeta{1, generation});
  return diff;
}

// The strings and endpoint references that the service's former state held.
void let_go(Planner::State& state, const ServiceRecord& before) {
  const Image& shadow = state.shadow;
  const hf_service_name& name = shadow.service_names[before.id];
  for (const auto ref : {name.name_space, name.name, name.source}) {
    state.strings.drop(shadow.text(ref));
  }
  for (const auto& [port, pool] : before.pools) {
    state.strings.drop(shadow.text(shadow.pool_names[pool.id].port_name));
    std::set<std::uint32_t> members(shadow.slots.begin() + pool.first,
                                    shadow.slots.begin() + pool.first + pool.length);
    for (const std::uint32_t id : members) {
      if (--state.references[id] == 0) state.draining.insert(id);
    }
  }
}

// Books the plan as done. The image is changed last: the books refer to the state before.
void commit(Planner::State& state, const std::vector<ServicePlan>& plans, const Sections& sections,
            const Diff& diff) {
  for (const ServicePlan& service : plans) {
    if (service.before) let_go(state, *service.before);
  }
  for (const std::string& text : sections.dropped_strings) state.strings.drop(text);
  for (const auto& [first, length] : sections.released_slots) state.slots.free(first, length);
  for (const std::uint32_t id : sections.released_pools) state.pool_ids.free(id, 1);
  for (const std::uint32_t id : sections.released_services) state.service_ids.free(id, 1);
  for (const ServicePlan& service : plans) {
    if (service.id == 0) {
      state.services.erase(service.change->key);
      continue;
    }
    ServiceRecord record{service.id, service.change->source, {}};
    for (const PoolPlan& pool : service.pools) {
      record.pools[key_of(*pool.pool)] = pool.record;
      for (const std::uint32_t id : pool.ids) state.draining.erase(id);
    }
    state.services[service.change->key] = std::move(record);
  }
  state.orphans.clear();
  for (const Op& operation : diff.ops) apply_to(state.shadow, operation);
}

}  // namespace

Result<Diff> Planner::plan(const Generation& generation) {
  State& state = *state_;
  Sections sections;
  std::vector<ServicePlan> plans;
  Reservation reservation(state, sections);
  state.undo.clear();
  const auto refuse = [&](const Error& error) {
    std::for_each(state.undo.rbegin(), state.undo.rend(), [](const auto& step) { step(); });
    state.undo.clear();
    return tl::unexpected(error);
  };
  for (const CatalogChange& change : generation.changes) {
    auto planned = reservation.service(change, generation.number);
    if (!planned) return refuse(planned.error());
    plans.push_back(std::move(*planned));
  }
  const Wanted wanted = wanted_frontends(plans);
  frontend_ops(state, plans, wanted, sections);
  const std::size_t frontends = state.shadow.frontends.size() + sections.inserts.size();
  if (frontends > state.capacity.frontends) {
    return refuse({Errc::exhausted, 0,
                   fmt::format("map 'frontends' is full: {} needed, capacity {}", frontends,
                               state.capacity.frontends)});
  }
  for (const ServicePlan& service : plans) {
    if (service.id) pool_ops(state, service, sections);
    removal_ops(service, sections);
  }
  const auto released = sections;  // assemble() moves the operations out
  Diff diff = assemble(sections, generation.number);
  commit(state, plans, released, diff);
  state.undo.clear();
  return diff;
}

std::vector<ServiceKey> Planner::strangers(
    const std::string& source, const std::function<bool(const ServiceKey&)>& keep) const {
  std::vector<ServiceKey> result;
  for (const auto& [key, service] : state_->services) {
    if (service.source == source && !keep(key)) result.push_back(key);
  }
  return result;
}

Diff Planner::collect(const std::function<hf_endpoint_stats(std::uint32_t)>& stats) {
  State& state = *state_;
  Diff diff;
  std::vector<std::uint32_t> retired;
  for (const std::uint32_t id : state.draining) {
    const hf_endpoint_stats now = stats(id);
    if (now.connects != now.closes) continue;
    retired.push_back(id);
    state.resting[id] = now;
    diff.ops.emplace_back(op::RetireEndpoint{id});
  }
  if (retired.empty()) return diff;
  diff.ops.emplace_back(op::Grace{});
  for (const std::uint32_t id : retired) {
    state.draining.erase(id);
    const hf_endpoint& endpoint = state.shadow.endpoints[id];
    hf_endpoint_name& name = state.shadow.endpoint_names[id];
    Identity identity;
    std::copy(std::begin(name.identity), std::end(name.identity), identity.bytes.begin());
    state.endpoint_by_key.erase({IpAddress::from_abi(endpoint.addr),
                                 __builtin_bswap16(endpoint.port),
                                 static_cast<Protocol>(endpoint.flags), identity});
    state.strings.drop(state.shadow.text(name.node));
    state.strings.drop(state.shadow.text(name.zone));
    state.endpoint_ids.free(id, 1);
  }
  for (const Op& operation : diff.ops) apply_to(state.shadow, operation);
  return diff;
}

bool Planner::draining() const {
  return !state_->draining.empty();
}

Image Planner::expected() const {
  return state_->shadow;
}

Usage Planner::usage() const {
  const State& state = *state_;
  return {static_cast<std::uint32_t>(state.shadow.frontends.size()),
          state.service_ids.used(),
          state.pool_ids.used(),
          state.slots.used(),
          state.endpoint_ids.used(),
          state.strings.used(),
          static_cast<std::uint32_t>(state.draining.size())};
}

}  // namespace holdfast
