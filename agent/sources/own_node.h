// SPDX-License-Identifier: Apache-2.0
// What is worth telling of a source's nodes, seen from this one. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/model/update.h"

namespace holdfast {

// Nodes are said, none of them is `own`, and some service has a node port: who expects it at a
// node's address is told that those nodes answer there themselves.
std::optional<Problem> no_own_node(const std::map<std::string, Node>& nodes, bool node_ports,
                                   const std::string& own);

}  // namespace holdfast
