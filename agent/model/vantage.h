// SPDX-License-Identifier: Apache-2.0
// What depends on the node that looks. A source says the same on every node; which endpoints of it
// this node's clients may be sent to, and where node ports are dialled, is decided from here, after
// the guard. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/model/service.h"

namespace holdfast {

// Where this daemon runs. `zone` decides nothing in this version: hints in slices will ask for it.
struct Vantage {
  Text node;
  Text zone;
};

// A node, as a source says it.
struct Node {
  std::string name;
  std::string zone;
  Text origin;                       // the file it was read from
  std::vector<IpAddress> addresses;  // InternalIP and ExternalIP; sorted, unique

  bool operator==(const Node&) const = default;
};

// Whether clients of this node may be sent to it at all: of a local pool, to what is on this node.
inline bool is_near(const Pool& pool, const Endpoint& endpoint, const Vantage& vantage) {
  return pool.traffic != TrafficPolicy::local || endpoint.node == vantage.node;
}

// The same questions as in agent/model/ready.h, of what is near.
bool has_ready(const Pool& pool, const Vantage& vantage);
bool has_usable(const Service& service, const Vantage& vantage);

// Of the node `name`; none where it is not known.
std::vector<IpAddress> addresses_of(const std::map<std::string, Node>& nodes,
                                    const std::string& name);

bool has_node_ports(const Service& service);
// Sorts, and keeps of each address the first: one that is listed as two kinds is one frontend.
void sort_unique(std::vector<Frontend>& frontends);
// With frontends in place of the node ports: at loopback, and at each of `addresses` of the pool's
// family. One without node ports comes back as it is.
ServicePtr with_frontends_of(const ServicePtr& service, const std::vector<IpAddress>& addresses);
// The way back, for what was kept with such frontends: the node addresses go into `addresses`.
void take_frontends_of(Service& service, std::set<IpAddress>& addresses);

}  // namespace holdfast
