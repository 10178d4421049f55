// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "agent/sources/kubernetes/reader.h"

namespace holdfast::kubernetes {
namespace {

// What Kubernetes forbids as an endpoint address, and what could only loop.
std::string_view forbidden(const IpAddress& address) {
  if (address.is_unspecified()) return "is unspecified";
  if (address.is_loopback()) return "is a loopback address";
  if (address.is_link_local()) return "is link-local";
  if (address.is_multicast()) return "is multicast";
  return "";
}

std::vector<IpAddress> addresses(const Reader& reader, const Value& item, int family) {
  std::vector<IpAddress> result;
  const Value* list = reader.member(item, "addresses", Value::Type::sequence);
  if (!list) {
    const Value* other = item.find("addresses");
    if (!other || other->is_null()) reader.problem(item, "endpoints[].addresses is missing");
    return result;
  }
  for (const Value& one : list->items) {
    const auto parsed = reader.address(one, "endpoint address");
    if (!parsed) continue;
    // "::ffff:1.2.3.4" is IPv4 in a disguise that Kubernetes does not allow either.
    if (parsed->family() != family) {
      reader.problem(one, fmt::format("endpoint address {} is not of the slice's addressType IPv{}",
                                      one.text, family));
    } else if (const auto why = forbidden(*parsed); !why.empty()) {
      reader.problem(
          one, fmt::format("endpoint address {} {}; the endpoint is left out", one.text, why));
    } else {
      result.push_back(*parsed);
    }
  }
  return result;
}

// nullopt: a condition is not true, false or null, and guessing could send clients to what is not
// ready (`ready: no` is a string).
std::optional<SliceEndpoint> endpoint(const Reader& reader, const Value& item, int family) {
  SliceEndpoint result;
  result.place = {item.line, item.column};
  result.addresses = addresses(reader, item, family);
  if (!reader.typed(item, "conditions", Value::Type::mapping)) return std::nullopt;
  if (const Value* conditions = reader.member(item, "conditions", Value::Type::mapping)) {
    for (const char* key : {"ready", "serving", "terminating"}) {
      if (!reader.typed(*conditions, key, Value::Type::boolean)) return std::nullopt;
    }
    result.ready = reader.boolean(*conditions, "ready").value_or(true);
    result.serving = reader.boolean(*conditions, "serving").value_or(result.ready);
    result.terminating = reader.boolean(*conditions, "terminating").value_or(false);
  }
  const std::string node = reader.text(item, "nodeName"), host = reader.text(item, "hostname");
  result.node = Text(node);
  result.zone = Text(reader.text(item, "zone"));
  const Value* target = reader.member(item, "targetRef", Value::Type::mapping);
  const std::string uid = target ? reader.text(*target, "uid") : "";
  if (!uid.empty()) {
    result.identity = Identity::from_text(uid);
  } else if (!node.empty() || !host.empty()) {
    result.identity = Identity::from_text(node + "/" + host);
  }
  return result;
}

void ports(const Reader& reader, const Value& object, SliceObject& slice) {
  const Value* list = reader.member(object, "ports", Value::Type::sequence);
  slice.all_ports = !list;
  if (!list) return;
  for (const Value& item : list->items) {
    SlicePort port;
    port.name = reader.text(item, "name");
    const auto protocol = reader.protocol(item);
    if (!protocol) continue;
    port.protocol = *protocol;
    if (const Value* number = item.find("port"); number && !number->is_null()) {
      port.port = reader.port(*number, "port");
      if (!port.port) continue;
    }
    slice.ports.push_back(std::move(port));
  }
}

}  // namespace

std::optional<SliceObject> read_slice(const Reader& reader, const Value& object,
                                      const ServiceKey& key) {
  const Value& metadata = *object.find("metadata");
  SliceObject slice;
  slice.place = {object.line, object.column};
  slice.name_space = key.name_space;
  slice.name = key.name;
  const Value* labels = reader.member(metadata, "labels", Value::Type::mapping);
  const std::string service = labels ? reader.text(*labels, "kubernetes.io/service-name") : "";
  if (service.empty()) {
    reader.problem(
        metadata, "label kubernetes.io/service-name is missing: it says whose endpoints these are");
    return std::nullopt;
  }
  slice.service = {key.name_space, service};
  const std::string type = reader.text(object, "addressType");
  if (type == "FQDN") return std::nullopt;
  if (type != "IPv4" && type != "IPv6") {
    const Value* at = object.find("addressType");
    reader.problem(at ? *at : object,
                   fmt::format("addressType must be IPv4, IPv6 or FQDN, not '{}'", type));
    return std::nullopt;
  }
  slice.family = type == "IPv4" ? 4 : 6;
  slice.weight = read_annotations(reader, metadata, AnnotationsOf::slice).weight;
  if (!reader.typed(object, "ports", Value::Type::sequence) ||
      !reader.typed(object, "endpoints", Value::Type::sequence)) {
    return std::nullopt;
  }
  ports(reader, object, slice);
  if (const Value* list = reader.member(object, "endpoints", Value::Type::sequence)) {
    slice.endpoints.reserve(list->items.size());  // a million of them: doubling would cost a fifth
    for (const Value& item : list->items) {
      if (auto one = endpoint(reader, item, slice.family))
        slice.endpoints.push_back(std::move(*one));
    }
  }
  return slice;
}

}  // namespace holdfast::kubernetes
