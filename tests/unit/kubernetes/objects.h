// SPDX-License-Identifier: Apache-2.0
// Texts of objects, decoded and assembled, and short ways to say what came out.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/sources/kubernetes/objects.h"

namespace holdfast::kubernetes::test {

struct Decoded {
  Objects objects;
  std::vector<Problem> problems;

  std::vector<std::string> told() const {
    std::vector<std::string> result;
    for (const Problem& one : problems) result.push_back(one.to_string());
    return result;
  }
};

inline Decoded decode_text(const std::string& text, const std::string& file = "f") {
  Decoded result;
  const ParseOutcome parsed = parse_documents(text, file);
  EXPECT_FALSE(parsed.problem) << parsed.problem->to_string();
  for (const Value& document : parsed.documents)
    decode(document, file, result.objects, result.problems);
  return result;
}

// As `node` sees it, node ports and all.
struct Assembled {
  std::vector<ServicePtr> services;
  std::vector<Problem> problems;
  std::map<std::string, Node> nodes = {};

  Assembled(Assembly said, std::vector<Problem> told, const std::string& node)
      : problems(std::move(told)) {
    for (NodeChange& one : said.nodes) nodes.emplace(one.name, std::move(*one.now));
    for (const ServicePtr& one : said.services)
      services.push_back(with_frontends_of(one, addresses_of(nodes, node)));
  }

  const Pool* pool(std::uint16_t port, int family = 4, Protocol protocol = Protocol::tcp,
                   std::size_t service = 0) const {
    if (service >= services.size()) return nullptr;
    for (const Pool& one : services[service]->pools) {
      if (one.service_port == port && one.family == family && one.protocol == protocol) return &one;
    }
    return nullptr;
  }
};

inline Assembled assemble_objects(const std::vector<const Objects*>& origins,
                                  const std::string& node = "n1") {
  std::vector<Problem> problems;
  Assembly said = assemble(origins, problems);
  return {std::move(said), std::move(problems), node};
}

// Of a text without problems in its objects.
inline Assembled assemble_text(const std::string& text, const std::string& node = "n1") {
  const Decoded decoded = decode_text(text);
  EXPECT_THAT(decoded.told(), testing::IsEmpty());
  return assemble_objects({&decoded.objects}, node);
}

// Of one with notes.
inline Assembled assemble_noted(const std::string& text, const std::string& node = "n1") {
  const Decoded decoded = decode_text(text);
  EXPECT_EQ(notes_in(decoded.problems), decoded.problems.size());
  return assemble_objects({&decoded.objects}, node);
}

// "10.1.0.1:80" or "10.1.0.1:80 ClusterIP".
inline std::vector<std::string> endpoints(const Pool* pool) {
  std::vector<std::string> result;
  if (!pool) return {"no pool"};
  for (const Endpoint& one : pool->endpoints)
    result.push_back(format_host_port(one.address, one.port));
  return result;
}
inline std::vector<std::string> frontends(const Pool* pool) {
  std::vector<std::string> result;
  if (!pool) return {"no pool"};
  for (const Frontend& one : pool->frontends) {
    result.push_back(format_host_port(one.address, one.port) + " " +
                     std::string(to_string(one.kind)) + (one.host_scope ? " host" : ""));
  }
  return result;
}

// One document each; `spec` and `body` are flow or indented YAML.
inline std::string service(const std::string& name, const std::string& spec,
                           const std::string& metadata = "") {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         (metadata.empty() ? "" : ", " + metadata) + "}\nspec: " + spec + "\n---\n";
}
inline std::string slice(const std::string& name, const std::string& of, const std::string& ports,
                         const std::string& list, const std::string& family = "IPv4",
                         const std::string& metadata = "") {
  return "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: " + name +
         ", labels: {kubernetes.io/service-name: " + of + "}" +
         (metadata.empty() ? "" : ", " + metadata) + "}\naddressType: " + family +
         "\nports: " + ports + "\nendpoints: " + list + "\n---\n";
}
inline std::string node(const std::string& name, const std::string& addresses) {
  return "apiVersion: v1\nkind: Node\nmetadata: {name: " + name +
         ", labels: {topology.kubernetes.io/zone: z1}}\nstatus: {addresses: " + addresses +
         "}\n---\n";
}

inline const std::string kSong = service("song", "{clusterIP: 10.96.0.10, ports: [{port: 80}]}");

}  // namespace holdfast::kubernetes::test
