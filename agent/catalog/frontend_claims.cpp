// SPDX-License-Identifier: Apache-2.0
#include "agent/catalog/frontend_claims.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace holdfast {
namespace {

template <class Work>
void for_each_claim(const Service& service, Work work) {
  for (const Pool& pool : service.pools) {
    for (const Frontend& frontend : pool.frontends)
      work(FrontendClaims::claim_of(frontend, pool.protocol), frontend.kind);
  }
}

// Best first.
int order_of(FrontendKind kind) {
  switch (kind) {
    case FrontendKind::cluster_ip:
      return 0;
    case FrontendKind::node_port:
      return 1;
    case FrontendKind::load_balancer:
      return 2;
    case FrontendKind::external_ip:
      return 3;
  }
  return 4;
}

// A service without a creationTimestamp is the youngest.
std::int64_t born(const Service& service) {
  return service.created_at != 0 ? service.created_at : std::numeric_limits<std::int64_t>::max();
}

}  // namespace

FrontendKind FrontendClaims::kind_of(const Service& service, const Claim& claim) {
  FrontendKind best = FrontendKind::external_ip;
  for_each_claim(service, [&](const Claim& one, FrontendKind kind) {
    if (one == claim && order_of(kind) < order_of(best)) best = kind;
  });
  return best;
}

bool FrontendClaims::same(const Service& a, const Service& b) {
  return a.created_at == b.created_at &&
         std::equal(a.pools.begin(), a.pools.end(), b.pools.begin(), b.pools.end(),
                    [](const Pool& one, const Pool& other) {
                      return one.protocol == other.protocol && one.frontends == other.frontends;
                    });
}

void FrontendClaims::add(const Service& service) {
  for_each_claim(service, [&](const Claim& claim, FrontendKind) {
    Keys& keys = claimants_[claim];
    open(claim, keys);
    keys.insert(service.key);
  });
}

void FrontendClaims::remove(const Service& service) {
  for_each_claim(service, [&](const Claim& claim, FrontendKind) {
    Keys& keys = claimants_[claim];
    open(claim, keys);
    keys.erase(service.key);
  });
}

// `keys`: before the change. Who owned it is known from here on whatever becomes of them.
void FrontendClaims::open(const Claim& claim, const Keys& keys) {
  if (open_.insert(claim).second && keys.size() == 1) owners_.emplace(claim, *keys.begin());
}

const ServiceKey& FrontendClaims::owner(const Claim& claim) const {
  const auto named = owners_.find(claim);
  return named != owners_.end() ? named->second : *claimants_.at(claim).begin();
}

FrontendClaims::Keys FrontendClaims::decide(const Look& look) {
  Keys changed;
  for (const Claim& claim : std::exchange(open_, {})) {
    const auto found = claimants_.find(claim);
    const Keys& keys = found->second;
    const bool was_contested = contested_.contains(claim);
    if (keys.size() > 1) contested_.insert(claim);
    if (keys.size() <= 1) contested_.erase(claim);
    if (was_contested || keys.size() > 1) ++revision_;
    if (keys.empty()) {
      owners_.erase(claim);
      claimants_.erase(found);
      continue;
    }
    const ServiceKey& heir = choose(claim, keys, look);
    const auto [sitting, fresh] = owners_.emplace(claim, heir);
    if (fresh || sitting->second != heir) {
      if (!fresh) changed.insert(std::exchange(sitting->second, heir));
      changed.insert(heir);
    }
    if (keys.size() == 1) owners_.erase(sitting);
  }
  return changed;
}

const ServiceKey& FrontendClaims::choose(const Claim& claim, const Keys& keys, const Look& look) {
  const auto now = owners_.find(claim);
  const auto earlier = sat_.find(claim);
  const bool returned = earlier != sat_.end() && keys.contains(earlier->second);
  const ServiceKey* sitting = nullptr;
  if (now != owners_.end())
    sitting = &now->second;
  else if (returned)
    sitting = &earlier->second;
  const ServiceKey* best = &*keys.begin();
  if (keys.size() > 1) {
    const auto standing = [&](const ServiceKey& key) {
      const Claimant one = look(key);
      return std::tuple(one.rank, order_of(kind_of(*one.service, claim)),
                        !(sitting && *sitting == key), born(*one.service));
    };
    // The first of equals: keys are in order of their names.
    best = &*std::min_element(keys.begin(), keys.end(), [&](const auto& a, const auto& b) {
      return standing(a) < standing(b);
    });
  }
  if (returned) sat_.erase(earlier);
  return *best;
}

}  // namespace holdfast
