// SPDX-License-Identifier: Apache-2.0
// The way back: what probes and the workloads of this node tell of endpoints in question goes to
// the guards, and whether this node reaches anything is said. One thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/app/intake.h"
#include "agent/app/serving.h"
#include "agent/app/timers.h"
#include "agent/health/outside.h"
#include "agent/health/probes.h"
#include "agent/health/suspects.h"

namespace holdfast {

class HealthWatch {
 public:
  struct Settings {
    bool probes = true;  // else nobody is asked, and what workloads meet is all there is
    std::string node;    // this one: its own endpoints tell nothing of the network
  };

  // All but `settings` outlive it.
  HealthWatch(Timers& timers, Probes& probes, Intake& intake, Serving& serving, Settings settings);

  void start();
  void look_for_suspects();  // when what is in question may have changed
  void learn(Evidence evidence);
  void report_reach();  // when what Probes::reach() says has changed
  Reach reach(bool v4) const { return probes_.reach(v4); }

 private:
  void set_suspects();
  void set_probe_targets();
  void look_at_traffic();
  void watch_network();
  void set_controls();
  Suspects::TrafficOf traffic() const;

  Timers& timers_;
  Probes& probes_;
  Intake& intake_;
  Serving& serving_;
  Settings settings_;
  Suspects suspects_;
  std::uint64_t suspects_revision_ = 0, probed_revision_ = 0;  // as told to the one and the other
  TimePoint targets_due_;                                      // not to be asked for before
  std::vector<Evidence> evidence_;                             // not judged yet
  std::vector<ProbeTarget> outside_;                           // in no question
  TimePoint controls_set_;                                     // they were taken
  WorkloadFailures workload_failures_;
  std::array<Reach, 2> reach_;  // as it was logged: over IPv4, over IPv6
  std::unique_ptr<Timer> targets_timer_, evidence_timer_, traffic_timer_, network_timer_;
};

}  // namespace holdfast
