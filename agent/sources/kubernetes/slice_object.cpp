// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "agent/sources/kubernetes/reader.h"

namespace holdfast::kubernetes {
namespace {

// The first of them, as kube-proxy does: what more there are may be nobody knows what (the API says
// only that they are fungible). All are read. nullopt: the endpoint has none that can be used.
std::optional<IpAddress> first_address(const Reader& reader, const Value& list, int family) {
  std::optional<IpAddress> first;
  for (std::size_t at = 0; at < list.items.size(); ++at) {
    const Value& one = list.items[at];
    const auto parsed = reader.address(one, "endpoint address");
    if (!parsed) continue;
    // "::ffff:1.2.3.4" is IPv4 in a disguise that Kubernetes does not allow either.
    if (parsed->family() != family) {
      reader.problem(one, fmt::format("endpoint address {} is not of the slice's addressType IPv{}",
                                      parsed->to_string(), family));
    } else if (at > 0) {
      continue;
    } else if (const auto why = parsed->forbidden(); !why.empty()) {
      // What Kubernetes forbids as an endpoint address, and what could only loop.
      reader.reject(one, fmt::format("endpoint address {} {}; the endpoint is left out",
                                     parsed->to_string(), why));
    } else {
      first = parsed;
    }
  }
  return first;
}

// nullopt: it has no usable address, or a condition is not true, false or null, and guessing could
// send clients to what is not ready (`ready: no` is a string).
std::optional<SliceEndpoint> endpoint(const Reader& reader, const Value& item, int family) {
  SliceEndpoint result;
  result.stands_at({item.line, item.column});
  const Value* list = reader.member(item, "addresses", Value::Type::sequence);
  if (!list || list->items.empty()) {
    const Value* other = item.find("addresses");
    if (list || !other || other->is_null())
      reader.problem(item, "endpoints[].addresses is missing");
    return std::nullopt;
  }
  const auto address = first_address(reader, *list, family);
  if (!address) return std::nullopt;
  result.address = *address;
  if (!reader.typed(item, "conditions", Value::Type::mapping)) return std::nullopt;
  if (const Value* conditions = reader.member(item, "conditions", Value::Type::mapping)) {
    for (const char* key : {"ready", "serving", "terminating"}) {
      if (!reader.typed(*conditions, key, Value::Type::boolean)) return std::nullopt;
    }
    const bool ready = reader.boolean(*conditions, "ready").value_or(true);
    result.ready = ready;
    result.serving = reader.boolean(*conditions, "serving").value_or(ready);
    result.terminating = reader.boolean(*conditions, "terminating").value_or(false);
  }
  const std::string node = reader.text(item, "nodeName"), host = reader.text(item, "hostname");
  result.where = Whereabouts(Text(node), Text(reader.text(item, "zone")));
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

void endpoints(const Reader& reader, const Value& list, SliceObject& slice) {
  slice.endpoints.reserve(list.items.size());  // a million of them: doubling would cost a fifth
  const Value* crowded = nullptr;
  std::size_t count = 0;
  for (const Value& item : list.items) {
    const Value* addresses = item.find("addresses");
    if (addresses && addresses->items.size() > 1 && count++ == 0) crowded = addresses;
    const Value* hints = item.find("hints");
    if (hints && !hints->members.empty()) slice.hinted = true;
    if (auto one = endpoint(reader, item, slice.family)) slice.endpoints.push_back(std::move(*one));
  }
  if (!crowded) return;
  reader.note(*crowded, fmt::format("{} of the endpoints have more than one address: only the "
                                    "first of each is used, as kube-proxy does",
                                    count));
}

}  // namespace

std::optional<SliceObject> read_slice(const Reader& reader, const Value& object,
                                      const ServiceKey& key) {
  const Value& metadata = *object.find("metadata");
  SliceObject slice;
  slice.family = 0;  // until it is known
  slice.place = {object.line, object.column};
  slice.name_space = key.name_space;
  slice.name = key.name;
  const Value* labels = reader.member(metadata, "labels", Value::Type::mapping);
  const std::string service = labels ? reader.text(*labels, "kubernetes.io/service-name") : "";
  if (service.empty()) {
    reader.problem(
        metadata, "label kubernetes.io/service-name is missing: it says whose endpoints these are");
    return slice;
  }
  slice.service = {key.name_space, service};
  const std::string type = reader.text(object, "addressType");
  if (type == "FQDN") return std::nullopt;
  if (type != "IPv4" && type != "IPv6") {
    const Value* at = object.find("addressType");
    reader.problem(at ? *at : object,
                   fmt::format("addressType must be IPv4, IPv6 or FQDN, not '{}'", type));
    return slice;
  }
  slice.family = type == "IPv4" ? 4 : 6;
  slice.weight = read_annotations(reader, metadata, AnnotationsOf::slice).weight;
  if (!reader.typed(object, "ports", Value::Type::sequence)) return slice;  // not: all ports
  ports(reader, object, slice);
  if (const Value* list = reader.member(object, "endpoints", Value::Type::sequence))
    endpoints(reader, *list, slice);
  return slice;
}

}  // namespace holdfast::kubernetes
