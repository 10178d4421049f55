// SPDX-License-Identifier: Apache-2.0
#include <unordered_map>

#include "agent/model/ready.h"
#include "agent/plan/planner_state.h"

namespace holdfast {
namespace {

// The id of the service that has it in the maps; 0: none.
std::uint32_t holder_of(const Image& maps, const hf_frontend_key& key) {
  const auto found = maps.frontends.find(key);
  if (found == maps.frontends.end()) return 0;
  const std::uint32_t pool = hf_frontend_pool(found->second);
  return pool < maps.pool_names.size() ? maps.pool_names[pool].service : 0;
}

}  // namespace

bool Planner::strays() const {
  return !state_->stray_frontends.empty() || !state_->stray_pools.empty();
}

bool Planner::knows(const ServiceKey& key) const {
  return state_->services.contains(key);
}

std::set<ServiceKey> Planner::moving(const std::map<ServiceKey, CatalogChange>& changes) const {
  std::unordered_map<std::uint32_t, const ServiceKey*> sitting;  // of those that change, by id
  for (const auto& [key, change] : changes) {
    if (const auto known = state_->services.find(key); known != state_->services.end())
      sitting.emplace(known->second.id, &key);
  }
  std::set<ServiceKey> result;
  if (sitting.empty()) return result;
  for (const auto& [key, change] : changes) {
    if (!change.now) continue;
    for (const Pool& pool : change.now->pools) {
      if (!is_programmed(pool)) continue;
      for (const Frontend& frontend : pool.frontends) {
        const auto from =
            sitting.find(holder_of(state_->shadow, frontend_key(frontend, pool.protocol)));
        if (from == sitting.end() || *from->second == key) continue;
        result.insert({key, *from->second});
      }
    }
  }
  return result;
}

}  // namespace holdfast
