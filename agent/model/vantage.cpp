// SPDX-License-Identifier: Apache-2.0
#include "agent/model/vantage.h"

#include <algorithm>

#include "agent/model/ready.h"

namespace holdfast {
namespace {

bool same_address(const Frontend& a, const Frontend& b) {
  return a.address == b.address && a.port == b.port && a.host_scope == b.host_scope;
}

// The cluster's own addresses are the local pool's, whatever else is at the same address.
bool is_of_local_sibling(const Service& service, const Pool& pool, const Frontend& frontend) {
  return std::any_of(service.pools.begin(), service.pools.end(), [&](const Pool& other) {
    return other.traffic == TrafficPolicy::local && other.service_port == pool.service_port &&
           other.protocol == pool.protocol && other.family == pool.family &&
           std::any_of(other.frontends.begin(), other.frontends.end(),
                       [&](const Frontend& one) { return same_address(one, frontend); });
  });
}

}  // namespace

bool has_ready(const Pool& pool, const Vantage& vantage) {
  return std::any_of(pool.endpoints.begin(), pool.endpoints.end(), [&](const Endpoint& one) {
    return is_near(pool, one, vantage) && is_ready(one);
  });
}

bool has_usable(const Service& service, const Vantage& vantage) {
  return std::any_of(service.pools.begin(), service.pools.end(), [&](const Pool& pool) {
    return std::any_of(pool.endpoints.begin(), pool.endpoints.end(), [&](const Endpoint& one) {
      return is_near(pool, one, vantage) && is_usable(one);
    });
  });
}

std::vector<IpAddress> addresses_of(const std::map<std::string, Node>& nodes,
                                    const std::string& name) {
  const auto found = nodes.find(name);
  return found == nodes.end() ? std::vector<IpAddress>{} : found->second.addresses;
}

bool has_node_ports(const Service& service) {
  return std::any_of(service.pools.begin(), service.pools.end(),
                     [](const Pool& pool) { return pool.node_port != 0; });
}

void sort_unique(std::vector<Frontend>& frontends) {
  std::sort(frontends.begin(), frontends.end());
  frontends.erase(std::unique(frontends.begin(), frontends.end(), same_address), frontends.end());
}

ServicePtr with_frontends_of(const ServicePtr& service, const std::vector<IpAddress>& addresses) {
  if (!service || !has_node_ports(*service)) return service;
  auto copy = std::make_shared<Service>(*service);
  for (Pool& pool : copy->pools) {
    if (pool.node_port == 0) continue;
    const auto add = [&](const IpAddress& address, bool host_scope) {
      const Frontend one{address, pool.node_port, FrontendKind::node_port, host_scope};
      if (!is_of_local_sibling(*service, pool, one)) pool.frontends.push_back(one);
    };
    for (const IpAddress& one : addresses) {
      if (one.family() == pool.family) add(one, false);
    }
    add(*IpAddress::parse(pool.family == 4 ? "127.0.0.1" : "::1"), true);
    pool.node_port = 0;
    sort_unique(pool.frontends);
  }
  return copy;
}

void take_frontends_of(Service& service, std::set<IpAddress>& addresses) {
  for (Pool& pool : service.pools) {
    for (const Frontend& one : pool.frontends) {
      if (one.kind != FrontendKind::node_port) continue;
      pool.node_port = one.port;
      if (!one.host_scope) addresses.insert(one.address);
    }
    std::erase_if(pool.frontends,
                  [](const Frontend& one) { return one.kind == FrontendKind::node_port; });
  }
}

}  // namespace holdfast
