// SPDX-License-Identifier: Apache-2.0
// A planner from what the maps hold: ids stay 1:1 over a restart. Leftovers of a crash between two
// operations are given back or drained; nothing that serves is touched, and nothing that a map
// still names is taken for free.
#include <fmt/format.h>

#include <algorithm>

#include "agent/base/memory.h"
#include "agent/plan/planner_state.h"

namespace holdfast {
namespace {

Failure contradiction(const char* what, std::uint32_t id) {
  return fail(Errc::incompatible, fmt::format("{} {}: beyond the maps, or given twice", what, id));
}

// In a set that was made while a connection was open its end alone is counted.
bool counted(const hf_endpoint_stats& stats) {
  return stats.connects || stats.closes || stats.established || stats.failures || stats.abandoned;
}

class Adoption {
 public:
  explicit Adoption(Planner::State& state) : state_(state), image_(state.shadow) {}

  Result<> run() {
    image_.pool_names.resize(std::max(image_.pool_names.size(), image_.pools.size()));
    image_.endpoint_names.resize(std::max(image_.endpoint_names.size(), image_.endpoints.size()));
    if (auto adopted = adopt_endpoints(); !adopted) return adopted;
    for (std::uint32_t id = 1; id < image_.service_names.size(); ++id) {
      if (auto adopted = adopt_service(id); !adopted) return adopted;
    }
    for (std::uint32_t id = 1; id < image_.pools.size(); ++id) {
      if (auto adopted = adopt_pool(id); !adopted) return adopted;
    }
    adopt_frontends();
    find_draining();
    return {};
  }

 private:
  void adopt_text(hf_string_ref ref) { state_.strings.adopt(ref, image_.text(ref)); }

  Result<> adopt_endpoints() {
    state_.uses.resize(image_.endpoints.size());
    for (std::uint32_t id = 1; id < image_.endpoints.size(); ++id) {
      const hf_endpoint& endpoint = image_.endpoints[id];
      if (endpoint.incarnation == 0) {
        if (id < image_.stats.size() && counted(image_.stats[id]))
          state_.resting[id] = image_.stats[id];
        continue;
      }
      if (!state_.endpoint_ids.reserve(id, 1)) return contradiction("endpoint", id);
      hf_endpoint_name& name = image_.endpoint_names[id];
      name.incarnation = endpoint.incarnation;  // the next one must be another
      adopt_text(name.node);
      adopt_text(name.zone);
    }
    return {};
  }

  Result<> adopt_service(std::uint32_t id) {
    const hf_service_name& name = image_.service_names[id];
    if (name.generation == 0) return {};
    const ServiceKey key{image_.text(name.name_space), image_.text(name.name)};
    if (key.name.empty() || state_.services.contains(key)) return {};
    if (!state_.service_ids.reserve(id, 1)) return contradiction("service", id);
    state_.services[key] = {id, image_.text(name.source), {}};
    service_by_id_[id] = key;
    for (const auto ref : {name.name_space, name.name, name.source}) adopt_text(ref);
    return {};
  }

  // A pool whose word was never stored is free. One that no service owns goes with the next plan.
  // The tail of one whose name was written for a word that never came is free: nothing reads it.
  Result<> adopt_pool(std::uint32_t id) {
    const hf_pool_name& name = image_.pool_names[id];
    const hf_pool& pool = image_.pools[id];
    if (pool.word == 0) return {};
    PoolRecord record;
    record.id = id;
    const PoolWords words = words_of(pool, name);
    record.first = words.first;
    record.length = words.length();
    record.generation = words.generation;
    if (record.length == 0) record.first = 0;
    const std::size_t end = std::size_t{record.first} + record.length;
    if (!state_.slots.reserve(record.first, record.length)) {
      return contradiction("slots of pool", id);
    }
    image_.slots.resize(std::max(end, image_.slots.size()));
    image_.slot_info.resize(std::max(end, image_.slot_info.size()));
    if (!state_.pool_ids.reserve(id, 1)) return contradiction("pool", id);
    adopt_text(name.port_name);
    if (auto adopted = adopt_members(record); !adopted) return adopted;
    const auto owner = service_by_id_.find(name.service);
    const PoolKey key = key_of(pool_of(name));
    if (owner == service_by_id_.end() || state_.services[owner->second].pools.contains(key)) {
      state_.stray_pools.push_back(std::move(record));
      return {};
    }
    auto& adopted = state_.services[owner->second].pools[key] = std::move(record);
    pool_by_id_[id] = &adopted;
    return {};
  }

  // A retired endpoint that a slot still names is not free: its id would mean another one there.
  Result<> adopt_members(const PoolRecord& pool) {
    for (const std::uint32_t member : members_of(image_, pool)) {
      if (member >= state_.capacity.endpoints)
        return contradiction("endpoint named by a slot", member);
      if (member >= image_.endpoints.size()) {
        image_.endpoints.resize(member + 1);
        image_.endpoint_names.resize(
            std::max<std::size_t>(member + 1, image_.endpoint_names.size()));
        state_.uses.resize(member + 1);
      }
      const bool first = state_.uses[member].references++ == 0;
      if (!first || image_.endpoints[member].incarnation != 0) continue;
      state_.endpoint_ids.reserve(member, 1);
      image_.endpoint_names[member].node = image_.endpoint_names[member].zone = {};
    }
    return {};
  }

  void adopt_frontends() {
    for (const auto& [key, word] : image_.frontends) {
      const auto pool = pool_by_id_.find(hf_frontend_pool(word));
      if (pool != pool_by_id_.end()) {
        pool->second->frontends.push_back(key);
        continue;
      }
      state_.stray_frontends.push_back(key);
      PoolRecord nothing;
      nothing.id = hf_frontend_pool(word);
      if (state_.pool_ids.reserve(nothing.id, 1)) state_.stray_pools.push_back(nothing);
    }
  }

  // Of two ids for one endpoint the one in use is known by its key, the other drains.
  void find_draining() {
    for (std::uint32_t id = 1; id < image_.endpoints.size(); ++id) {
      if (image_.endpoints[id].incarnation == 0) continue;
      const bool used = state_.uses[id].references != 0;
      if (!used) state_.draining.insert(id);
      if (!state_.endpoint_index.add(id) && used) state_.endpoint_index.add_in_place(id);
    }
  }

  Planner::State& state_;
  Image& image_;
  std::unordered_map<std::uint32_t, ServiceKey> service_by_id_;
  std::unordered_map<std::uint32_t, PoolRecord*> pool_by_id_;
};

}  // namespace

Result<Planner> Planner::adopt(const Image& image, Capacity capacity, Vantage vantage) {
  auto state = std::make_unique<State>(capacity, std::move(vantage));
  state->shadow = image;
  if (auto adopted = Adoption(*state).run(); !adopted) return tl::unexpected(adopted.error());
  release(state->shadow.stats);  // the programs' to write, never expected
  return Planner(std::move(state));
}

}  // namespace holdfast
