// SPDX-License-Identifier: Apache-2.0
// The way of an update, joined: sources and guards, the catalog (Intake), the maps and programs
// (Serving), and the evidence that flows back (HealthWatch). It needs no root and no loop of its
// own: what it is given may be the kernel, the clock and the prober, or a test's models of them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/app/health_watch.h"
#include "agent/app/intake.h"
#include "agent/app/left.h"
#include "agent/app/serving.h"
#include "agent/app/timers.h"
#include "agent/health/probes.h"
#include "agent/snapshot/snapshot.h"

namespace holdfast {

class Pipeline {
 public:
  struct Settings {
    std::string node;
    Room room = {};      // dataplane.capacity
    bool probes = true;  // guard.probe.enabled
    std::string zone = {};

    Vantage vantage() const { return {Text(node), Text(zone)}; }
  };
  struct Surroundings {
    std::function<Result<OpenedDataplane>(const Capacity& wanted, const Capacity& limit)> open;
    std::function<bool()> maps_exist;            // of an earlier life
    std::function<void(bool complete)> keep;     // worth a snapshot; of all there is to know
    std::function<void()> attached;              // once
    std::function<void(const Error&)> failed;    // for good
    std::launch beside = std::launch::deferred;  // see Serving
  };

  // The references outlive it.
  Pipeline(Timers& timers, Probes& probes, Settings settings, Surroundings surroundings);

  Intake& intake() { return intake_; }
  const Intake& intake() const { return intake_; }
  Serving& serving() { return serving_; }
  const Serving& serving() const { return serving_; }
  const LeftCounts& left() const { return left_; }
  HealthWatch& health() { return health_; }
  const HealthWatch& health() const { return health_; }

  // With intake's sources added. Opens the maps and serves the last known good, if there is one;
  // else the maps are made when the sources have said how much there is. `number`: no generation
  // of an earlier life was above it. An error leaves the kernel as it was.
  Result<> start(std::optional<Snapshot> snapshot, std::uint64_t number);
  void start_sources();
  void stop();  // of the sources; maps and programs go on

  // nullopt: there is nothing to keep yet.
  std::optional<Snapshot> snapshot();  // with all that was said until now
  bool ready() const { return serving_.pending().empty(); }

 private:
  Intake::Followers followers();
  Serving::Surroundings serving_surroundings();
  void restore(std::uint64_t number);
  void after_first_words();
  void taken(const SourceUpdate& update, bool first);
  void keep();
  bool may_attach() const;
  Room needed() const;

  Timers& timers_;
  Settings settings_;
  Surroundings surroundings_;
  std::optional<Snapshot> last_;  // what this life started from
  bool restoring_ = false;        // in hand
  bool as_read_ = false;          // what is served is what was read, and need not be kept
  bool stopped_ = false;
  Intake intake_;
  Serving serving_;
  LeftCounts left_;
  HealthWatch health_;
  std::unique_ptr<Timer> first_words_timer_;
};

}  // namespace holdfast
