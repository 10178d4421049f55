// SPDX-License-Identifier: Apache-2.0
// Objects and events as the API writes them, for the tests of this folder.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "agent/sources/kubernetes/api/store.h"

namespace holdfast::kubernetes {

struct Pod {
  std::string address;
  std::string uid = "";  // "": after the address
  bool ready = true, terminating = false;
};

inline std::string service_json(const std::string& name, int version,
                                const std::string& address = "10.96.0.10") {
  return fmt::format(
      R"({{"kind":"Service","apiVersion":"v1","metadata":{{"name":"{}","namespace":"default",)"
      R"("uid":"s-{}","resourceVersion":"{}","creationTimestamp":"2026-01-01T00:00:00Z"}},)"
      R"("spec":{{"clusterIP":"{}","clusterIPs":["{}"],"type":"ClusterIP",)"
      R"("ports":[{{"name":"http","port":80,"protocol":"TCP","targetPort":8080}}]}}}})",
      name, name, version, address, address);
}

inline std::string slice_json(const std::string& name, const std::string& service, int version,
                              const std::vector<Pod>& pods) {
  std::string endpoints;
  for (const Pod& pod : pods) {
    endpoints += fmt::format(
        R"({}{{"addresses":["{}"],"conditions":{{"ready":{},"serving":{},"terminating":{}}},)"
        R"("nodeName":"n1","targetRef":{{"kind":"Pod","name":"p","uid":"{}"}}}})",
        endpoints.empty() ? "" : ",", pod.address, pod.ready, pod.ready, pod.terminating,
        pod.uid.empty() ? "uid-" + pod.address : pod.uid);
  }
  return fmt::format(
      R"({{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{{"name":"{}",)"
      R"("namespace":"default","resourceVersion":"{}",)"
      R"("labels":{{"kubernetes.io/service-name":"{}"}}}},"addressType":"IPv4",)"
      R"("endpoints":[{}],"ports":[{{"name":"http","port":8080,"protocol":"TCP"}}]}})",
      name, version, service, endpoints);
}

inline Value value_of(const std::string& json) {
  return parse_documents(json, "").documents.at(0);
}

inline Event event_of(const std::string& type, const std::string& object) {
  auto event = parse_event(fmt::format(R"({{"type":"{}","object":{}}})", type, object));
  return event ? *event : Event{};
}

// Lists everything given, each kind's list complete.
inline void list_all(Store& store, const std::vector<std::string>& services,
                     const std::vector<std::string>& slices, const std::string& version) {
  for (const Kind kind : kKinds) {
    store.begin_list(kind);
    if (kind == Kind::service)
      for (const auto& one : services) store.list(kind, value_of(one));
    if (kind == Kind::slice)
      for (const auto& one : slices) store.list(kind, value_of(one));
    store.end_list(kind, Version::parse(version), false);
  }
}

inline std::vector<std::string> addresses(const std::vector<EndpointAddress>& list) {
  std::vector<std::string> result;
  for (const auto& one : list) result.push_back(format_host_port(one.address, one.port));
  return result;
}

inline std::vector<std::string> endpoints(const ServicePtr& service) {
  std::vector<std::string> result;
  for (const Pool& pool : service->pools)
    for (const Endpoint& one : pool.endpoints)
      result.push_back(format_host_port(one.address, one.port));
  return result;
}

}  // namespace holdfast::kubernetes
