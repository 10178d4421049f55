// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "agent/sources/kubernetes/objects.h"

namespace holdfast::kubernetes {
namespace {

using Address = std::tuple<IpAddress, std::uint16_t, Protocol>;

class Assembly {
 public:
  Assembly(const std::vector<const Objects*>& origins, const NodeContext& node,
           std::vector<Problem>& problems)
      : node_(node), problems_(problems) {
    for (const Objects* objects : origins) collect(*objects);
  }

  std::vector<ServicePtr> run() {
    std::vector<Service> services;
    for (const auto& [key, object] : services_) {
      if (!object->ours) continue;
      Service service = frontends_of(*object);
      for (const Pool& pool : service.pools) {
        for (const Frontend& one : pool.frontends)
          frontends_.insert({one.address, one.port, pool.protocol});
      }
      if (!service.pools.empty()) services.push_back(std::move(service));
    }
    std::vector<ServicePtr> result;
    for (Service& service : services) {
      add_endpoints(service);
      result.push_back(std::make_shared<const Service>(std::move(service)));
    }
    return result;
  }

 private:
  void problem(const Text& origin, std::string object, std::string message) {
    problems_.push_back({origin.get(), 0, 0, std::move(object), std::move(message)});
  }

  void collect(const Objects& objects) {
    for (const ServiceObject& one : objects.services) {
      if (services_.emplace(one.key, &one).second) continue;
      problem(one.origin, "Service " + one.key.to_string(),
              "is in " + services_.at(one.key)->origin.get() + " already; that one is used");
    }
    for (const SliceObject& one : objects.slices) {
      const ServiceKey name{one.name_space, one.name};
      if (slice_names_.emplace(name, &one).second) {
        slices_[one.service].push_back(&one);
      } else {
        problem(one.origin, "EndpointSlice " + name.to_string(),
                "is in " + slice_names_.at(name)->origin.get() + " already; that one is used");
      }
    }
    for (const NodeObject& one : objects.nodes) {
      node_addresses_.insert(one.addresses.begin(), one.addresses.end());
    }
  }

  Service frontends_of(const ServiceObject& object) const {
    Service service;
    service.key = object.key;
    service.created_at = object.created_at;
    service.origin = object.origin;
    service.policy = object.policy;
    for (const ServicePort& port : object.ports) {
      for (const std::uint8_t family : {std::uint8_t{4}, std::uint8_t{6}}) {
        Pool pool;
        pool.port_name = port.name;
        pool.service_port = port.port;
        pool.protocol = port.protocol;
        pool.family = family;
        const auto add = [&](const auto& addresses, std::uint16_t number, FrontendKind kind) {
          for (const IpAddress& address : addresses) {
            if (address.family() == family && number)
              pool.frontends.push_back({address, number, kind, false});
          }
        };
        add(object.cluster_ips, port.port, FrontendKind::cluster_ip);
        const bool served = !pool.frontends.empty();
        add(object.external_ips, port.port, FrontendKind::external_ip);
        add(object.load_balancer_ips, port.port, FrontendKind::load_balancer);
        if (served && port.node_port) {
          add(node_addresses_, port.node_port, FrontendKind::node_port);
          const IpAddress loopback = *IpAddress::parse(family == 4 ? "127.0.0.1" : "::1");
          pool.frontends.push_back({loopback, port.node_port, FrontendKind::node_port, true});
        }
        std::sort(pool.frontends.begin(), pool.frontends.end());
        pool.frontends.erase(std::unique(pool.frontends.begin(), pool.frontends.end()),
                             pool.frontends.end());
        if (!pool.frontends.empty()) service.pools.push_back(std::move(pool));
      }
    }
    std::sort(service.pools.begin(), service.pools.end(), [](const Pool& a, const Pool& b) {
      return std::tie(a.service_port, a.protocol, a.family) <
             std::tie(b.service_port, b.protocol, b.family);
    });
    return service;
  }

  void add_endpoints(Service& service) {
    const auto slices = slices_.find(service.key);
    if (slices == slices_.end()) return;
    const ServiceObject& object = *services_.at(service.key);
    for (Pool& pool : service.pools) {
      std::map<std::pair<IpAddress, std::uint16_t>, Endpoint> unique;
      for (const SliceObject* slice : slices->second) {
        if (slice->family == pool.family) add_slice(*slice, object, pool, unique);
      }
      for (auto& [address, endpoint] : unique) pool.endpoints.push_back(std::move(endpoint));
    }
  }

  void add_slice(const SliceObject& slice, const ServiceObject& object, const Pool& pool,
                 std::map<std::pair<IpAddress, std::uint16_t>, Endpoint>& unique) {
    const auto target = port_of(slice, pool);
    if (!target) return;
    for (const SliceEndpoint& one : slice.endpoints) {
      if (object.local_only && one.node.get() != node_.name) continue;
      for (const IpAddress& address : one.addresses) {
        if (frontends_.contains({address, *target, pool.protocol})) {
          problem(slice.origin,
                  "EndpointSlice " + ServiceKey{slice.name_space, slice.name}.to_string(),
                  fmt::format("endpoint {} is a service's own address: a loop; it is left out",
                              format_host_port(address, *target)));
          continue;
        }
        Endpoint endpoint;
        endpoint.address = address;
        endpoint.port = *target;
        endpoint.weight = slice.weight.value_or(object.weight.value_or(100));
        endpoint.ready = one.ready;
        endpoint.serving = one.serving;
        endpoint.terminating = one.terminating;
        endpoint.identity = one.identity;
        endpoint.node = one.node;
        endpoint.zone = one.zone;
        endpoint.origin = slice.origin;
        const auto [known, fresh] = unique.try_emplace({address, *target}, endpoint);
        if (!fresh && !known->second.ready && endpoint.ready) known->second = std::move(endpoint);
      }
    }
  }

  // By port name, as Kubernetes matches them. A slice for all ports serves the service's own.
  static std::optional<std::uint16_t> port_of(const SliceObject& slice, const Pool& pool) {
    if (slice.all_ports) return pool.service_port;
    for (const SlicePort& port : slice.ports) {
      if (port.name == pool.port_name && port.protocol == pool.protocol) {
        return port.port.value_or(pool.service_port);
      }
    }
    return std::nullopt;
  }

  const NodeContext& node_;
  std::vector<Problem>& problems_;
  std::map<ServiceKey, const ServiceObject*> services_;
  std::map<ServiceKey, const SliceObject*> slice_names_;
  std::map<ServiceKey, std::vector<const SliceObject*>> slices_;
  std::set<IpAddress> node_addresses_;
  std::set<Address> frontends_;
};

}  // namespace

std::vector<ServicePtr> assemble(const std::vector<const Objects*>& origins,
                                 const NodeContext& node, std::vector<Problem>& problems) {
  return Assembly(origins, node, problems).run();
}

}  // namespace holdfast::kubernetes
