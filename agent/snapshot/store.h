// SPDX-License-Identifier: Apache-2.0
// The state directory: "generation-<20 digits>.snap", the last three; and what was set aside.
//
// A file that is damaged or of another node is renamed to "<name>.corrupt" or "<name>.foreign" and
// never used again but by `import`. One of a newer format stays where it is. Not thread-safe: one
// thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "agent/snapshot/snapshot.h"

namespace holdfast {

// Why a file is used or not.
enum class Trust : std::uint8_t {
  good,
  damaged,    // cut short, changed, empty, no regular file
  foreign,    // of another node
  future,     // of a format that this version does not know
  unreadable  // the disk or its rights: nothing is known of the content
};
std::string_view to_string(Trust trust);

struct StoredSnapshot {
  std::string name;  // of the file, without its directory
  std::uint64_t generation = 0;
  std::uint64_t bytes = 0;
  SnapshotFormat format;  // 0.0: not known
  bool aside = false;     // set aside earlier
  Trust trust = Trust::good;
  std::string reason;                // why it is not used; "" when good
  std::optional<Snapshot> snapshot;  // also of a foreign one
};

// One file, judged as of node `node` ("": of any).
StoredSnapshot inspect_snapshot(const std::string& path, const std::string& node);

class SnapshotStore {
 public:
  explicit SnapshotStore(std::string directory, std::string node = {});
  // Makes the directory (0700). Errors: it cannot be made, or not be read; that it cannot be
  // written shows at save().
  Result<> open();
  // Nobody else writes here from now on. Removes what a crash left half-written. Errors: exists.
  // A lock of a process that cannot write here, though it may open the directory, keeps nobody
  // from starting: it goes without, and says who that is; else "".
  Result<std::string> lock();

  // The newest that is good; what is damaged or foreign on the way to it is set aside, and `notes`
  // tells. nullopt: there is none.
  Result<std::optional<Snapshot>> load(std::vector<std::string>& notes);
  // The highest generation that a name in the directory tells, good or not: numbers only grow.
  Result<std::uint64_t> highest() const;
  // All files, newest first, those set aside behind. Changes nothing.
  Result<std::vector<StoredSnapshot>> list() const;

  // Beside, fsync, rename; then all but this one and the two before it are removed.
  Result<> save(const Snapshot& snapshot);

  const std::string& directory() const { return directory_; }

 private:
  std::string set_aside(const StoredSnapshot& file) const;

  std::string directory_;
  std::string node_;
  Fd lock_;
};

}  // namespace holdfast
