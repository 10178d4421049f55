// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/assembler.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::kubernetes {
namespace {

template <class Map, class Key>
void decrement(Map& counts, const Key& key) {
  const auto found = counts.find(key);
  if (found != counts.end() && --found->second == 0) counts.erase(found);
}

}  // namespace

Assembler::Prefix Assembler::prefix_of(const IpAddress& address) {
  Prefix prefix{};
  std::copy_n(address.bytes.begin(), address.is_v4() ? 14 : 8, prefix.begin());
  return prefix;
}

void Assembler::put(ServiceObject object) {
  const ServiceKey key = object.key;
  if (!object.whole) {
    const auto there = services_.find(key);
    if (there != services_.end() && there->second.object.whole) return;
    auto last = last_known_ ? last_known_->service(object) : std::nullopt;
    if (last) object = std::move(*last);
  }
  Known& known = services_[key];
  drop_frontends(known);
  known.object = std::move(object);
  count_frontends(known);
  touched_.insert(key);
}

void Assembler::remove_service(const ServiceKey& key) {
  const auto found = services_.find(key);
  if (found == services_.end()) return;
  drop_frontends(found->second);
  services_.erase(found);
  touched_.insert(key);
}

void Assembler::put(SliceObject object) {
  const ServiceKey name{object.name_space, object.name};
  touch_unread();
  if (!object.whole) {
    const auto there = slices_.find(name);
    if (there != slices_.end() && there->second.whole) {
      there->second.kept = true;
      unread_[there->second.service].insert(name);
      touched_.insert(there->second.service);
      return;
    }
  }
  remove_slice(name);
  for (const SliceEndpoint& one : object.endpoints) ++prefixes_[prefix_of(one.address)];
  if (!object.service.name.empty()) {
    slices_of_[object.service].insert(name);
    touched_.insert(object.service);
    if (object.kept) unread_[object.service].insert(name);
  }
  if (!object.whole && last_known_) {
    for (const ServiceKey& key : last_known_->services_of(object)) {
      unread_[key].insert(name);
      touched_.insert(key);
    }
  }
  slices_.emplace(name, std::move(object));
}

void Assembler::remove_slice(const ServiceKey& name) {
  const auto found = slices_.find(name);
  if (found == slices_.end()) return;
  touch_unread();
  forget_unread(name);
  const SliceObject& slice = found->second;
  for (const SliceEndpoint& one : slice.endpoints) decrement(prefixes_, prefix_of(one.address));
  if (const auto of = slices_of_.find(slice.service); of != slices_of_.end()) {
    of->second.erase(name);
    if (of->second.empty()) slices_of_.erase(of);
    touched_.insert(slice.service);
  }
  slices_.erase(found);
}

void Assembler::put(NodeObject object) {
  KnownNode& known = nodes_[object.name];
  if (!object.whole && known.whole && !known.said.name.empty()) return;
  if (!object.whole && last_known_) {
    for (const IpAddress& one : last_known_->node_addresses(object.name))
      object.addresses.push_back(one);
  }
  auto& addresses = object.addresses;
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  Node now{object.name, object.zone, object.origin, std::move(addresses)};
  known.whole = object.whole;
  if (known.said == now) return;  // a node's heartbeat changes nothing here
  count_addresses(known.said.addresses, now.addresses);
  known.said = std::move(now);
  touched_nodes_.insert(object.name);
}

void Assembler::remove_node(const std::string& name) {
  const auto found = nodes_.find(name);
  if (found == nodes_.end()) return;
  count_addresses(found->second.said.addresses, {});
  nodes_.erase(found);
  touched_nodes_.insert(name);
}

void Assembler::count_addresses(const std::vector<IpAddress>& before,
                                const std::vector<IpAddress>& now) {
  for (const IpAddress& one : now) {
    if (node_addresses_[one]++ == 0 && !node_ports_.empty()) touch_loops(one);
  }
  for (const IpAddress& one : before) {
    decrement(node_addresses_, one);
    if (!node_addresses_.contains(one) && !node_ports_.empty()) touch_loops(one);
  }
}

std::vector<NodeChange> Assembler::take_nodes() {
  std::vector<NodeChange> result;
  for (const std::string& name : touched_nodes_) {
    const auto known = nodes_.find(name);
    result.push_back({name, std::nullopt});
    if (known != nodes_.end()) result.back().now = known->second.said;
  }
  touched_nodes_.clear();
  return result;
}

const ServiceObject* Assembler::service(const ServiceKey& key) const {
  const auto found = services_.find(key);
  return found == services_.end() ? nullptr : &found->second.object;
}

const SliceObject* Assembler::slice(const ServiceKey& name) const {
  const auto found = slices_.find(name);
  return found == slices_.end() ? nullptr : &found->second;
}

void Assembler::count_frontends(Known& known) {
  known.frontends.clear();
  known.node_ports.clear();
  if (!known.object.ours) return;
  for (const Pool& pool : pools_of(known.object)) {
    for (const Frontend& one : pool.frontends) {
      const Address address{one.address, one.port, pool.protocol};
      known.frontends.push_back(address);
      if (frontends_[address]++ == 0) touch_loops(one.address);
    }
    if (pool.node_port == 0) continue;
    known.node_ports.emplace_back(pool.node_port, pool.protocol);
    if (node_ports_[known.node_ports.back()]++ == 0) touch_node_loops();
  }
}

void Assembler::drop_frontends(const Known& known) {
  for (const Address& address : known.frontends) {
    decrement(frontends_, address);
    if (!frontends_.contains(address)) touch_loops(std::get<0>(address));
  }
  for (const NodePort& port : known.node_ports) {
    decrement(node_ports_, port);
    if (!node_ports_.contains(port)) touch_node_loops();
  }
}

// An endpoint at a service's own address is a loop, so a frontend that comes or goes concerns the
// services with such an endpoint. There are none unless somebody errs: the prefixes tell at once.
void Assembler::touch_loops(const IpAddress& address) {
  if (!prefixes_.contains(prefix_of(address))) return;
  for (const auto& [name, slice] : slices_) {
    for (const SliceEndpoint& one : slice.endpoints) {
      if (one.address == address) touched_.insert(slice.service);
    }
  }
}

// The same of a node port, which is at the addresses of all nodes.
void Assembler::touch_node_loops() {
  if (prefixes_.empty() || node_addresses_.empty()) return;
  for (const auto& [name, slice] : slices_) {
    for (const SliceEndpoint& one : slice.endpoints) {
      if (node_addresses_.contains(one.address)) touched_.insert(slice.service);
    }
  }
}

Assembler::Frontends Assembler::frontends_of(const ServiceObject& object, const ServicePort& port,
                                             std::uint8_t family) const {
  Frontends result;
  const auto add = [family](std::vector<Frontend>& to, const IpAddress& address,
                            std::uint16_t number, FrontendKind kind) {
    if (address.family() == family && number) to.push_back({address, number, kind, false});
  };
  auto &inner = result.internal, &outer = result.external;
  for (const auto& one : object.cluster_ips) add(inner, one, port.port, FrontendKind::cluster_ip);
  for (const auto& one : object.external_ips) add(outer, one, port.port, FrontendKind::external_ip);
  for (const auto& one : object.load_balancer_ips)
    add(outer, one, port.port, FrontendKind::load_balancer);
  return result;
}

// internalTrafficPolicy is about the cluster's own addresses. What comes to the others from within
// the cluster is subject to no policy, as if it had gone out and come in again (as kube-proxy has
// it, whatever externalTrafficPolicy says).
std::vector<Pool> Assembler::pools_of(const ServiceObject& object) const {
  std::vector<Pool> pools;
  for (const ServicePort& port : object.ports) {
    for (const std::uint8_t family : {std::uint8_t{4}, std::uint8_t{6}}) {
      Frontends frontends = frontends_of(object, port, family);
      const auto add = [&](TrafficPolicy traffic, std::uint16_t node_port,
                           std::vector<Frontend> of) {
        if (of.empty() && node_port == 0) return;
        sort_unique(of);
        pools.push_back(
            {port.name, port.port, port.protocol, family, traffic, node_port, std::move(of), {}});
      };
      auto &inner = frontends.internal, &outer = frontends.external;
      const std::uint16_t node_port = inner.empty() ? std::uint16_t{0} : port.node_port;
      if (object.local_only) {
        std::erase_if(outer, [&](const Frontend& one) {
          return std::any_of(inner.begin(), inner.end(), [&](const Frontend& other) {
            return one.address == other.address && one.port == other.port;
          });
        });
        add(TrafficPolicy::local, 0, std::move(inner));
      } else {
        outer.insert(outer.end(), inner.begin(), inner.end());
      }
      add(TrafficPolicy::cluster, node_port, std::move(outer));
    }
  }
  std::sort(pools.begin(), pools.end(),
            [](const Pool& a, const Pool& b) { return a.key() < b.key(); });
  return pools;
}

std::vector<Assembler::Change> Assembler::take() {
  std::vector<Change> result;
  note_claims();
  for (const ServiceKey& key : touched_) {
    Change change{key, nullptr, {}};
    const auto known = services_.find(key);
    if (known != services_.end() && known->second.object.ours) {
      const ServiceObject& object = known->second.object;
      Service service;
      service.key = key;
      service.created_at = object.created_at;
      service.origin = object.origin;
      service.policy = object.policy;
      service.pools = pools_of(object);
      if (!service.pools.empty()) {
        add_endpoints(object, service, change.problems);
        change.now = std::make_shared<const Service>(std::move(service));
      }
    }
    result.push_back(std::move(change));
  }
  touched_.clear();
  return result;
}

}  // namespace holdfast::kubernetes
