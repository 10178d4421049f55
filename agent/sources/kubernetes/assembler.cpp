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
  if (object.name != node_.name) return;
  if (!object.whole && node_read_) return;
  if (!object.whole && last_known_) {
    for (const IpAddress& one : last_known_->node_addresses()) object.addresses.push_back(one);
  }
  node_read_ = object.whole;
  std::sort(object.addresses.begin(), object.addresses.end());
  if (node_addresses_ == object.addresses) return;  // a node's heartbeat changes nothing here
  node_addresses_ = std::move(object.addresses);
  recount_node_ports();
}

void Assembler::remove_node(const std::string& name) {
  if (name != node_.name) return;
  node_read_ = false;
  if (node_addresses_.empty()) return;
  node_addresses_.clear();
  recount_node_ports();
}

// NodePorts are served on this node's addresses, so each of their services follows.
void Assembler::recount_node_ports() {
  for (auto& [key, known] : services_) {
    const auto& ports = known.object.ports;
    if (std::none_of(ports.begin(), ports.end(), [](const auto& port) { return port.node_port; }))
      continue;
    drop_frontends(known);
    count_frontends(known);
    touched_.insert(key);
  }
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
  if (!known.object.ours) return;
  for (const Pool& pool : pools_of(known.object)) {
    for (const Frontend& one : pool.frontends) {
      const Address address{one.address, one.port, pool.protocol};
      known.frontends.push_back(address);
      if (frontends_[address]++ == 0) touch_loops(address);
    }
  }
}

void Assembler::drop_frontends(const Known& known) {
  for (const Address& address : known.frontends) {
    decrement(frontends_, address);
    if (!frontends_.contains(address)) touch_loops(address);
  }
}

// An endpoint at a service's own address is a loop, so a frontend that comes or goes concerns the
// services with such an endpoint. There are none unless somebody errs: the prefixes tell at once.
void Assembler::touch_loops(const Address& frontend) {
  const IpAddress& address = std::get<0>(frontend);
  if (!prefixes_.contains(prefix_of(address))) return;
  for (const auto& [name, slice] : slices_) {
    for (const SliceEndpoint& one : slice.endpoints) {
      if (one.address == address) touched_.insert(slice.service);
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
  if (!inner.empty() && port.node_port) {
    for (const IpAddress& one : node_addresses_)
      add(outer, one, port.node_port, FrontendKind::node_port);
    const IpAddress loopback = *IpAddress::parse(family == 4 ? "127.0.0.1" : "::1");
    outer.push_back({loopback, port.node_port, FrontendKind::node_port, true});
  }
  return result;
}

namespace {

bool same_address(const Frontend& a, const Frontend& b) {
  return a.address == b.address && a.port == b.port && a.host_scope == b.host_scope;
}

// An address that is listed twice, as another kind, is one frontend: of its first kind.
void sort_unique(std::vector<Frontend>& frontends) {
  std::sort(frontends.begin(), frontends.end());
  frontends.erase(std::unique(frontends.begin(), frontends.end(), same_address), frontends.end());
}

}  // namespace

// internalTrafficPolicy is about the cluster's own addresses. What comes to the others from within
// the cluster is subject to no policy, as if it had gone out and come in again (as kube-proxy has
// it, whatever externalTrafficPolicy says).
std::vector<Pool> Assembler::pools_of(const ServiceObject& object) const {
  std::vector<Pool> pools;
  for (const ServicePort& port : object.ports) {
    for (const std::uint8_t family : {std::uint8_t{4}, std::uint8_t{6}}) {
      Frontends frontends = frontends_of(object, port, family);
      const auto add = [&](TrafficPolicy traffic, std::vector<Frontend> of) {
        if (of.empty()) return;
        sort_unique(of);
        pools.push_back({port.name, port.port, port.protocol, family, traffic, std::move(of), {}});
      };
      auto &inner = frontends.internal, &outer = frontends.external;
      if (object.local_only) {
        std::erase_if(outer, [&](const Frontend& one) {
          return std::any_of(inner.begin(), inner.end(),
                             [&](const Frontend& other) { return same_address(one, other); });
        });
        add(TrafficPolicy::local, std::move(inner));
      } else {
        outer.insert(outer.end(), inner.begin(), inner.end());
      }
      add(TrafficPolicy::cluster, std::move(outer));
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
