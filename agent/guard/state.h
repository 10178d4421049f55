// SPDX-License-Identifier: Apache-2.0
// The guard's books. Private to agent/guard.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/guard/guard.h"

namespace holdfast {

// Has an endpoint that new connects would pick.
bool has_ready(const Service& service);

// The signature of a control plane's accident in `ready: false` (design.md 4.1, kubernetes#77864):
// several services on several nodes lose their last ready endpoint, with nothing terminating. Each
// such loss settles for a second; when the signature is complete, all of the window is taken back.
class AccidentWatch {
 public:
  // The value to judge now: the change's own, or what is admitted while its loss settles.
  ServicePtr settle(Guard::State& state, const ServiceChange& change, TimePoint now);
  // Services whose settling has ended without an accident.
  std::vector<std::pair<ServiceKey, ServicePtr>> due(Guard::State& state, TimePoint now);
  std::vector<Admitted> take_back(Guard::State& state, TimePoint now);
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
  };
  bool complete(const GuardSettings& settings) const;

  std::map<ServiceKey, Loss> losses_;
};

struct Guard::State {
  struct Entry {
    ServicePtr admitted;
    ServicePtr said;  // by the source, last
    bool absent = false;
    bool rejected = false;
    bool accident = false;  // held by AccidentWatch, until ready again or accepted
    bool restored = false;  // of an earlier life, not judged in this one yet
    std::string reason;     // of the hold; "": none
    TimePoint since;
  };

  std::string source;
  GuardSettings settings;
  bool complete = false;
  std::map<ServiceKey, Entry> entries;
  AccidentWatch accident;

  void claim(const Service& service);
  // The address was given to another identity after this endpoint had it (design.md 4.4).
  bool claimed_by_another(const Endpoint& endpoint) const;
  // Services to judge again although the source said nothing new of them.
  std::vector<ServiceKey> waiting() const;

 private:
  std::map<std::pair<IpAddress, std::uint16_t>, Identity> claims_;  // the latest
};

}  // namespace holdfast
