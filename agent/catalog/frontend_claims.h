// SPDX-License-Identifier: Apache-2.0
// Who has a frontend that several services claim. Private to agent/catalog.
//
// Across sources their precedence decides. Between services of one source: what the cluster itself
// gives to one service each (ClusterIP, then NodePort) comes before what a controller assigns
// (LoadBalancer), and that before what anybody may write into a Service (ExternalIP), so that no
// tenant takes an address that is another's (CVE-2020-8554). Among equals the sitting one keeps it;
// then the older creationTimestamp, then the name.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "agent/model/service.h"

namespace holdfast {

struct Claimant {
  const Service* service = nullptr;
  std::size_t rank = 0;  // of its source, best first
};

class FrontendClaims {
 public:
  using Claim = std::tuple<IpAddress, std::uint16_t, Protocol>;
  using Keys = std::set<ServiceKey>;
  using Look = std::function<Claimant(const ServiceKey&)>;

  static Claim claim_of(const Frontend& frontend, Protocol protocol) {
    return {frontend.address, frontend.port, protocol};
  }
  // The best kind under which `service` claims it.
  static FrontendKind kind_of(const Service& service, const Claim& claim);

  // Neither the claims nor what decides them differs: most changes are of endpoints.
  static bool same(const Service& a, const Service& b);

  // Who sat in the life before, until that service claims the frontend again.
  void sat(const Claim& claim, const ServiceKey& owner) { sat_[claim] = owner; }
  void add(const Service& service);
  void remove(const Service& service);
  // Decides what was added or removed since the last call; names the services whose frontends are
  // others now. `look` tells of any service that claims.
  Keys decide(const Look& look);

  bool owns(const ServiceKey& key, const Claim& claim) const { return owner(claim) == key; }
  const ServiceKey& owner(const Claim& claim) const;
  // What more than one service claims, and by whom.
  const std::set<Claim>& contested() const { return contested_; }
  const Keys& claimants(const Claim& claim) const { return claimants_.at(claim); }
  std::uint64_t revision() const { return revision_; }  // grows when these may have changed

 private:
  void open(const Claim& claim, const Keys& keys);
  const ServiceKey& choose(const Claim& claim, const Keys& keys, const Look& look);

  std::map<Claim, Keys> claimants_;
  // Of a decided claim with one claimant that one is the owner, and is not named here: nearly all
  // are such.
  std::map<Claim, ServiceKey> owners_;
  std::map<Claim, ServiceKey> sat_;
  std::set<Claim> open_;  // not decided yet
  std::set<Claim> contested_;
  std::uint64_t revision_ = 0;
};

}  // namespace holdfast
