// SPDX-License-Identifier: Apache-2.0
// A planner from what the maps hold: ids stay 1:1 over a restart. Leftovers of a crash between two
// operations are given back or drained; nothing that serves is touched.
#include <fmt/format.h>

#include <algorithm>

#include "agent/plan/planner_state.h"

namespace holdfast {
namespace {

class Adoption {
 public:
  explicit Adoption(Planner::State& state) : state_(state), image_(state.shadow) {}

  Result<> run() {
    adopt_endpoints();
    for (std::uint32_t id = 1; id < image_.service_names.size(); ++id) adopt_service(id);
    for (std::uint32_t id = 1; id < image_.pool_names.size() && id < image_.pools.size(); ++id) {
      if (auto adopted = adopt_pool(id); !adopted) return adopted;
    }
    adopt_frontends();
    for (std::uint32_t id = 1; id < image_.endpoints.size(); ++id) {
      if (image_.endpoints[id].incarnation && state_.references[id] == 0)
        state_.draining.insert(id);
    }
    return {};
  }

 private:
  void adopt_text(hf_string_ref ref) { state_.strings.adopt(ref, image_.text(ref)); }

  void adopt_endpoints() {
    state_.references.resize(image_.endpoints.size());
    if (image_.endpoint_names.size() < image_.endpoints.size()) {
      image_.endpoint_names.resize(image_.endpoints.size());
    }
    for (std::uint32_t id = 1; id < image_.endpoints.size(); ++id) {
      const hf_endpoint& endpoint = image_.endpoints[id];
      if (id < image_.stats.size()) state_.resting[id] = image_.stats[id];
      if (endpoint.incarnation == 0) {
        if (id < image_.stats.size() && image_.stats[id].connects == 0) state_.resting.erase(id);
        continue;
      }
      state_.resting.erase(id);
      const hf_endpoint_name& name = image_.endpoint_names[id];
      Identity identity;
      std::copy(std::begin(name.identity), std::end(name.identity), identity.bytes.begin());
      const EndpointKey key{IpAddress::from_abi(endpoint.addr), __builtin_bswap16(endpoint.port),
                            static_cast<Protocol>(endpoint.flags & 0xff), identity};
      state_.endpoint_ids.reserve(id, 1);
      state_.endpoint_by_key.emplace(key, id);
      adopt_text(name.node);
      adopt_text(name.zone);
    }
  }

  void adopt_service(std::uint32_t id) {
    const hf_service_name& name = image_.service_names[id];
    if (name.generation == 0) return;
    const ServiceKey key{image_.text(name.name_space), image_.text(name.name)};
    if (key.name.empty() || state_.services.contains(key)) return;
    state_.service_ids.reserve(id, 1);
    state_.services[key] = {id, image_.text(name.source), {}};
    service_by_id_[id] = key;
    for (const auto ref : {name.name_space, name.name, name.source}) adopt_text(ref);
  }

  // A pool without its service, or whose word was never stored, is a leftover and stays free.
  Result<> adopt_pool(std::uint32_t id) {
    const hf_pool_name& name = image_.pool_names[id];
    const hf_pool& pool = image_.pools[id];
    const auto owner = service_by_id_.find(name.service);
    if (pool.word == 0 || owner == service_by_id_.end()) return {};
    PoolRecord record;
    record.id = id;
    record.first = hf_pool_first(pool.word);
    record.length = hf_pool_count(pool.word) + hf_policy_tail(pool.policy);
    record.generation = hf_pool_generation(pool.word);
    if (std::uint64_t{record.first} + record.length > image_.slots.size() ||
        !state_.slots.reserve(record.first, record.length)) {
      return fail(Errc::incompatible,
                  fmt::format("pool {} names slots {}+{}, which another pool has or no map holds",
                              id, record.first, record.length));
    }
    state_.pool_ids.reserve(id, 1);
    adopt_text(name.port_name);
    std::set<std::uint32_t> members(image_.slots.begin() + record.first,
                                    image_.slots.begin() + record.first + record.length);
    for (const std::uint32_t member : members) {
      if (member >= state_.references.size()) {
        return fail(Errc::incompatible,
                    fmt::format("pool {} names endpoint {}, out of range", id, member));
      }
      ++state_.references[member];
    }
    const PoolKey key{__builtin_bswap16(name.port), static_cast<Protocol>(name.protocol),
                      name.family};
    state_.services[owner->second].pools[key] = record;
    pool_by_id_[id] = {owner->second, key};
    return {};
  }

  void adopt_frontends() {
    for (const auto& [key, word] : image_.frontends) {
      const auto pool = pool_by_id_.find(hf_frontend_pool(word));
      if (pool == pool_by_id_.end()) {
        state_.orphans.push_back(key);
      } else {
        state_.services[pool->second.first].pools[pool->second.second].frontends.push_back(key);
      }
    }
  }

  Planner::State& state_;
  Image& image_;
  std::unordered_map<std::uint32_t, ServiceKey> service_by_id_;
  std::unordered_map<std::uint32_t, std::pair<ServiceKey, PoolKey>> pool_by_id_;
};

}  // namespace

Result<Planner> Planner::adopt(const Image& image, Capacity capacity) {
  auto state = std::make_unique<State>(capacity);
  state->shadow = image;
  if (auto adopted = Adoption(*state).run(); !adopted) return tl::unexpected(adopted.error());
  state->shadow.stats.clear();  // the programs' to write, never expected
  return Planner(std::move(state));
}

}  // namespace holdfast
