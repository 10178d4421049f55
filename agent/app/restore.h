// SPDX-License-Identifier: Apache-2.0
// What a new life starts from: the snapshot, or the pinned maps where they are newer. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "agent/dataplane/image.h"
#include "agent/guard/guard.h"
#include "agent/plan/inspect.h"
#include "agent/snapshot/snapshot.h"

namespace holdfast {

struct Restored {
  std::uint64_t generation = 0;  // max(maps, files)
  std::map<std::string, GuardMemory> sources;
  std::vector<Tombstone> tombstones;
  std::vector<Sitting> sitting;  // as the maps say
  std::size_t from_maps = 0;     // services for which the maps were newer
  std::size_t from_files = 0;    // services taken from the snapshot
};

// A daemon killed before its debounced snapshot leaves maps newer than its files: going back to
// the file would bring dead endpoints into service again.
// `node`: this one. The maps tell its addresses, by the node ports served there, and of nodes
// nothing else.
Restored restore(const Image& found, const std::optional<Snapshot>& snapshot,
                 const std::string& node = {});

// What the maps have, as a source says it; node addresses go into `addresses`.
ServicePtr as_said(const ServiceView& view, std::set<IpAddress>& addresses);
// `addresses` are of `node`, beside what is known of it.
void add_addresses(const std::string& node, const std::set<IpAddress>& addresses,
                   std::map<std::string, Node>& nodes);

}  // namespace holdfast
