// SPDX-License-Identifier: Apache-2.0
// What a service is admitted as while something of it is held. Pure. Private to agent/guard.
#pragma once

#include <vector>

#include "agent/guard/decide.h"

namespace holdfast {

struct Kept {
  ServicePtr service;
  std::vector<HeldFacts> held;       // sorted by address, port, protocol; unique
  HoldCause cause;                   // unknown: nothing is held, or its cause is as it was
  std::size_t fresh = 0;             // endpoints of pools that were not held before
  std::vector<Departure> left = {};  // of whom it was decided one by one
};

// Of a service that is said: what was admitted `before` and may not leave stays beside what is
// said.
Kept keep_endpoints(const Matter& matter, const ServicePtr& said, const Service& before,
                    TimePoint now);
// Of a service that is absent: as it was, without the endpoints of which enough is learned.
Kept keep_service(const Matter& matter, const Service& before, TimePoint now);

// Why what came from `origin` is held now. `listed`: it is there, and not ready.
HoldCause cause_of(const Matter& matter, const Text& origin, bool listed);

}  // namespace holdfast
