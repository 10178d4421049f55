// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/planner.h"

#include <algorithm>

#include "agent/dataplane/apply.h"
#include "agent/plan/diff.h"
#include "agent/plan/planner_state.h"
#include "agent/plan/reserve.h"

namespace holdfast {

PoolKey key_of(const Pool& pool) {
  return pool.key();
}

Planner::State::State(Capacity room, Vantage from)
    : capacity(room),
      vantage(std::move(from)),
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

// What the slots named is drained unless another pool, or the plan, names it too.
void let_go(Planner::State& state, const PoolRecord& pool) {
  if (pool.id < state.shadow.pool_names.size())
    state.strings.drop(state.shadow.pool_names[pool.id].port_name);
  for (const std::uint32_t id : members_of(state.shadow, pool)) {
    if (--state.uses[id].references == 0) state.draining.insert(id);
  }
}

void let_go(Planner::State& state, const ServiceRecord& service) {
  const hf_service_name& name = state.shadow.service_names[service.id];
  for (const auto ref : {name.name_space, name.name, name.source}) state.strings.drop(ref);
  for (const auto& [port, pool] : service.pools) let_go(state, pool);
}

void release(Planner::State& state, const Sections& sections) {
  for (const hf_string_ref ref : sections.released_strings) state.strings.drop(ref);
  for (const auto& [first, length] : sections.released_slots) state.slots.free(first, length);
  for (const std::uint32_t id : sections.released_pools) state.pool_ids.free(id, 1);
  for (const std::uint32_t id : sections.released_services) state.service_ids.free(id, 1);
}

// Books the plan as done. The shadow is changed last: what is let go is read from it.
void commit(Planner::State& state, std::vector<ServicePlan>& plans, const Sections& sections,
            const Diff& diff) {
  for (const ServicePlan& service : plans) {
    if (service.before) let_go(state, *service.before);
  }
  for (const PoolRecord& pool : state.stray_pools) let_go(state, pool);
  release(state, sections);
  for (ServicePlan& service : plans) {
    if (service.id == 0) {
      state.services.erase(service.change->key);
      continue;
    }
    ServiceRecord record{service.id, service.change->source, {}};
    for (PoolPlan& pool : service.pools) {
      for (const std::uint32_t id : pool.ids) state.draining.erase(id);
      record.pools[key_of(*pool.pool)] = std::move(pool.record);
    }
    state.services[service.change->key] = std::move(record);
  }
  state.stray_frontends.clear();
  state.stray_pools.clear();
  for (const Op& operation : diff.ops) apply_to(state.shadow, operation);
  state.endpoint_index.keep_promises();
}

// A first fill would make each of these anew a dozen times. Nothing for a change: they grow by
// themselves, and a reserve of a few more would make them anew each time.
void expect(Planner::State& state, const Generation& generation, Sections& sections) {
  constexpr std::size_t kOfService = 3, kOfPool = 3;  // names and texts; name, slots, word
  std::size_t endpoints = 0, others = 0;
  for (const CatalogChange& change : generation.changes) {
    if (!change.now) continue;
    others += kOfService;
    for (const Pool& pool : change.now->pools) {
      endpoints += pool.endpoints.size();
      others += kOfPool + pool.frontends.size();
    }
  }
  if (endpoints <= state.endpoint_index.size()) return;
  const std::size_t all = state.endpoint_index.size() + endpoints;
  state.endpoint_index.reserve(all);
  state.uses.reserve(all);
  state.shadow.endpoints.reserve(all);
  state.shadow.endpoint_names.reserve(all);
  sections.names.reserve(endpoints + others + others / 8);  // and texts of endpoints
}

}  // namespace

Result<Diff> Planner::plan(const Generation& generation) {
  State& state = *state_;
  ++state.plans;
  Sections sections;
  std::vector<ServicePlan> plans;
  Reservation reservation(state, sections);
  plans.reserve(generation.changes.size());
  expect(state, generation, sections);
  for (const CatalogChange& change : generation.changes) {
    plans.push_back(reservation.service(change, generation.number));
  }
  frontend_ops(state, plans, sections);
  reservation.set_inserts(sections.inserts.size());
  if (auto fits = reservation.check_room(); !fits) return tl::unexpected(fits.error());
  return conclude(state, plans, sections, generation);
}

Diff conclude(Planner::State& state, std::vector<ServicePlan>& plans, Sections& sections,
              const Generation& generation) {
  for (const ServicePlan& service : plans) service_ops(state, service, sections);
  stray_ops(state, sections);
  const hf_meta& before = state.shadow.meta;
  Diff diff =
      assemble(sections, generation.whole ? op::PutMeta{1, generation.number}
                                          : op::PutMeta{before.complete, before.generation});
  commit(state, plans, sections, diff);
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

std::optional<std::uint32_t> Planner::id_of(const IpAddress& address, std::uint16_t port,
                                            Protocol protocol, const Identity& identity) const {
  return state_->endpoint_index.find({address, port, protocol, identity});
}

bool Planner::draining() const {
  return !state_->draining.empty();
}

const Capacity& Planner::needed() const {
  return state_->needed;
}

const Image& Planner::expected() const {
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
