// SPDX-License-Identifier: Apache-2.0
// A generation on disk: the last known good. Encoding is pure; the store does the I/O.
//
// Format 2 added the way to the control plane; format 1 is still read.
//
// File: magic "HOLDFAST", format version, generation, payload length, payload, SHA-256 of all
// before it; integers little-endian. Named "generation-<20 digits>.snap" in the state directory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/catalog/catalog.h"
#include "agent/guard/guard.h"

namespace holdfast {

struct Snapshot {
  std::uint64_t generation = 0;
  std::int64_t written_at = 0;  // seconds since the epoch
  struct SourceMemory {
    std::string name;
    GuardMemory memory;
    std::string way = {};  // Source::memory(): the way to its control plane
  };
  std::vector<SourceMemory> sources;
  std::vector<Tombstone> tombstones;
};

std::string encode(const Snapshot& snapshot);
// Never reads past `bytes`, whatever they hold. Errors: invalid (damaged), incompatible (version).
Result<Snapshot> decode(std::string_view bytes);

class SnapshotStore {
 public:
  explicit SnapshotStore(std::string directory);  // of the state; created (0700) by open()
  Result<> open();
  // The newest that verifies. A damaged one is renamed to "*.corrupt", never trusted, never
  // deleted; `notes` tells. nullopt: there is none.
  Result<std::optional<Snapshot>> load(std::vector<std::string>& notes);
  // Beside, fsync, rename; then all but this one and the two before it are removed.
  Result<> save(const Snapshot& snapshot);

 private:
  std::string directory_;
};

}  // namespace holdfast
