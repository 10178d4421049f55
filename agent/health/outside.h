// SPDX-License-Identifier: Apache-2.0
// Endpoints outside of every question, that tell whether this node reaches anything: those that a
// control group is taken from, and what the workloads meet there. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/health/controls.h"
#include "agent/health/suspects.h"

namespace holdfast {

// A few that new connects may be sent to and nobody doubts, of both families, on other nodes, best
// those first that workloads of this node used lately. The cost is one per service and some.
std::vector<ProbeTarget> outside(const std::vector<ServicePtr>& services,
                                 const std::string& own_node, const Suspects::TrafficOf& traffic_of,
                                 const std::function<double()>& chance, TimePoint now);

// What workloads met there since the last look: failures, and not one handshake. No evidence of an
// endpoint (the counters do not tell how many workloads failed), but a reason to ask a few.
class WorkloadFailures {
 public:
  bool only_failures(const std::vector<ProbeTarget>& outside,
                     const Suspects::TrafficOf& traffic_of);

 private:
  struct Counts {
    std::uint32_t failed, established;
  };
  std::map<ProbeKey, Counts> last_;
};

}  // namespace holdfast
