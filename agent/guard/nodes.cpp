// SPDX-License-Identifier: Apache-2.0
// What is known of nodes. Nothing of a node is ever held; its word only outlives the source's
// silence, since the frontends of node ports stand on it.
#include "agent/guard/state.h"

namespace holdfast {

void Guard::State::hear_nodes(const SourceUpdate& update) {
  for (const NodeChange& change : update.nodes) {
    const auto known = nodes.find(change.name);
    if (change.now) {
      unsaid.erase(change.name);
      nodes[change.name] = *change.now;
    } else if (known != nodes.end() && known->second.origin.get().empty()) {
      unsaid.erase(change.name);
      nodes.erase(known);
    } else if (known != nodes.end()) {
      unsaid.insert(change.name);
    }
  }
  for (auto at = unsaid.begin(); at != unsaid.end();) {
    const bool explained = update.confirmed_origins.contains(nodes[*at].origin.get());
    if (explained) nodes.erase(*at);
    at = explained ? unsaid.erase(at) : std::next(at);
  }
}

const std::map<std::string, Node>& Guard::nodes() const {
  return state_->nodes;
}

bool Guard::has_node_ports() const {
  return state_->with_node_ports > 0;
}

}  // namespace holdfast
