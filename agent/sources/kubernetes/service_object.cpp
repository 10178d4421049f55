// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "agent/sources/kubernetes/reader.h"

namespace holdfast::kubernetes {
namespace {

// RFC 3339 in UTC, as the API writes it; 0 for anything else.
std::int64_t timestamp(const std::string& text) {
  std::tm time{};
  char zone = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%c", &time.tm_year, &time.tm_mon,
                  &time.tm_mday, &time.tm_hour, &time.tm_min, &time.tm_sec, &zone) != 7 ||
      zone != 'Z') {
    return 0;
  }
  time.tm_year -= 1900;
  time.tm_mon -= 1;
  return ::timegm(&time);
}

// What kube-proxy leaves alone too: headless, ExternalName, another proxy's.
bool is_ours(const Reader& reader, const Value& metadata, const Value& spec) {
  if (const Value* labels = reader.member(metadata, "labels", Value::Type::mapping)) {
    if (labels->find("service.kubernetes.io/headless")) return false;
    if (labels->find("service.kubernetes.io/service-proxy-name")) return false;
  }
  const Value* one = spec.find("clusterIP");
  const Value* many = spec.find("clusterIPs");
  if (many && !many->items.empty()) one = &many->items.front();
  return !(one && one->text == "None") && reader.text(spec, "type") != "ExternalName";
}

bool local_only(const Reader& reader, const Value& spec) {
  const Value* policy = reader.member(spec, "internalTrafficPolicy", Value::Type::string);
  if (policy && policy->text != "Cluster" && policy->text != "Local") {
    reader.problem(*policy, fmt::format("internalTrafficPolicy must be Cluster or Local, not '{}'",
                                        policy->text));
  }
  return policy && policy->text == "Local";
}

std::vector<IpAddress> addresses(const Reader& reader, const Value& spec, std::string_view key) {
  std::vector<IpAddress> result;
  const Value* list = reader.member(spec, key, Value::Type::sequence);
  if (!list) return result;
  for (const Value& item : list->items) {
    if (item.text == "None") continue;
    if (const auto parsed = reader.frontend(item, key)) result.push_back(*parsed);
  }
  return result;
}

std::vector<IpAddress> cluster_ips(const Reader& reader, const Value& spec) {
  const Value* many = spec.find("clusterIPs");
  if (many && !many->is_null() && !(many->type == Value::Type::sequence && many->items.empty()))
    return addresses(reader, spec, "clusterIPs");
  const Value* one = reader.member(spec, "clusterIP", Value::Type::string);
  if (!one || one->text.empty()) return {};
  const auto parsed = reader.frontend(*one, "clusterIP");
  return parsed ? std::vector<IpAddress>{*parsed} : std::vector<IpAddress>{};
}

std::vector<ServicePort> ports(const Reader& reader, const Value& spec) {
  std::vector<ServicePort> result;
  const Value* list = reader.member(spec, "ports", Value::Type::sequence);
  if (!list) return result;
  for (const Value& item : list->items) {
    ServicePort port;
    const Value* number = item.find("port");
    if (!number) {
      reader.problem(item, "ports[].port is missing");
      continue;
    }
    const auto value = reader.port(*number, "port");
    const auto protocol = reader.protocol(item);
    if (!value || !protocol) continue;
    port.name = reader.text(item, "name");
    port.port = *value;
    port.protocol = *protocol;
    if (const Value* node = item.find("nodePort"); node && !node->is_null() && node->text != "0") {
      port.node_port = reader.port(*node, "nodePort").value_or(0);
    }
    const auto like = [&](auto member) {
      return std::any_of(result.begin(), result.end(), [&](const ServicePort& one) {
        return one.*member == port.*member && one.protocol == port.protocol;
      });
    };
    if (like(&ServicePort::port)) {
      reader.problem(
          item, fmt::format("port {}/{} is declared twice", port.port, to_string(port.protocol)));
    } else if (like(&ServicePort::name)) {
      // Slices name ports: both would be sent to the one that has the name.
      reader.problem(item, fmt::format("port {} needs a name of its own, not '{}': slices tell "
                                       "ports apart by name",
                                       port.port, port.name));
    } else {
      result.push_back(std::move(port));
    }
  }
  return result;
}

std::vector<IpAddress> load_balancer_ips(const Reader& reader, const Value& object) {
  std::vector<IpAddress> result;
  const Value* status = reader.member(object, "status", Value::Type::mapping);
  const Value* balancer =
      status ? reader.member(*status, "loadBalancer", Value::Type::mapping) : nullptr;
  const Value* ingress =
      balancer ? reader.member(*balancer, "ingress", Value::Type::sequence) : nullptr;
  if (!ingress) return result;
  for (const Value& item : ingress->items) {
    const Value* ip = item.find("ip");
    if (!ip || reader.text(item, "ipMode") == "Proxy") continue;  // KEP-1860: not short-cut
    if (const auto parsed = reader.frontend(*ip, "ingress ip")) result.push_back(*parsed);
  }
  return result;
}

}  // namespace

ServiceObject read_service(const Reader& reader, const Value& object, const ServiceKey& key) {
  ServiceObject service;
  service.key = key;
  service.place = {object.line, object.column};
  const Value& metadata = *object.find("metadata");
  const Value* spec = reader.member(object, "spec", Value::Type::mapping);
  if (!spec) {
    const Value* other = object.find("spec");
    if (!other || other->is_null()) reader.problem(object, "spec is missing");
    return service;
  }
  service.created_at = timestamp(reader.text(metadata, "creationTimestamp"));
  service.ours = is_ours(reader, metadata, *spec);
  const Annotations annotations = read_annotations(reader, metadata, AnnotationsOf::service);
  service.weight = annotations.weight;
  service.policy = annotations.policy;
  if (!service.ours) return service;
  service.local_only = local_only(reader, *spec);
  service.cluster_ips = cluster_ips(reader, *spec);
  service.external_ips = addresses(reader, *spec, "externalIPs");
  service.load_balancer_ips = load_balancer_ips(reader, object);
  service.ports = ports(reader, *spec);
  note_not_honoured(reader, metadata, *spec, service);
  return service;
}

NodeObject read_node(const Reader& reader, const Value& object, const std::string& name) {
  NodeObject node;
  node.name = name;
  node.place = {object.line, object.column};
  const Value& metadata = *object.find("metadata");
  if (const Value* labels = reader.member(metadata, "labels", Value::Type::mapping)) {
    node.zone = reader.text(*labels, "topology.kubernetes.io/zone");
  }
  const Value* status = reader.member(object, "status", Value::Type::mapping);
  const Value* list = status ? reader.member(*status, "addresses", Value::Type::sequence) : nullptr;
  if (!list) return node;
  for (const Value& item : list->items) {
    const std::string type = reader.text(item, "type");
    const Value* address = item.find("address");
    if (!address || (type != "InternalIP" && type != "ExternalIP")) continue;
    if (const auto parsed = reader.frontend(*address, "node address"))
      node.addresses.push_back(*parsed);
  }
  return node;
}

}  // namespace holdfast::kubernetes
