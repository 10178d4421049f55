// SPDX-License-Identifier: Apache-2.0
// What a new life starts from: the snapshot, or the pinned maps where they are newer. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/dataplane/image.h"
#include "agent/guard/guard.h"
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
Restored restore(const Image& found, const std::optional<Snapshot>& snapshot);

}  // namespace holdfast
