// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/last_known.h"

#include <algorithm>

namespace holdfast::kubernetes {
namespace {

template <class Object, class NameOf>
void keep(const std::vector<Object>& before, std::vector<Object>& now, NameOf name_of) {
  const auto broken = [](const Object& one) { return !one.whole; };
  if (std::none_of(now.begin(), now.end(), broken)) return;
  std::map<std::string, const Object*> good;
  for (const Object& one : before) {
    if (one.whole) good.emplace(name_of(one), &one);
  }
  std::set<std::string> beside;
  for (const Object& one : now) {
    if (one.whole) beside.insert(name_of(one));
  }
  std::erase_if(now,
                [&](const Object& one) { return broken(one) && beside.contains(name_of(one)); });
  for (Object& one : now) {
    if (one.whole) continue;
    const auto last = good.find(name_of(one));
    if (last == good.end()) continue;
    one = *last->second;
    one.kept = true;
  }
}

void add(std::vector<IpAddress>& to, const IpAddress& address) {
  if (std::find(to.begin(), to.end(), address) == to.end()) to.push_back(address);
}

// The weight of the Service, as far as its endpoints tell: slices may have had others.
std::optional<std::uint16_t> weight_of(const Service& service) {
  std::optional<std::uint16_t> weight;
  for (const Pool& pool : service.pools) {
    for (const Endpoint& one : pool.endpoints) {
      if (weight && *weight != one.weight) return std::nullopt;
      weight = one.weight;
    }
  }
  return weight;
}

void add_pool(const Pool& pool, ServiceObject& object) {
  auto port = std::find_if(object.ports.begin(), object.ports.end(), [&](const ServicePort& one) {
    return one.port == pool.service_port && one.protocol == pool.protocol;
  });
  if (port == object.ports.end()) {
    object.ports.push_back({pool.port_name, pool.service_port, 0, pool.protocol});
    port = object.ports.end() - 1;
  }
  object.local_only = object.local_only || pool.traffic == TrafficPolicy::local;
  if (pool.node_port != 0) port->node_port = pool.node_port;
  for (const Frontend& one : pool.frontends) {
    switch (one.kind) {
      case FrontendKind::cluster_ip:
        add(object.cluster_ips, one.address);
        break;
      case FrontendKind::external_ip:
        add(object.external_ips, one.address);
        break;
      case FrontendKind::load_balancer:
        add(object.load_balancer_ips, one.address);
        break;
      case FrontendKind::node_port:  // a source says the port alone
        break;
    }
  }
}

}  // namespace

void keep_last_good(const Objects& before, Objects& now) {
  keep(before.services, now.services, [](const auto& one) { return one.key.to_string(); });
  keep(before.slices, now.slices, [](const auto& one) { return one.name_space + "/" + one.name; });
  keep(before.nodes, now.nodes, [](const auto& one) { return one.name; });
}

void LastKnown::remember(const std::vector<ServicePtr>& services,
                         const std::map<std::string, Node>& nodes) {
  for (const ServicePtr& service : services) services_[service->key].service = service;
  nodes_ = nodes;
}

std::vector<IpAddress> LastKnown::node_addresses(const std::string& node) const {
  return addresses_of(nodes_, node);
}

std::optional<ServiceObject> LastKnown::service(const ServiceObject& unreadable) {
  const auto found = services_.find(unreadable.key);
  if (found == services_.end()) return std::nullopt;
  found->second.used = true;
  const Service& known = *found->second.service;
  ServiceObject object;
  object.key = known.key;
  object.whole = false;
  object.origin = unreadable.origin;
  object.place = unreadable.place;
  object.created_at = known.created_at;
  object.policy = known.policy;
  object.weight = weight_of(known);
  for (const Pool& pool : known.pools) add_pool(pool, object);
  return object;
}

std::vector<ServiceKey> LastKnown::services_of(const SliceObject& unreadable) const {
  if (!unreadable.service.name.empty()) return {unreadable.service};
  // As the controllers name them: the service's name, a dash, and what makes it unique.
  std::vector<ServiceKey> result;
  for (const auto& [key, known] : services_) {
    const bool like = key.name_space == unreadable.name_space &&
                      (unreadable.name == key.name || unreadable.name.starts_with(key.name + "-"));
    if (like) result.push_back(key);
  }
  return result;
}

std::vector<Endpoint> LastKnown::endpoints(const ServiceKey& key, const Pool& pool) {
  std::vector<Endpoint> result;
  const auto found = services_.find(key);
  if (found == services_.end()) return result;
  found->second.used = true;
  const Pool* const known = counterpart(found->second.service.get(), pool);
  if (!known) return result;
  for (const Endpoint& one : known->endpoints) {
    if (!found->second.named.contains({one.address, one.port})) result.push_back(one);
  }
  return result;
}

void LastKnown::named(const ServiceKey& key, const IpAddress& address, std::uint16_t port) {
  const auto found = services_.find(key);
  if (found != services_.end()) found->second.named.insert({address, port});
}

void LastKnown::forget_unused() {
  std::erase_if(services_, [](const auto& item) { return !item.second.used; });
  for (auto& [key, known] : services_) known.used = false;
}

}  // namespace holdfast::kubernetes
