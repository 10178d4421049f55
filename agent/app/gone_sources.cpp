// SPDX-License-Identifier: Apache-2.0
#include "agent/app/gone_sources.h"

#include <algorithm>

#include "agent/model/ready.h"
#include "agent/plan/inspect.h"

namespace holdfast {
namespace {

template <class Work>
void for_each_endpoint(const Service& service, Work work) {
  for (const Pool& pool : service.pools) {
    for (const Endpoint& endpoint : pool.endpoints) {
      if (!endpoint.identity.none()) work(endpoint);
    }
  }
}

// `claims`: of the endpoint's address.
bool is_anothers(const Endpoint& endpoint, const std::vector<const AddressClaim*>& claims) {
  std::set<Identity> others;
  bool itself = false;
  for (const AddressClaim* one : claims) {
    if (one->identity.none()) continue;
    if (one->identity == endpoint.identity) {
      itself = true;
      continue;
    }
    if (one->port == endpoint.port) return true;
    others.insert(one->identity);
  }
  return !itself && others.size() == 1;
}

// A view of every service is worth its time only where there is one to find.
std::vector<ServiceView> of_others(const Image& found, const std::set<std::string>& configured) {
  const auto is_others = [&](const hf_service_name& name) {
    return name.generation != 0 && !configured.contains(found.text(name.source));
  };
  if (std::none_of(found.service_names.begin(), found.service_names.end(), is_others)) return {};
  std::vector<ServiceView> views = services_of(found);
  std::erase_if(views, [&](const ServiceView& one) { return configured.contains(one.source); });
  return views;
}

}  // namespace

void GoneSources::take(Restored& restored, const Image& found,
                       const std::optional<Snapshot>& snapshot,
                       const std::set<std::string>& configured, const std::string& node,
                       TimePoint now) {
  const auto gone = [&](const std::string& name) -> Gone& {
    auto [known, fresh] = sources_.try_emplace(name);
    if (fresh) {
      known->second.about.name = name;
      known->second.ends = now + kGrace;
    }
    return known->second;
  };
  std::set<ServiceKey> listed;
  for (const auto& [name, memory] : restored.sources) {
    for (const auto& entry : memory.services) {
      if (configured.contains(name))
        listed.insert(entry.admitted->key);
      else
        gone(name).entries[entry.admitted->key] = entry;
    }
    if (sources_.contains(name)) gone(name).about.memory.nodes = memory.nodes;
  }
  std::erase_if(restored.sources, [&](const auto& one) { return !configured.contains(one.first); });
  // In the maps, and in no file: so a version left them that did not look for such.
  for (const ServiceView& view : of_others(found, configured)) {
    auto& entries = gone(view.source).entries;
    if (entries.contains(view.key)) continue;
    std::set<IpAddress> addresses;
    entries[view.key] = {as_said(view, addresses), false, false};
    add_addresses(node, addresses, gone(view.source).about.memory.nodes);
  }
  if (snapshot) remember(*snapshot, now);
  for (auto& [name, one] : sources_)
    std::erase_if(one.entries, [&](const auto& entry) { return listed.contains(entry.first); });
  forget_empty();
}

void GoneSources::remember(const Snapshot& snapshot, TimePoint now) {
  for (const auto& memory : snapshot.sources) {
    const auto known = sources_.find(memory.name);
    if (known == sources_.end()) continue;
    auto& about = known->second.about;
    about = {memory.name, std::move(about.memory), memory.source_memory, memory.cluster};
  }
  for (const Snapshot::Gone& one : snapshot.gone) {
    const auto known = sources_.find(one.source);
    const std::chrono::seconds left(std::clamp<std::int64_t>(one.seconds_left, 0, kGrace.count()));
    if (known != sources_.end()) known->second.ends = now + left;
  }
}

std::vector<GoneSources::Row> GoneSources::rows(TimePoint now) const {
  std::vector<Row> result;
  for (const auto& [name, one] : sources_) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(one.ends - now);
    result.push_back({name, one.entries.size(), std::max(left, std::chrono::seconds(0))});
  }
  return result;
}

std::vector<std::string> GoneSources::services(const std::string& name) const {
  std::vector<std::string> result;
  const auto known = sources_.find(name);
  if (known == sources_.end()) return result;
  for (const auto& [key, entry] : known->second.entries) result.push_back(key.to_string());
  return result;
}

GoneSources::Changes GoneSources::all() const {
  Changes result;
  for (const auto& [name, one] : sources_) {
    for (const auto& [key, entry] : one.entries)
      result[name].push_back({key, entry.admitted, false});
  }
  return result;
}

const std::map<std::string, Node>& GoneSources::nodes(const std::string& name) const {
  return sources_.at(name).about.memory.nodes;
}

void GoneSources::put(Snapshot& snapshot, TimePoint now) const {
  for (const Row& row : rows(now)) snapshot.gone.push_back({row.name, row.left.count()});
  for (const auto& [name, one] : sources_) {
    Snapshot::SourceMemory memory = one.about;
    for (const auto& [key, entry] : one.entries) memory.memory.services.push_back(entry);
    snapshot.sources.push_back(std::move(memory));
  }
}

GoneSources::Changes GoneSources::taken_over(const std::vector<Admitted>& listed) {
  Changes result;
  for (auto& [name, one] : sources_) {
    for (const Admitted& service : listed) {
      if (service.now && one.entries.erase(service.key) > 0)
        result[name].push_back({service.key, nullptr, false});
    }
  }
  forget_empty();
  return result;
}

const GoneSources::Places& GoneSources::places() {
  if (places_) return *places_;
  places_.emplace();
  for (const auto& [name, one] : sources_) {
    for (const auto& [key, entry] : one.entries) {
      for_each_endpoint(*entry.admitted, [&](const Endpoint& endpoint) {
        places_->emplace_back(endpoint.address, endpoint.identity);
      });
    }
  }
  std::sort(places_->begin(), places_->end());
  places_->erase(std::unique(places_->begin(), places_->end()), places_->end());
  return *places_;
}

bool GoneSources::contested(const std::vector<Admitted>& listed,
                            const std::vector<AddressClaim>& claims) {
  if (empty()) return false;
  const auto other_at = [&](const IpAddress& address, const Identity& identity) {
    if (identity.none()) return false;
    auto at = std::lower_bound(places().begin(), places().end(), std::pair(address, Identity{}));
    for (; at != places().end() && at->first == address; ++at) {
      if (at->second != identity) return true;
    }
    return false;
  };
  for (const AddressClaim& claim : claims) {
    if (other_at(claim.address, claim.identity)) return true;
  }
  bool found = false;
  for (const Admitted& service : listed) {
    if (!service.now) continue;
    for_each_endpoint(*service.now, [&](const Endpoint& endpoint) {
      found = found || other_at(endpoint.address, endpoint.identity);
    });
  }
  return found;
}

void GoneSources::add_claims(const Service& service, std::vector<AddressClaim>& claims) {
  for_each_endpoint(service, [&](const Endpoint& endpoint) {
    const auto at =
        std::lower_bound(places().begin(), places().end(), std::pair(endpoint.address, Identity{}));
    if (at != places().end() && at->first == endpoint.address)
      claims.push_back({endpoint.address, endpoint.port, endpoint.identity});
  });
}

GoneSources::Changes GoneSources::claimed(const std::vector<AddressClaim>& claims) {
  std::map<IpAddress, std::vector<const AddressClaim*>> by_address;
  for (const AddressClaim& one : claims) by_address[one.address].push_back(&one);
  Changes result;
  const auto lost = [&](const Endpoint& endpoint) {
    const auto known = by_address.find(endpoint.address);
    return !endpoint.identity.none() && known != by_address.end() &&
           is_anothers(endpoint, known->second);
  };
  for (auto& [name, one] : sources_) {
    for (auto entry = one.entries.begin(); entry != one.entries.end();) {
      Service copy = *entry->second.admitted;
      for (Pool& pool : copy.pools) std::erase_if(pool.endpoints, lost);
      const std::size_t left = endpoint_count(copy);
      if (left == endpoint_count(*entry->second.admitted)) {
        ++entry;
        continue;
      }
      if (left > 0) {
        auto gone = departures(*entry->second.admitted, &copy, {}, Ruling::address_taken);
        entry->second.admitted = std::make_shared<const Service>(std::move(copy));
        result[name].push_back({entry->first, entry->second.admitted, false, std::move(gone)});
        ++entry;
      } else {
        auto gone = departures(*entry->second.admitted, nullptr, {}, Ruling::address_taken);
        result[name].push_back({entry->first, nullptr, false, std::move(gone)});
        entry = one.entries.erase(entry);
      }
    }
  }
  forget_empty();
  return result;
}

GoneSources::Changes GoneSources::expire(TimePoint now) {
  Changes result;
  for (const Row& row : rows(now)) {
    if (sources_.at(row.name).ends > now) continue;
    if (auto left = leave(row.name)) result.merge(*left);
  }
  return result;
}

std::optional<GoneSources::Changes> GoneSources::leave(const std::string& name) {
  const auto known = sources_.find(name);
  if (known == sources_.end()) return std::nullopt;
  Changes result;
  for (const auto& [key, entry] : known->second.entries)
    result[name].push_back({key, nullptr, false});
  sources_.erase(known);
  forget_empty();
  return result;
}

std::optional<TimePoint> GoneSources::next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& [name, one] : sources_) {
    if (!next || one.ends < *next) next = one.ends;
  }
  return next;
}

void GoneSources::forget_empty() {
  std::erase_if(sources_, [](const auto& one) { return one.second.entries.empty(); });
  if (sources_.empty()) places_.reset();
}

std::size_t services_in(const GoneSources::Changes& changes) {
  std::size_t count = 0;
  for (const auto& [name, services] : changes) count += services.size();
  return count;
}

}  // namespace holdfast
