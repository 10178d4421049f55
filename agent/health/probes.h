// SPDX-License-Identifier: Apache-2.0
// Who asks endpoints whether they live, behind an interface: the prober with its sockets, and one
// that a test answers for. Lives on the daemon's one loop; blocks nothing.
#pragma once

#include <vector>

#include "agent/health/controls.h"
#include "agent/model/evidence.h"

namespace holdfast {

class Probes {
 public:
  virtual ~Probes() = default;
  // Who is in question now; what is known of these already is kept.
  virtual void set_targets(const std::vector<ProbeTarget>& targets) = 0;
  // Who is in none, and tells whether this node reaches anything.
  virtual void set_controls(const std::vector<ProbeTarget>& outside) = 0;
  // Workloads meet failures only: a few controls are asked soon.
  virtual void doubt_network() = 0;
  virtual Reach reach(bool v4) const = 0;
};

}  // namespace holdfast
