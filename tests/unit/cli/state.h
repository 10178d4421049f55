// SPDX-License-Identifier: Apache-2.0
// A state directory with one file of each kind.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "agent/snapshot/store.h"
#include "tests/unit/snapshot/golden.h"

namespace holdfast::cli::test {

inline std::string snapshot_name(std::uint64_t generation) {
  const std::string digits = std::to_string(generation);
  return "generation-" + std::string(20 - digits.size(), '0') + digits + ".snap";
}

inline Snapshot snapshot_of(const std::string& node, std::uint64_t generation) {
  Snapshot snapshot = golden_snapshot();
  snapshot.generation = generation;
  snapshot.node = node;
  snapshot.sources[0].source_memory = kGoldenWay;
  snapshot.sources[0].cluster = "7f0c6e0e-6d0a-4c39-9b59-000000000001";
  return snapshot;
}

inline void write_snapshot(const std::string& path, const Snapshot& snapshot) {
  std::ofstream(path, std::ios::binary) << encode(snapshot);
}

// Good: 4711 and 4700; of node-2: 4712; of a later format: 4713; set aside and damaged: 4699.
inline void fill_state(const std::string& directory) {
  std::filesystem::create_directories(directory);
  const auto path = [&](std::uint64_t generation) {
    return directory + "/" + snapshot_name(generation);
  };
  write_snapshot(path(4711), snapshot_of("node-1", 4711));
  write_snapshot(path(4700), snapshot_of("node-1", 4700));
  write_snapshot(path(4712), snapshot_of("node-2", 4712));
  std::filesystem::copy_file(HOLDFAST_SOURCE_DIR "/tests/unit/snapshot/data/format-4.snap",
                             path(4713));
  std::ofstream(path(4699) + ".corrupt") << "HOLDFAST";
}

}  // namespace holdfast::cli::test
