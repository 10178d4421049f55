// SPDX-License-Identifier: Apache-2.0
// Kubernetes objects (v1 Service, discovery.k8s.io/v1 EndpointSlice, v1 Node) as values, and the
// rules that turn them into services. One decoder serves the file source and the API: it reads a
// tree of values with positions, whatever text that came from. Pure.
#pragma once

#include <boost/flyweight.hpp>
#include <boost/flyweight/simple_locking.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/model/service.h"
#include "agent/model/update.h"
#include "agent/sources/value.h"

namespace holdfast::kubernetes {

// Where in its file something stands, for problems found later; 0: not known.
struct Place {
  int line = 0;
  int column = 0;
};

struct ServicePort {
  std::string name;
  std::uint16_t port = 0;
  std::uint16_t node_port = 0;  // 0: none
  Protocol protocol = Protocol::tcp;
};

// Of any object: `whole` is false if a field of it could not be read. It is then not said: what it
// was last good stands (design.md 4.1), `kept`. Of one never seen good this is what could be read.
struct ServiceObject {
  ServiceKey key;
  bool whole = true, kept = false;
  Text origin;
  Place place;
  std::int64_t created_at = 0;
  bool ours = true;             // false: headless, ExternalName, or labelled for another proxy
  bool local_only = false;      // internalTrafficPolicy: Local, of the cluster's own addresses
  bool topology_noted = false;  // that it asks for near endpoints, which is not honoured
  std::vector<IpAddress> cluster_ips;
  std::vector<IpAddress> external_ips;
  std::vector<IpAddress> load_balancer_ips;
  std::vector<ServicePort> ports;
  std::optional<std::uint16_t> weight;  // holdfast.io/weight
  ServicePolicy policy;
};

struct SlicePort {
  std::string name;
  std::optional<std::uint16_t> port;  // absent: all ports
  Protocol protocol = Protocol::tcp;
};

// A node and its zone, which most of a slice's endpoints share with many others: one word.
using Whereabouts = boost::flyweight<std::pair<Text, Text>, boost::flyweights::simple_locking>;

// Of these there are a million: 48 bytes, not 64.
struct SliceEndpoint {
  IpAddress address;
  Identity identity;  // targetRef.uid; none given: of node and hostname
  bool ready : 1 = true, serving : 1 = true, terminating : 1 = false;
  std::uint64_t line : 28 = 0, column : 33 = 0;  // see place()
  Whereabouts where;

  const Text& node() const { return where.get().first; }
  const Text& zone() const { return where.get().second; }
  Place place() const { return {static_cast<int>(line), static_cast<int>(column)}; }
  void stands_at(const Place& place) {
    line = static_cast<std::uint32_t>(place.line) & 0xfffffff;
    column = static_cast<std::uint32_t>(place.column);
  }
};
static_assert(sizeof(SliceEndpoint) == 48);

struct SliceObject {
  std::string name_space, name;
  bool whole = true, kept = false;
  Text origin;
  Place place;
  ServiceKey service;   // label kubernetes.io/service-name; without a name: not known
  int family = 4;       // addressType; FQDN slices are skipped; 0: not known
  bool hinted = false;  // some endpoint has hints
  std::vector<SlicePort> ports;
  bool all_ports = false;  // ports: null
  std::vector<SliceEndpoint> endpoints;
  std::optional<std::uint16_t> weight;
};

struct NodeObject {
  std::string name;
  bool whole = true, kept = false;
  Text origin;
  Place place;
  std::string zone;
  std::vector<IpAddress> addresses;  // InternalIP and ExternalIP
};

// Everything one origin (file or list) says. `items` counts objects of any kind, also the ones
// that are no business of ours: an origin without any is "empty".
struct Objects {
  std::vector<ServiceObject> services;
  std::vector<SliceObject> slices;
  std::vector<NodeObject> nodes;
  std::optional<Problem> nameless;  // the first object of which nobody can tell which one it is
  std::size_t items = 0;
};

// Decodes one document (an object or a List, nested Lists too). What cannot be read is reported,
// and its object is not whole; the others go on.
// `implied_kind` is of an object that says none: the API leaves it out of a list's items.
void decode(const Value& document, const std::string& file, Objects& into,
            std::vector<Problem>& problems, const std::string& implied_kind = "");

// Of a List: the kind that its items may leave out, or "". nullopt: it is none.
std::optional<std::string> kind_of_items(const Value& document);

class LastKnown;

struct Assembly {
  std::vector<ServicePtr> services;
  std::vector<NodeChange> nodes;  // all of them
};

// All slices of all origins merged into services: endpoints deduplicated, ports matched by name,
// forbidden addresses and loops reported. It is the same on every node. Two objects of one name:
// the first by origin wins, but a whole one over one that could not be read; the other is a
// problem. `last_known`, if any, stands in for what cannot be read.
Assembly assemble(const std::vector<const Objects*>& origins, std::vector<Problem>& problems,
                  LastKnown* last_known = nullptr);

}  // namespace holdfast::kubernetes
