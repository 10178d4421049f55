// SPDX-License-Identifier: Apache-2.0
// A generation on disk: the last known good. Encoding is pure; store.h does the I/O.
//
// File: magic "HOLDFAST", format (major, minor), generation, length of the body, body, SHA-256 of
// all before it; integers little-endian. This frame is the same in every format. The body of format
// 3 is a row of sections; formats 1 and 2 are still read. What a minor step adds is a section, or
// stands at the end of a record, so that an older reader skips it (docs/adr/0005).
#pragma once

#include <cstdint>
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
    std::string source_memory = {};  // Source::memory(): for that kind of source alone to read
    std::string cluster = {};        // Source::cluster()
  };
  std::vector<SourceMemory> sources;
  // Of these, those that the configuration does not name any more: how long they still serve.
  struct Gone {
    std::string source;
    std::int64_t seconds_left = 0;
  };
  std::vector<Gone> gone = {};
  std::vector<Tombstone> tombstones;
  std::string node = {};           // that it is of; "": a format that does not tell
  std::string imported_from = {};  // the node whose snapshot it was; "": never imported
};

struct SnapshotFormat {
  std::uint16_t major = 0;
  std::uint16_t minor = 0;
  std::string to_string() const;  // "3.1"; "1" and "2" had no minor
};
inline constexpr SnapshotFormat kSnapshotFormat{3, 2};

std::string encode(const Snapshot& snapshot);
// Never reads past `bytes`, whatever they hold. Errors: invalid (damaged), incompatible (a major
// format that this version does not know).
Result<Snapshot> decode(std::string_view bytes);
// Of what begins like a snapshot, whether or not it is whole; 0.0 for anything else.
SnapshotFormat format_of(std::string_view bytes);

}  // namespace holdfast
