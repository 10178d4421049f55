// SPDX-License-Identifier: Apache-2.0
// The signature of a control plane's accident in `ready: false` (design.md 4.1, kubernetes#77864):
// several services on several nodes lose their last ready endpoint, with nothing terminating. Each
// such loss settles for a second; when the signature is complete, all of the window is taken back.
// Private to agent/guard.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/guard/guard.h"

namespace holdfast {

class AccidentWatch {
 public:
  // The value to judge now: the change's own, or what was said `before` while its loss settles.
  ServicePtr settle(const GuardSettings& settings, const ServicePtr& before,
                    const ServiceChange& change, TimePoint now);
  // Services whose settling has ended without an accident, and what is said of them.
  std::vector<std::pair<ServiceKey, ServicePtr>> due(const GuardSettings& settings, TimePoint now);

  struct Taken {
    ServiceKey key;
    ServicePtr before;  // with its ready endpoints
    ServicePtr said;
    HoldCause cause;
  };
  std::vector<Taken> take_back(const GuardSettings& settings, TimePoint now);
  std::optional<TimePoint> next() const;
  void forget(const ServiceKey& key);

 private:
  struct Loss {
    ServicePtr before;  // with its ready endpoints
    ServicePtr said;    // without
    TimePoint at;
    TimePoint until;  // settles
    std::set<std::string> nodes;
    bool settling = true;
    bool taken = false;
  };
  bool complete(const GuardSettings& settings) const;
  void prune(const GuardSettings& settings, TimePoint now);

  std::map<ServiceKey, Loss> losses_;  // of the window
};

}  // namespace holdfast
