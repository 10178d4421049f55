// SPDX-License-Identifier: Apache-2.0
// Texts that several tests parse, and short ways to look into what came out.
#pragma once

#include <gmock/gmock.h>

#include <string>

#include "agent/sources/value.h"

namespace holdfast::test {

// Two documents as `kubectl get -o yaml` writes them, with every form of scalar and collection.
inline constexpr const char* kCatalog = R"(# what song needs
apiVersion: v1
kind: Service
metadata:
  name: song
  namespace: "default"
  annotations: {holdfast.io/weight: '50'}
spec:
  clusterIP: 10.96.0.10
  ports:
  - name: &http http
    port: 80
    targetPort: *http
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: &name song-1
  labels: {kubernetes.io/service-name: song}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- addresses: ["10.1.0.1"]
  conditions: {ready: true, serving: ~}
- addresses:
    - 10.1.0.2
  nodeName: >-
    n1
)";

inline constexpr const char* kJsonCatalog = R"({
  "apiVersion": "v1", "kind": "List",
  "items": [
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "song"},
     "spec": {"clusterIP": "10.96.0.10", "ports": [{"name": "\u0068ttp", "port": 80}]}},
    {"kind": "Node", "weight": -2.5e3, "ready": true, "spec": null}
  ]
})";

// The one document of a text that must parse; a null value, with a failure, otherwise.
inline Value parse_one(const std::string& text) {
  ParseOutcome outcome = parse_documents(text, "catalog.yaml");
  EXPECT_FALSE(outcome.problem) << outcome.problem->to_string();
  EXPECT_EQ(outcome.documents.size(), 1u) << text;
  return outcome.documents.empty() ? Value{} : std::move(outcome.documents.front());
}

// "catalog.yaml:1:2: what is wrong", "" when the text parses.
inline std::string problem_of(const std::string& text, const ParseLimits& limits = {}) {
  const ParseOutcome outcome = parse_documents(text, "catalog.yaml", limits);
  EXPECT_TRUE(!outcome.problem || outcome.documents.empty()) << "half a file is no file";
  return outcome.problem ? outcome.problem->to_string() : "";
}

inline std::string repeat(const std::string& text, int times) {
  std::string result;
  for (int one = 0; one < times; ++one) result += text;
  return result;
}

}  // namespace holdfast::test
