// SPDX-License-Identifier: Apache-2.0
// Sources, services and tombstones as bytes, of every format. Private to agent/snapshot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/snapshot/codec.h"
#include "agent/snapshot/snapshot.h"

namespace holdfast::snapshot {

// What differs between the formats that are read.
struct Dialect {
  bool has_source_memory = true;  // from 2 on
  bool extended = true;  // from 3 on: records have lengths, arrays have strides; a cluster's uid
  bool placed = true;    // from 3.2 on: pools tell traffic, node port and far endpoints; nodes
  // That it is of. Before 3.2 the node addresses are this one's, and are known by the frontends.
  std::string node = {};
};

// As seen from `node`: what a version before 3.2 knows of a pool is what is used there.
void put(Writer& writer, const std::vector<Snapshot::SourceMemory>& sources,
         const std::string& node);
void put(Writer& writer, const std::vector<Tombstone>& tombstones);
void put(Writer& writer, const std::vector<Snapshot::Gone>& gone);

// After these `reader.good()` says whether all of it was read.
std::vector<Snapshot::SourceMemory> get_sources(Reader& reader, const Dialect& dialect);
std::vector<Tombstone> get_tombstones(Reader& reader, const Dialect& dialect);
std::vector<Snapshot::Gone> get_gone(Reader& reader);

}  // namespace holdfast::snapshot
