// SPDX-License-Identifier: Apache-2.0
// Random histories of a small world, made by the catalog itself, so that they have its properties:
// addresses that move, contested claims, identities that change, pools that empty and come back.
#pragma once

#include <rapidcheck.h>

#include "agent/catalog/catalog.h"
#include "agent/dataplane/image.h"
#include "tests/unit/builders.h"

namespace holdfast {

inline constexpr Capacity kRoom{64, 16, 40, 4096, 80, 200};

inline Endpoint random_endpoint(bool v6) {
  const int last = *rc::gen::inRange(1, 9);
  const std::string uid = "uid-" + std::to_string(*rc::gen::inRange(0, 2));
  Endpoint endpoint = build::endpoint((v6 ? "fd77::" : "10.1.0.") + std::to_string(last), uid,
                                      *rc::gen::element<std::uint16_t>(0, 50, 100, 100, 100, 150));
  endpoint.ready = *rc::gen::inRange(0, 5) != 0;
  endpoint.terminating = *rc::gen::inRange(0, 5) == 0;
  endpoint.serving = endpoint.ready || *rc::gen::arbitrary<bool>();
  endpoint.held = *rc::gen::inRange(0, 8) == 0;
  // Of address and identity, as of one pod: pools never disagree about it.
  endpoint.node = Text("node-" + std::to_string(last % 3));
  endpoint.zone = Text(std::string(last % 2 ? 10 : 90, 'z'));
  return endpoint;
}

inline Pool random_pool(bool v6) {
  std::vector<std::string> frontends;
  const int claims = *rc::gen::inRange(0, 8);
  for (int bit = 0; bit < 3; ++bit) {
    if (claims >> bit & 1)
      frontends.push_back((v6 ? "fd96::" : "10.96.0.") + std::to_string(bit + 1));
  }
  std::map<IpAddress, Endpoint> endpoints;
  for (int left = *rc::gen::inRange(0, 5); left > 0; --left) {
    const Endpoint one = random_endpoint(v6);
    endpoints.emplace(one.address, one);
  }
  Pool pool = build::pool(frontends, {});
  pool.family = v6 ? 6 : 4;
  pool.traffic = *rc::gen::element(TrafficPolicy::cluster, TrafficPolicy::local);
  for (auto& [address, one] : endpoints) pool.endpoints.push_back(one);
  return pool;
}

inline ServicePtr random_service(const std::string& name) {
  Service service;
  service.key = {"default", name};
  service.policy.no_endpoints = *rc::gen::element(HF_EMPTY_REFUSE, HF_EMPTY_PASS);
  service.pools.push_back(random_pool(false));
  if (*rc::gen::arbitrary<bool>()) service.pools.push_back(random_pool(true));
  if (*rc::gen::inRange(0, 4) == 0) {
    service.pools.push_back(random_pool(false));
    service.pools.back().service_port = 443;
    for (Frontend& one : service.pools.back().frontends) one.port = 443;
    if (*rc::gen::arbitrary<bool>()) service.pools.back().protocol = Protocol::udp;
  }
  return std::make_shared<const Service>(std::move(service));
}

// One to three services change, appear or go.
inline Generation random_change(Catalog& catalog) {
  std::vector<Admitted> admitted;
  const int which = *rc::gen::inRange(1, 16);
  for (int bit = 0; bit < 4; ++bit) {
    if (!(which >> bit & 1)) continue;
    const std::string name(1, static_cast<char>('a' + bit));
    Admitted one{{"default", name}, nullptr, true};
    if (*rc::gen::inRange(0, 4) != 0) one.now = random_service(name);
    admitted.push_back(std::move(one));
  }
  return catalog.apply("file", admitted);
}

}  // namespace holdfast
