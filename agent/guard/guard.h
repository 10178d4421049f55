// SPDX-License-Identifier: Apache-2.0
// The guard of one source: admits what it says, or holds a removal that is not trusted yet.
// Pure: values in, values out; time is a parameter. The guard is the memory of what was admitted.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/service.h"
#include "agent/sources/update.h"

namespace holdfast {

struct GuardSettings {
  bool enabled = true;  // off: every removal is applied (the sabotage arm of the fault tests)
  // An accident of the control plane (kubernetes#77864): within `accident_window`, this many
  // services on this many nodes lose their last ready endpoint with nothing terminating.
  std::chrono::seconds accident_window{60};
  std::size_t accident_services = 3;
  std::size_t accident_nodes = 2;
  std::chrono::milliseconds last_ready_settle{1000};
};

// One service as the guard lets it pass. `now` is nullptr when it is gone.
struct Admitted {
  ServiceKey key;
  ServicePtr now;
  bool explained_delete = false;  // with now == nullptr: leaves a tombstone in the catalog
};

enum class HoldState { open, rejected };

struct HeldEndpoint {
  IpAddress address;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  std::string verdict = "unknown";  // "alive", "dead", "unknown"
  std::string evidence;             // in words; "" when there is none
};

// All that is held of one service. The id is a hash of source, namespace and name: it is stable
// over restarts and the same on every node.
struct Hold {
  std::string id;  // 8 lower-case hex digits
  std::string source;
  ServiceKey service;
  HoldState state = HoldState::open;  // rejected: kept by an operator's word, listed all the same
  bool whole_service = false;         // the service itself is absent, not only endpoints of it
  TimePoint since;
  std::string reason;
  std::vector<HeldEndpoint> endpoints;
};

// What the snapshot keeps of a guard.
struct GuardMemory {
  struct Entry {
    ServicePtr admitted;  // held endpoints inside carry Endpoint::held
    bool absent = false;  // the whole service is held
    bool rejected = false;
  };
  std::vector<Entry> services;
};

class Guard {
 public:
  Guard(std::string source, GuardSettings settings);
  ~Guard();
  Guard(Guard&&) noexcept;
  Guard& operator=(Guard&&) noexcept;

  // Before the first admit(): what was admitted in an earlier life. Its absence from the first
  // complete update is judged like any other absence.
  std::vector<Admitted> restore(const GuardMemory& memory, TimePoint now);
  GuardMemory memory() const;

  // The services whose admitted value changed, and only those.
  std::vector<Admitted> admit(const SourceUpdate& update, TimePoint now);
  // Settling ends, and the like; call at next_deadline().
  std::vector<Admitted> tick(TimePoint now);
  std::optional<TimePoint> next_deadline() const;

  std::vector<Hold> holds() const;  // sorted by service
  // Applies the removal. not_found: no such hold here.
  Result<std::vector<Admitted>> accept(const std::string& id, TimePoint now);
  // Keeps it until the source lists it again or the hold is accepted; stays listed as rejected.
  Result<> reject(const std::string& id);

  struct State;  // private to agent/guard

 private:
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
