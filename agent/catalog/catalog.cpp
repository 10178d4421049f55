// SPDX-License-Identifier: Apache-2.0
#include "agent/catalog/catalog.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

namespace holdfast {
namespace {

using Claim = std::tuple<IpAddress, std::uint16_t, Protocol>;

Claim claim_of(const Frontend& frontend, Protocol protocol) {
  return {frontend.address, frontend.port, protocol};
}

std::vector<Claim> claims_of(const Service& service) {
  std::vector<Claim> claims;
  for (const Pool& pool : service.pools) {
    for (const Frontend& frontend : pool.frontends)
      claims.push_back(claim_of(frontend, pool.protocol));
  }
  return claims;
}

// The older creationTimestamp, then the name; a service without one is the youngest.
std::pair<std::int64_t, ServiceKey> seniority(const Service& service) {
  const bool known = service.created_at != 0;
  return {known ? service.created_at : std::numeric_limits<std::int64_t>::max(), service.key};
}

}  // namespace

struct Catalog::State {
  struct Merged {
    ServicePtr service;  // the winner's, with all its frontends
    std::string source;
    ServicePtr shown;  // without the frontends that are another's
  };

  std::vector<SourceRank> ranks;
  std::uint64_t number = 0;
  std::vector<std::map<ServiceKey, ServicePtr>> by_rank;
  std::map<ServiceKey, std::size_t> tombstones;  // key -> rank that deleted it
  std::map<ServiceKey, Merged> merged;
  std::map<Claim, std::set<ServiceKey>> claimants;
  std::map<Claim, ServiceKey> owners;
  std::map<Claim, ServiceKey> sat;  // in the life before, until somebody claims the frontend

  std::size_t rank_of(const std::string& source) const;
  const ServicePtr* winner(const ServiceKey& key, std::size_t& rank) const;
  void merge(const ServiceKey& key, std::set<ServiceKey>& touched, std::set<Claim>& contested);
  void settle(const std::set<Claim>& contested, std::set<ServiceKey>& touched);
  ServiceKey heir_of(const Claim& claim, const std::set<ServiceKey>& keys);
  ServicePtr without_lost(const ServicePtr& service) const;
};

std::size_t Catalog::State::rank_of(const std::string& source) const {
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    if (ranks[rank].name == source) return rank;
  }
  return ranks.size();
}

// Precedence alone also makes a fallback: what a better source knows wins, what it deleted is
// masked, and what it never knew is the fallback's.
const ServicePtr* Catalog::State::winner(const ServiceKey& key, std::size_t& rank) const {
  const auto tombstone = tombstones.find(key);
  const std::size_t below = tombstone == tombstones.end() ? ranks.size() : tombstone->second + 1;
  for (rank = 0; rank < std::min(below, ranks.size()); ++rank) {
    const auto found = by_rank[rank].find(key);
    if (found != by_rank[rank].end()) return &found->second;
  }
  return nullptr;
}

void Catalog::State::merge(const ServiceKey& key, std::set<ServiceKey>& touched,
                           std::set<Claim>& contested) {
  std::size_t rank = 0;
  const ServicePtr* now = winner(key, rank);
  const auto known = merged.find(key);
  if (known != merged.end()) {
    for (const Claim& claim : claims_of(*known->second.service)) {
      claimants[claim].erase(key);
      contested.insert(claim);
    }
  }
  touched.insert(key);
  if (!now) {
    if (known != merged.end()) known->second.service = nullptr;
    return;
  }
  Merged& entry = merged[key];
  entry.service = *now;
  entry.source = ranks[rank].name;
  for (const Claim& claim : claims_of(**now)) {
    claimants[claim].insert(key);
    contested.insert(claim);
  }
}

void Catalog::State::settle(const std::set<Claim>& contested, std::set<ServiceKey>& touched) {
  for (const Claim& claim : contested) {
    const std::set<ServiceKey>& keys = claimants[claim];
    const auto sitting = owners.find(claim);
    if (keys.empty()) {
      if (sitting != owners.end()) owners.erase(sitting);
      claimants.erase(claim);
      continue;
    }
    if (sitting != owners.end() && keys.contains(sitting->second)) continue;
    const ServiceKey heir = heir_of(claim, keys);
    owners[claim] = heir;
    touched.insert(heir);
  }
}

ServiceKey Catalog::State::heir_of(const Claim& claim, const std::set<ServiceKey>& keys) {
  const auto earlier = sat.extract(claim);
  if (!earlier.empty() && keys.contains(earlier.mapped())) return earlier.mapped();
  return *std::min_element(keys.begin(), keys.end(), [&](const auto& a, const auto& b) {
    return seniority(*merged.at(a).service) < seniority(*merged.at(b).service);
  });
}

ServicePtr Catalog::State::without_lost(const ServicePtr& service) const {
  const auto lost = [&](const Frontend& frontend, Protocol protocol) {
    return owners.at(claim_of(frontend, protocol)) != service->key;
  };
  bool any = false;
  for (const Pool& pool : service->pools) {
    for (const Frontend& frontend : pool.frontends) any = any || lost(frontend, pool.protocol);
  }
  if (!any) return service;
  Service copy = *service;
  for (Pool& pool : copy.pools) {
    std::erase_if(pool.frontends, [&](const Frontend& one) { return lost(one, pool.protocol); });
  }
  return std::make_shared<const Service>(std::move(copy));
}

Catalog::Catalog(std::vector<SourceRank> ranks, std::uint64_t first)
    : state_(std::make_unique<State>()) {
  state_->by_rank.resize(ranks.size());
  state_->ranks = std::move(ranks);
  state_->number = first;
}
Catalog::~Catalog() = default;
Catalog::Catalog(Catalog&&) noexcept = default;
Catalog& Catalog::operator=(Catalog&&) noexcept = default;

void Catalog::restore(const std::vector<Tombstone>& tombstones,
                      const std::vector<Sitting>& sitting) {
  for (const Sitting& one : sitting) {
    state_->sat[claim_of(one.frontend, one.protocol)] = one.owner;
  }
  for (const Tombstone& one : tombstones) {
    const std::size_t rank = state_->rank_of(one.source);
    if (rank < state_->ranks.size()) state_->tombstones[one.key] = rank;
  }
}

Generation Catalog::apply(const std::string& source, const std::vector<Admitted>& admitted) {
  State& state = *state_;
  const std::size_t rank = state.rank_of(source);
  if (rank == state.ranks.size()) return {state.number, {}};
  std::set<ServiceKey> touched;
  std::set<Claim> contested;
  for (const Admitted& one : admitted) {
    const auto tombstone = state.tombstones.find(one.key);
    if (one.now) {
      state.by_rank[rank][one.key] = one.now;
      if (tombstone != state.tombstones.end() && rank <= tombstone->second) {
        state.tombstones.erase(tombstone);
      }
    } else {
      state.by_rank[rank].erase(one.key);
      // The lowest rank has nothing below it to mask; a better source's tombstone masks more.
      if (one.explained_delete && rank + 1 < state.ranks.size()) {
        const auto [known, fresh] = state.tombstones.emplace(one.key, rank);
        if (!fresh) known->second = std::min(known->second, rank);
      }
    }
    state.merge(one.key, touched, contested);
  }
  state.settle(contested, touched);
  Generation generation{state.number, {}};
  for (const ServiceKey& key : touched) {
    const auto entry = state.merged.find(key);
    if (entry == state.merged.end()) continue;
    const ServicePtr before = entry->second.shown;
    const ServicePtr now =
        entry->second.service ? state.without_lost(entry->second.service) : nullptr;
    const std::string winner = entry->second.source;
    const bool same = before && now && (before == now || *before == *now);
    entry->second.shown = same ? before : now;
    if (!now) state.merged.erase(entry);
    if (!same && (before || now)) generation.changes.push_back({key, now, winner});
  }
  if (!generation.changes.empty()) generation.number = ++state.number;
  return generation;
}

std::uint64_t Catalog::number() const {
  return state_->number;
}

std::vector<CatalogChange> Catalog::all() const {
  std::vector<CatalogChange> result;
  for (const auto& [key, entry] : state_->merged)
    result.push_back({key, entry.shown, entry.source});
  return result;
}

std::vector<Conflict> Catalog::conflicts() const {
  std::vector<Conflict> result;
  for (const auto& [claim, keys] : state_->claimants) {
    for (const ServiceKey& key : keys) {
      const ServiceKey& owner = state_->owners.at(claim);
      if (key == owner) continue;
      Frontend frontend;
      frontend.address = std::get<0>(claim);
      frontend.port = std::get<1>(claim);
      result.push_back({owner, key, frontend, std::get<2>(claim)});
    }
  }
  return result;
}

std::vector<Tombstone> Catalog::tombstones() const {
  std::vector<Tombstone> result;
  for (const auto& [key, rank] : state_->tombstones) {
    result.push_back({key, state_->ranks[rank].name});
  }
  return result;
}

}  // namespace holdfast
