// SPDX-License-Identifier: Apache-2.0
#include "agent/app/restore.h"

#include <algorithm>
#include <set>

#include "agent/model/ready.h"
#include "agent/plan/inspect.h"

namespace holdfast {
namespace {

using Entries = std::map<ServiceKey, GuardMemory::Entry>;

// A service of which nothing is in the maps although it should be: removed after the snapshot.
bool belongs_in_maps(const Service& service) {
  return std::any_of(service.pools.begin(), service.pools.end(), is_programmed);
}

// The maps know neither origins nor policies of the guard: these stay as the snapshot had them.
void overlay(const ServiceView& view, Entries& entries) {
  Service service = *to_service(view);
  GuardMemory::Entry& entry = entries[view.key];
  if (entry.admitted) {
    service.origin = entry.admitted->origin;
    service.created_at = entry.admitted->created_at;
    service.policy.guard = entry.admitted->policy.guard;
  }
  entry.admitted = std::make_shared<const Service>(std::move(service));
}

std::vector<Sitting> sitting_in(const Image& found) {
  std::vector<Sitting> result;
  for (const ServiceView& service : services_of(found)) {
    for (const PoolView& pool : service.pools) {
      for (const Frontend& frontend : pool.pool.frontends)
        result.push_back({frontend, pool.pool.protocol, service.key});
    }
  }
  return result;
}

}  // namespace

Restored restore(const Image& found, const std::optional<Snapshot>& snapshot) {
  Restored result;
  const std::uint64_t file_generation = snapshot ? snapshot->generation : 0;
  result.generation = std::max<std::uint64_t>(found.meta.generation, file_generation);
  result.sitting = sitting_in(found);
  std::map<std::string, Entries> sources;
  if (snapshot) {
    result.tombstones = snapshot->tombstones;
    for (const auto& source : snapshot->sources) {
      for (const auto& entry : source.memory.services) {
        sources[source.name][entry.admitted->key] = entry;
      }
    }
  }
  if (found.meta.complete && found.meta.generation > file_generation) {
    std::set<std::pair<std::string, ServiceKey>> in_maps;
    for (const ServiceView& view : services_of(found)) {
      in_maps.insert({view.source, view.key});
      if (view.generation <= file_generation && sources[view.source].contains(view.key)) continue;
      overlay(view, sources[view.source]);
      ++result.from_maps;
    }
    for (auto& [name, entries] : sources) {
      std::erase_if(entries, [&, &source = name](const auto& item) {
        return belongs_in_maps(*item.second.admitted) && !in_maps.contains({source, item.first});
      });
    }
  }
  for (auto& [name, entries] : sources) {
    GuardMemory& memory = result.sources[name];
    for (auto& [key, entry] : entries) memory.services.push_back(std::move(entry));
    result.from_files += memory.services.size();
  }
  result.from_files -= std::min(result.from_files, result.from_maps);
  return result;
}

}  // namespace holdfast
