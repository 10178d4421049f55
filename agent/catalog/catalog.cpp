// SPDX-License-Identifier: Apache-2.0
#include "agent/catalog/catalog.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "agent/catalog/frontend_claims.h"
#include "agent/model/vantage.h"

namespace holdfast {

struct Catalog::State {
  struct Said {  // by the source of one rank
    std::map<ServiceKey, ServicePtr> services;
    std::set<ServiceKey> with_node_ports;
    std::vector<IpAddress> addresses;  // of this node
  };
  struct Merged {
    ServicePtr service;  // the winner's, with all its frontends
    std::size_t rank = 0;
    ServicePtr shown;  // without the frontends that are another's
    std::size_t shown_rank = 0;
  };

  std::vector<SourceRank> ranks;
  std::uint64_t number = 0;
  std::vector<Said> by_rank;
  std::map<ServiceKey, std::size_t> tombstones;  // key -> rank that deleted it
  std::map<ServiceKey, Merged> merged;
  FrontendClaims claims;

  std::size_t rank_of(const std::string& source) const;
  const ServicePtr* winner(const ServiceKey& key, std::size_t& rank) const;
  void put(std::size_t rank, const ServiceKey& key, const ServicePtr& now);
  void merge(const ServiceKey& key);
  struct Touched {
    ServiceKey key;
    const Admitted* by = nullptr;  // nullptr: by something else

    bool operator<(const Touched& other) const { return key < other.key; }
  };
  Generation publish(std::vector<Touched> touched);
  std::vector<Departure> left_of(const Merged& entry, const ServicePtr& now,
                                 const Admitted* by) const;
  Claimant claimant(const ServiceKey& key) const;
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
    const auto found = by_rank[rank].services.find(key);
    if (found != by_rank[rank].services.end()) return &found->second;
  }
  return nullptr;
}

void Catalog::State::merge(const ServiceKey& key) {
  std::size_t rank = 0;
  const ServicePtr* now = winner(key, rank);
  const auto known = merged.find(key);
  const bool claimed = known != merged.end() && known->second.service;
  if (!now) {
    if (claimed) claims.remove(*std::exchange(known->second.service, nullptr));
    return;
  }
  ServicePtr service = with_frontends_of(*now, by_rank[rank].addresses);
  const bool same_claims = claimed && known->second.rank == rank &&
                           FrontendClaims::same(*known->second.service, *service);
  if (claimed && !same_claims) claims.remove(*known->second.service);
  Merged& entry = known != merged.end() ? known->second : merged[key];
  entry.service = std::move(service);
  entry.rank = rank;
  if (!same_claims) claims.add(*entry.service);
}

void Catalog::State::put(std::size_t rank, const ServiceKey& key, const ServicePtr& now) {
  Said& said = by_rank[rank];
  if (now)
    said.services[key] = now;
  else
    said.services.erase(key);
  if (now && has_node_ports(*now))
    said.with_node_ports.insert(key);
  else
    said.with_node_ports.erase(key);
}

Claimant Catalog::State::claimant(const ServiceKey& key) const {
  const Merged& entry = merged.at(key);
  return {entry.service.get(), entry.rank};
}

ServicePtr Catalog::State::without_lost(const ServicePtr& service) const {
  const auto lost = [&](const Frontend& frontend, Protocol protocol) {
    return !claims.owns(service->key, FrontendClaims::claim_of(frontend, protocol));
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

std::string_view Conflict::reason() const {
  if (has.source != wants.source) return "the source of the owner comes first";
  if (has.kind != wants.kind) return "the kind of the owner comes first";
  return "the owner had it first, or is older";
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
    state_->claims.sat(FrontendClaims::claim_of(one.frontend, one.protocol), one.owner);
  }
  for (const Tombstone& one : tombstones) {
    const std::size_t rank = state_->rank_of(one.source);
    // What was the lowest rank, or has no rank any more, masks nothing.
    if (rank + 1 < state_->ranks.size()) state_->tombstones[one.key] = rank;
  }
}

Generation Catalog::apply(const std::string& source, const std::vector<Admitted>& admitted) {
  State& state = *state_;
  const std::size_t rank = state.rank_of(source);
  if (rank == state.ranks.size()) return {state.number, {}};
  std::vector<State::Touched> touched;
  touched.reserve(admitted.size());
  for (const Admitted& one : admitted) {
    const auto tombstone = state.tombstones.find(one.key);
    state.put(rank, one.key, one.now);
    if (one.now) {
      if (tombstone != state.tombstones.end() && rank <= tombstone->second) {
        state.tombstones.erase(tombstone);
      }
    } else {
      // The lowest rank has nothing below it to mask; a better source's tombstone masks more.
      if (one.explained_delete && rank + 1 < state.ranks.size()) {
        const auto [known, fresh] = state.tombstones.emplace(one.key, rank);
        if (!fresh) known->second = std::min(known->second, rank);
      }
    }
    state.merge(one.key);
    touched.push_back({one.key, &one});
  }
  return state.publish(std::move(touched));
}

Generation Catalog::place(const std::string& source, const std::vector<IpAddress>& addresses) {
  State& state = *state_;
  const std::size_t rank = state.rank_of(source);
  if (rank == state.ranks.size() || state.by_rank[rank].addresses == addresses)
    return {state.number, {}};
  State::Said& said = state.by_rank[rank];
  said.addresses = addresses;
  std::vector<State::Touched> touched;
  for (const ServiceKey& key : said.with_node_ports) {
    state.merge(key);
    touched.push_back({key});
  }
  return state.publish(std::move(touched));
}

// `entry`: with what was shown before.
std::vector<Departure> Catalog::State::left_of(const Merged& entry, const ServicePtr& now,
                                               const Admitted* by) const {
  if (!entry.shown || !by) return {};
  const bool another = now && entry.rank != entry.shown_rank;
  if (now && !another && by->left.empty()) return {};
  return departures(*entry.shown, now.get(), by->left,
                    another ? Ruling::taken_over : Ruling::source_gone);
}

// What became of the services that were merged, and of those whose frontends are others' now.
Generation Catalog::State::publish(std::vector<Touched> touched) {
  for (const ServiceKey& key : claims.decide([&](const ServiceKey& key) { return claimant(key); }))
    touched.push_back({key});
  // Of two the one that knows more comes first.
  std::stable_sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end(),
                            [](const Touched& a, const Touched& b) { return a.key == b.key; }),
                touched.end());
  Generation generation{number, {}};
  generation.changes.reserve(touched.size());
  for (const auto& [key, by] : touched) {
    const auto entry = merged.find(key);
    if (entry == merged.end()) continue;
    const ServicePtr before = entry->second.shown;
    const ServicePtr now = entry->second.service ? without_lost(entry->second.service) : nullptr;
    const std::string& winner = ranks[entry->second.rank].name;
    // Another source's word of the same content is a change too: the maps name the source, and the
    // next life asks them whose a service is.
    const bool same = before && now && entry->second.shown_rank == entry->second.rank &&
                      (before == now || *before == *now);
    auto left = same ? std::vector<Departure>{} : left_of(entry->second, now, by);
    entry->second.shown = same ? before : now;
    entry->second.shown_rank = entry->second.rank;
    if (!now) merged.erase(entry);
    if (!same && (before || now)) generation.changes.push_back({key, now, winner, std::move(left)});
  }
  if (!generation.changes.empty()) generation.number = ++number;
  return generation;
}

std::uint64_t Catalog::number() const {
  return state_->number;
}

std::vector<CatalogChange> Catalog::all() const {
  std::vector<CatalogChange> result;
  for (const auto& [key, entry] : state_->merged)
    result.push_back({key, entry.shown, state_->ranks[entry.rank].name});
  return result;
}

std::vector<Conflict> Catalog::conflicts() const {
  std::vector<Conflict> result;
  const auto party = [&](const ServiceKey& key, const FrontendClaims::Claim& claim) {
    const Claimant one = state_->claimant(key);
    return Party{FrontendClaims::kind_of(*one.service, claim), state_->ranks[one.rank].name};
  };
  for (const FrontendClaims::Claim& claim : state_->claims.contested()) {
    const ServiceKey& owner = state_->claims.owner(claim);
    const Party has = party(owner, claim);
    for (const ServiceKey& key : state_->claims.claimants(claim)) {
      if (key == owner) continue;
      const Party wants = party(key, claim);
      const auto& [address, port, protocol] = claim;
      result.push_back({owner, key, {address, port, wants.kind, false}, protocol, has, wants});
    }
  }
  return result;
}

std::uint64_t Catalog::conflicts_revision() const {
  return state_->claims.revision();
}

std::vector<Tombstone> Catalog::tombstones() const {
  std::vector<Tombstone> result;
  for (const auto& [key, rank] : state_->tombstones) {
    result.push_back({key, state_->ranks[rank].name});
  }
  return result;
}

}  // namespace holdfast
