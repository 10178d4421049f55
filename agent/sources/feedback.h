// SPDX-License-Identifier: Apache-2.0
// What became of what a source said: the way back, as a value.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "agent/model/hold_reason.h"
#include "agent/model/service.h"

namespace holdfast {

// Of a service that the guard admits, and of which something is not served all the same.
struct Refused {
  ServiceKey service;
  std::string what;  // "frontend 10.96.0.1:80 TCP: the source of the owner comes first"

  bool operator==(const Refused&) const = default;
};

struct Feedback {
  HoldCounts held = {};  // services of which something is kept against its word, by why
  // The parts of the source of which something is held that nobody has decided about; "": a part
  // that is not known any more. Empty while no part is in doubt.
  std::set<std::string> undecided = {};
  std::vector<Refused> refused = {};  // frontends that another service has

  bool any_held() const {
    return std::any_of(held.begin(), held.end(), [](std::size_t count) { return count > 0; });
  }
  bool operator==(const Feedback&) const = default;
};

}  // namespace holdfast
