// SPDX-License-Identifier: Apache-2.0
// The guard of one source: admits what it says, or holds a removal that is not trusted yet.
// Pure: values in, values out; time is a parameter. The guard is the memory of what was admitted.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/model/service.h"
#include "agent/model/vantage.h"
#include "agent/sources/update.h"

namespace holdfast {

// How held endpoints are probed (agent/health); read from the same section of the configuration.
struct ProbeSettings {
  bool enabled = true;
  std::size_t per_second = 50;
  std::size_t in_flight = 64;
  std::chrono::milliseconds timeout{1000};
  std::chrono::seconds interval{2};  // of a young hold; it grows with the age of the hold
  std::chrono::seconds longest_interval{60};
};

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
  ProbeSettings probe;
};

// One service as the guard lets it pass. `now` is nullptr when it is gone.
struct Admitted {
  ServiceKey key;
  ServicePtr now;
  bool explained_delete = false;  // with now == nullptr: leaves a tombstone in the catalog
};

enum class HoldState { open, rejected };

// Of a held endpoint, by evidence (design.md 4.2; docs/guard.md has how one follows another).
enum class Verdict : std::uint8_t {
  unknown,
  alive,
  silent,  // it answered before and does not now, while others do: never final
  dead,    // it refuses: final after GuardSettings::refused_for
};
std::string_view to_string(Verdict verdict);  // as they are written here

struct HeldEndpoint {
  IpAddress address;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  Verdict verdict = Verdict::unknown;
  std::string evidence;  // in words; "" when there is none
};

// An endpoint that is held or doubted, for whoever looks for evidence.
struct ProbeTarget {
  IpAddress address;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  TimePoint since;  // in question; of several services the latest
  Identity identity = {};
  bool picked = false;  // new connects are sent to it
  Text node = {};
  Verdict verdict = Verdict::unknown;  // of several services the worst
  bool reached = false;                // a workload of this node has shaken hands with it

  bool operator==(const ProbeTarget&) const = default;
};

// What was learned of an endpoint.
struct Evidence {
  IpAddress address;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  Verdict verdict = Verdict::unknown;
  std::string words;
  bool withdraws = false;  // with unknown: what said that it is silent or dead says so no more
};

struct Judged {
  std::vector<Admitted> admitted;
  std::vector<Evidence> news;  // the evidence that changed a verdict
};

// A hold opened or ended.
struct HoldNews {
  std::string id;
  ServiceKey service;
  bool opened = false;
  std::string reason;  // of an opened one
};

// A hold younger than this is shown as pending: most end by themselves.
inline constexpr std::chrono::seconds kPendingHold{10};

// How much is held, without a word of it.
struct HoldSummary {
  std::size_t services = 0;
  std::size_t endpoints = 0;
  std::optional<TimePoint> oldest;
};

struct HoldName {
  std::string id;
  ServiceKey service;
};

// All that is held of one service. The id is a hash of source, namespace and name: it is stable
// over restarts and the same on every node.
struct Hold {
  std::string id;  // 8 lower-case hex digits
  std::string source;
  ServiceKey service;
  HoldState state = HoldState::open;  // rejected: kept by an operator's word, listed all the same
  bool whole_service = false;         // the service itself is absent, not only endpoints of it
  bool beyond_thresholds = false;     // no number of absences ends it
  std::size_t absences = 0;           // complete lists in which it was absent
  TimePoint since;
  std::string reason;
  std::vector<HeldEndpoint> endpoints;  // sorted by address, port, protocol
};

// What the snapshot keeps of a guard.
struct GuardMemory {
  struct Entry {
    ServicePtr admitted;  // with Endpoint::held and doubted
    bool absent = false;  // the whole service is held
    bool rejected = false;
  };
  std::vector<Entry> services;
  std::map<std::string, Node> nodes = {};  // by name
};

class Guard {
 public:
  // `vantage`: what the source says is judged the same on every node; what evidence and repeated
  // absences end, by what the clients of this node have of it.
  Guard(std::string source, GuardSettings settings, Vantage vantage = {});
  ~Guard();
  Guard(Guard&&) noexcept;
  Guard& operator=(Guard&&) noexcept;

  // Before the first admit(): what was admitted in an earlier life. Its absence from the first
  // complete update is judged like any other absence.
  std::vector<Admitted> restore(const GuardMemory& memory, TimePoint now);
  GuardMemory memory() const;
  // What the source is taken to have said: all but what is held. After restore(): in an earlier
  // life.
  std::vector<ServicePtr> said() const;
  // The nodes, as they were said last. One leaves by an event, or when the file that it was read
  // from is read whole without it; absence from a list says nothing of a node.
  const std::map<std::string, Node>& nodes() const;
  bool has_node_ports() const;  // some admitted service

  // The services whose admitted value changed, and only those.
  std::vector<Admitted> admit(const SourceUpdate& update, TimePoint now);
  // Settling ends, and the like; call at next_deadline().
  std::vector<Admitted> tick(TimePoint now);
  std::optional<TimePoint> next_deadline() const;

  // What was learned of suspects. Alive: it is picked like any other again, and stays held. Silent:
  // it is picked only where nothing else is left. Dead: it is not picked; found so again after
  // `refused_for`, its removal applies, also that of the last one; an absent service goes with its
  // last endpoint; not against an operator's word. Unknown: the verdict before stands, if there is
  // one and it is not withdrawn.
  Judged evidence(const std::vector<Evidence>& found, TimePoint now);
  std::vector<ProbeTarget> suspects() const;  // every held or doubted endpoint once

  std::vector<Hold> holds() const;  // sorted by service
  std::vector<HoldName> hold_names() const;
  HoldSummary summary() const;
  std::size_t held_services() const;
  // The parts of the source of which something is held that nobody has decided about; "": a part
  // that is not known any more.
  std::set<std::string> undecided_origins() const;
  std::uint64_t suspects_revision() const;  // grows when suspects() may have changed
  std::vector<HoldNews> take_news();        // since the last call
  // Applies the removal. not_found: no such hold here.
  Result<std::vector<Admitted>> accept(const std::string& id, TimePoint now);
  // Keeps it until the source lists it again or the hold is accepted; stays listed as rejected.
  Result<> reject(const std::string& id);
  // All there are, as one change.
  std::vector<Admitted> accept_all(TimePoint now);
  void reject_all();

  struct State;  // private to agent/guard

 private:
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
