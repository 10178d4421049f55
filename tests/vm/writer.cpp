// SPDX-License-Identifier: Apache-2.0
// Saves snapshots one after the other, as the daemon does but without its pause between them, until
// the power is cut. Each number is printed when the save has returned: from then on it must be
// there.
#include <cstdio>

#include "agent/snapshot/store.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  holdfast::SnapshotStore store(argv[1]);
  std::vector<std::string> notes;
  auto loaded = store.load(notes);
  if (!loaded || !*loaded) {
    std::printf("WRITER has nothing to begin from\n");
    return 1;
  }
  holdfast::Snapshot snapshot = std::move(**loaded);
  while (true) {
    ++snapshot.generation;
    if (const auto saved = store.save(snapshot); !saved) {
      std::printf("WRITER %s\n", saved.error().what.c_str());
      return 1;
    }
    std::printf("SAVED %llu\n", static_cast<unsigned long long>(snapshot.generation));
    std::fflush(stdout);
  }
}
