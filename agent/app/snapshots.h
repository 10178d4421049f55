// SPDX-License-Identifier: Apache-2.0
// When the last known good is written, and by whom: at most every 10 s and at stop, the first
// complete generation of a life at once (design.md 4.8). Encoding and writing are done beside the
// loop, so that neither a large catalog nor a slow disk holds up an update; a write that fails
// leaves all serving, is told, and is tried again.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/app/timers.h"
#include "agent/snapshot/store.h"

namespace holdfast {

// When the next write is due. Pure: time is a parameter.
class SnapshotSchedule {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kInterval{10};  // between two writes
  static constexpr std::chrono::seconds kGather{1};     // changes seldom come alone

  // `complete`: every source has said all it knows in this life.
  void changed(TimePoint now, bool complete);
  void begun(TimePoint now);  // what was due is being written
  void failed();              // and was not: due again
  std::optional<TimePoint> due() const { return due_; }

 private:
  std::optional<TimePoint> due_, last_;
  bool complete_ = false;  // all sources have spoken
  bool complete_begun_ = false;
};

// What there is to tell of the files.
struct SnapshotFacts {
  struct Written {
    std::uint64_t generation = 0;
    std::int64_t at = 0;  // seconds since the epoch
  };
  std::optional<Written> newest = {};
  std::vector<std::string> untrusted = {};  // at the start
  std::string last_error = {};              // "": none now
  std::uint64_t errors = 0, writes = 0;
};

class Snapshots {
 public:
  using Written = SnapshotFacts::Written;

  // `take` is called on the loop; nullopt: there is nothing to write yet. `node`: this one, whose
  // snapshots alone are trusted.
  Snapshots(boost::asio::io_context& loop, Timers& timers, std::string directory, std::string node,
            std::function<std::optional<Snapshot>()> take);
  ~Snapshots();

  // Before anything else: the newest that is good, if there is one. Errors: another daemon writes
  // here; the directory cannot be read. One that cannot be written is only told.
  Result<std::optional<Snapshot>> start();
  void changed(bool complete);
  // Waits for a write in progress, then writes what there is.
  void stop();

  std::uint64_t highest() const { return highest_; }  // that any name told at the start
  const SnapshotFacts& facts() const { return facts_; }

 private:
  void arm();
  Result<> save(const Snapshot& snapshot);
  void write_beside();
  void done(Written what, const Result<>& saved);

  boost::asio::io_context& loop_;
  SnapshotStore store_;
  std::function<std::optional<Snapshot>()> take_;
  Timers& timers_;
  std::unique_ptr<Timer> timer_;
  SnapshotSchedule schedule_;
  std::thread worker_;  // joinable: a write is in progress
  bool stopped_ = false;
  std::uint64_t highest_ = 0;
  SnapshotFacts facts_;
};

}  // namespace holdfast
