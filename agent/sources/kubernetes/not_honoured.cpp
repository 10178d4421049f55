// SPDX-License-Identifier: Apache-2.0
// What a Service asks for and this version does not do. It is served all the same, so each is said:
// a row here, and a row of the table in docs/services.md.
#include <fmt/format.h>

#include "agent/model/ready.h"
#include "agent/sources/kubernetes/reader.h"

namespace holdfast::kubernetes {
namespace {

void affinity(const Reader& reader, const Value& spec) {
  const Value* value = reader.member(spec, "sessionAffinity", Value::Type::string);
  if (!value || value->text.empty() || value->text == "None") return;
  if (value->text == "ClientIP") {
    reader.note(*value,
                "sessionAffinity ClientIP is not honoured in this version: each connect "
                "may go to another endpoint");
  } else {
    reader.problem(*value,
                   fmt::format("sessionAffinity must be None or ClientIP, not '{}'", value->text));
  }
}

// Returns whether it was asked for. The annotations are of Kubernetes before 1.33.
bool topology(const Reader& reader, const Value& metadata, const Value& spec) {
  const auto note = [&](const Value& at, std::string_view what) {
    reader.note(at, fmt::format("{} is not honoured in this version: all endpoints are used, of "
                                "whatever zone and node",
                                what));
    return true;
  };
  const Value* asked = reader.member(spec, "trafficDistribution", Value::Type::string);
  if (asked && !asked->text.empty()) return note(*asked, "trafficDistribution");
  const Value* annotations = reader.member(metadata, "annotations", Value::Type::mapping);
  if (!annotations) return false;
  for (const char* key :
       {"service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints"}) {
    const Value* mode = annotations->find(key);
    const bool off =
        !mode || mode->text.empty() || mode->text == "Disabled" || mode->text == "disabled";
    if (!off) return note(*mode, key);
  }
  return false;
}

// One note a Service, however many ports.
void protocols(const Reader& reader, const Value& spec, const ServiceObject& service) {
  constexpr std::size_t kNamed = 5;
  std::string ports;
  std::size_t count = 0;
  for (const ServicePort& port : service.ports) {
    if (is_served(port.protocol)) continue;
    if (++count > kNamed) continue;
    ports += fmt::format("{}{}/{}", ports.empty() ? "" : ", ", port.port, to_string(port.protocol));
  }
  if (count == 0) return;
  if (count > kNamed) ports += fmt::format(" and {} more", count - kNamed);
  reader.note(*spec.find("ports"), fmt::format("{}: only TCP is served in this version, the rest "
                                               "passes through to what else answers",
                                               ports));
}

}  // namespace

void note_not_honoured(const Reader& reader, const Value& metadata, const Value& spec,
                       ServiceObject& service) {
  affinity(reader, spec);
  service.topology_noted = topology(reader, metadata, spec);
  protocols(reader, spec, service);
  const Value* ranges = reader.member(spec, "loadBalancerSourceRanges", Value::Type::sequence);
  if (ranges && !ranges->items.empty()) {
    reader.note(*ranges,
                "loadBalancerSourceRanges is not honoured: every client of this node may "
                "connect to the balancer's addresses");
  }
}

}  // namespace holdfast::kubernetes
