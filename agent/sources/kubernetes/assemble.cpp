// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "agent/sources/kubernetes/assembler.h"

namespace holdfast::kubernetes {
namespace {

// Several origins may hold an object of one name: the first by origin is used, once a name. What
// could not be read is asked last.
class Firsts {
 public:
  explicit Firsts(std::vector<Problem>& problems) : problems_(problems) {}

  bool first(const std::string& object, const Text& origin, const Place& place) {
    const auto [known, fresh] = seen_.emplace(object, Known{origin, place});
    if (!fresh) {
      const auto& [there, at] = known->second;
      problems_.push_back({origin.get(), place.line, place.column, object,
                           "is in " + there.get() + " already, at line " + std::to_string(at.line) +
                               "; that one is used"});
    }
    return fresh;
  }

 private:
  std::vector<Problem>& problems_;
  struct Known {
    Text origin;
    Place place;
  };
  std::map<std::string, Known> seen_;
};

void put_all(const Objects& objects, bool whole, Firsts& firsts, Assembler& assembler) {
  for (const NodeObject& one : objects.nodes) {
    if (one.whole == whole && firsts.first("Node " + one.name, one.origin, one.place))
      assembler.put(one);
  }
  for (const ServiceObject& one : objects.services) {
    if (one.whole == whole && firsts.first("Service " + one.key.to_string(), one.origin, one.place))
      assembler.put(one);
  }
  for (const SliceObject& one : objects.slices) {
    const ServiceKey name{one.name_space, one.name};
    if (one.whole == whole &&
        firsts.first("EndpointSlice " + name.to_string(), one.origin, one.place))
      assembler.put(one);
  }
}

// Nodes are listed, and none of them is this one: who expects NodePorts at a node's address is told
// that those nodes answer there themselves.
void note_no_own_node(const std::vector<const Objects*>& origins, const NodeContext& node,
                      std::vector<Problem>& problems) {
  const NodeObject* other = nullptr;
  bool node_ports = false;
  for (const Objects* objects : origins) {
    for (const NodeObject& one : objects->nodes) {
      if (one.name == node.name) return;
      if (!other) other = &one;
    }
    for (const ServiceObject& one : objects->services) {
      node_ports = node_ports || std::any_of(one.ports.begin(), one.ports.end(),
                                             [](const auto& port) { return port.node_port != 0; });
    }
  }
  if (!other || !node_ports) return;
  problems.push_back({other->origin.get(), other->place.line, other->place.column, "",
                      fmt::format("no Node here is this one, '{}' (node.name): NodePorts are "
                                  "served on loopback only; other nodes answer for theirs",
                                  node.name),
                      Problem::Kind::note});
}

}  // namespace

std::vector<ServicePtr> assemble(const std::vector<const Objects*>& origins,
                                 const NodeContext& node, std::vector<Problem>& problems,
                                 LastKnown* last_known) {
  Assembler assembler(node, last_known);
  Firsts firsts(problems);
  for (const bool whole : {true, false}) {
    for (const Objects* objects : origins) put_all(*objects, whole, firsts, assembler);
  }
  note_no_own_node(origins, node, problems);
  std::vector<ServicePtr> result;
  for (Assembler::Change& change : assembler.take()) {
    problems.insert(problems.end(), change.problems.begin(), change.problems.end());
    if (change.now) result.push_back(std::move(change.now));
  }
  return result;
}

}  // namespace holdfast::kubernetes
