// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/own_node.h"

namespace holdfast {

std::optional<Problem> no_own_node(const std::map<std::string, Node>& nodes, bool node_ports,
                                   const std::string& own) {
  if (nodes.empty() || !node_ports || nodes.contains(own)) return std::nullopt;
  return Problem{nodes.begin()->second.origin.get(),
                 0,
                 0,
                 "",
                 "no Node here is this one, '" + own +
                     "' (node.name): NodePorts are served on loopback only; other nodes answer for "
                     "theirs",
                 Problem::Kind::note};
}

}  // namespace holdfast
