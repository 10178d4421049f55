// SPDX-License-Identifier: Apache-2.0
// Of the section guard of the configuration.
#pragma once

#include <chrono>
#include <cstddef>

namespace holdfast {

struct GuardSettings {
  bool enabled = true;  // off: every removal is applied (the sabotage arm of the fault tests)
  // An accident of the control plane (kubernetes#77864): within `accident_window`, this many
  // services on this many nodes lose their last ready endpoint with nothing terminating.
  std::chrono::seconds accident_window{60};
  std::size_t accident_services = 3;
  std::size_t accident_nodes = 2;
  std::chrono::milliseconds last_ready_settle{1000};
  // What is absent from this many complete lists, this far apart, is applied (design.md 4.3) ...
  std::size_t absences = 3;
  std::chrono::seconds absence_spacing{30};
  // ... unless, in `hold_window`, the unexplained removals reached at least so many endpoints and
  // more than so much of the source's, or so many services and so much: then only evidence or an
  // operator ends the hold.
  std::size_t hold_endpoints_percent = 30;
  std::size_t hold_endpoints_least = 10;
  std::size_t hold_services_percent = 10;
  std::size_t hold_services_least = 3;
  std::chrono::seconds hold_window{60};
  // Who still refuses after this long leaves: until then a restart or a boot is not over, and later
  // the address may be another's.
  std::chrono::seconds refused_for{120};
};

}  // namespace holdfast
