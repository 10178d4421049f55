// SPDX-License-Identifier: Apache-2.0
#include "agent/app/restore.h"

#include <algorithm>
#include <set>

#include "agent/model/ready.h"

namespace holdfast {
namespace {

using Entries = std::map<ServiceKey, GuardMemory::Entry>;

// A service of which nothing is in the maps although it should be: removed after the snapshot.
bool belongs_in_maps(const Service& service) {
  return std::any_of(service.pools.begin(), service.pools.end(), is_programmed);
}

// The maps know neither origins nor policies of the guard: these stay as the snapshot had them.
void overlay(const ServicePtr& said, const ServiceView& view, Entries& entries) {
  Service service = *said;
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

ServicePtr as_said(const ServiceView& view, std::set<IpAddress>& addresses) {
  auto service = std::make_shared<Service>(*to_service(view));
  take_frontends_of(*service, addresses);
  return service;
}

void add_addresses(const std::string& node, const std::set<IpAddress>& addresses,
                   std::map<std::string, Node>& nodes) {
  if (addresses.empty()) return;
  Node& known = nodes.try_emplace(node, Node{node, "", {}, {}}).first->second;
  std::set<IpAddress> all(known.addresses.begin(), known.addresses.end());
  all.insert(addresses.begin(), addresses.end());
  known.addresses.assign(all.begin(), all.end());
}

Restored restore(const Image& found, const std::optional<Snapshot>& snapshot,
                 const std::string& node) {
  Restored result;
  const std::uint64_t file_generation = snapshot ? snapshot->generation : 0;
  result.generation = std::max<std::uint64_t>(found.meta.generation, file_generation);
  result.sitting = sitting_in(found);
  std::map<std::string, Entries> sources;
  if (snapshot) {
    result.tombstones = snapshot->tombstones;
    for (const auto& source : snapshot->sources) {
      auto& nodes = result.sources[source.name].nodes = source.memory.nodes;
      if (auto own = nodes.extract("")) {  // of a format that does not tell whose it is
        own.key() = own.mapped().name = node;
        nodes.insert(std::move(own));
      }
      for (const auto& entry : source.memory.services) {
        sources[source.name][entry.admitted->key] = entry;
      }
    }
  }
  if (found.meta.complete && found.meta.generation > file_generation) {
    std::set<std::pair<std::string, ServiceKey>> in_maps;
    std::map<std::string, std::set<IpAddress>> addresses;
    for (const ServiceView& view : services_of(found)) {
      in_maps.insert({view.source, view.key});
      const ServicePtr said = as_said(view, addresses[view.source]);
      if (view.generation <= file_generation && sources[view.source].contains(view.key)) continue;
      overlay(said, view, sources[view.source]);
      ++result.from_maps;
    }
    for (const auto& [name, all] : addresses) add_addresses(node, all, result.sources[name].nodes);
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
