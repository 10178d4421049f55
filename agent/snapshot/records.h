// SPDX-License-Identifier: Apache-2.0
// Sources, services and tombstones as bytes, of every format. Private to agent/snapshot.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/snapshot/codec.h"
#include "agent/snapshot/snapshot.h"

namespace holdfast::snapshot {

// What differs between the formats that are read.
struct Dialect {
  bool has_way = true;   // from 2 on
  bool extended = true;  // from 3 on: records have lengths, arrays have strides; a cluster's uid
};

void put(Writer& writer, const std::vector<Snapshot::SourceMemory>& sources);
void put(Writer& writer, const std::vector<Tombstone>& tombstones);
void put(Writer& writer, const std::vector<Snapshot::Gone>& gone);

// After these `reader.good()` says whether all of it was read.
std::vector<Snapshot::SourceMemory> get_sources(Reader& reader, Dialect dialect);
std::vector<Tombstone> get_tombstones(Reader& reader, Dialect dialect);
std::vector<Snapshot::Gone> get_gone(Reader& reader);

}  // namespace holdfast::snapshot
