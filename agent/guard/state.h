// SPDX-License-Identifier: Apache-2.0
// The guard's books. Private to agent/guard.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "agent/guard/accident.h"
#include "agent/guard/claims.h"
#include "agent/guard/guard.h"

namespace holdfast {

// Of all that is held of one service of one source.
std::string hold_id(const std::string& source, const ServiceKey& key);

// Of an endpoint; others may have the same.
std::uint64_t endpoint_hash(const IpAddress& address, std::uint16_t port, Protocol protocol);

// How often something was absent from a complete list.
struct Absences {
  std::size_t count = 0;
  TimePoint counted;  // the last; with count > 0
  bool mass = false;  // gone with so much else that no number of absences counts

  void add(const GuardSettings& settings, TimePoint now);
};

struct HeldFacts {
  IpAddress address;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  Verdict verdict = Verdict::unknown;
  Claims::Moment gone_at = 0;  // claims until then coexisted with it
  TimePoint since;
  TimePoint refused_at;  // dead: since then
  bool over = false;     // dead, and for long enough
  Absences absences;
  Text words;  // the evidence
};

struct HoldBook {
  HoldCause cause;
  TimePoint since;
  bool rejected = false;
  Absences absences;                 // of the whole service
  std::vector<HeldFacts> endpoints;  // sorted by address, port, protocol; unique

  HeldFacts* find(const Endpoint& endpoint, Protocol protocol);  // nullptr: not held
};

// Unexplained removals in a sliding window, against the thresholds of design.md 4.3.
class RemovalWindow {
 public:
  void add(const ServiceKey& key, std::size_t endpoints, bool service, TimePoint now);
  // The services of the window, if it reached a threshold, that were not named before.
  std::vector<ServiceKey> exceeded(const GuardSettings& settings, std::size_t all_endpoints,
                                   std::size_t all_services, TimePoint now);

 private:
  struct Removal {
    TimePoint at;
    ServiceKey key;
    std::size_t endpoints;
    bool service;
  };
  std::deque<Removal> removals_;
  std::size_t named_ = 0;  // so many at the front
  std::size_t endpoints_ = 0, services_ = 0;
};

struct Guard::State {
  struct Entry {
    ServicePtr admitted;
    ServicePtr said;                 // by the source, last
    ServicePtr claimed;              // the value whose claims count
    std::unique_ptr<HoldBook> hold;  // none: nothing is held
    bool absent = false;             // the whole service is held
    bool restored = false;           // of an earlier life, not judged in this one yet
    // Since when endpoints of it are known from an older answer only; the latest of them counts.
    std::optional<TimePoint> newcomers;
  };

  std::string source;
  GuardSettings settings;
  Vantage vantage;
  bool complete = false;
  std::map<std::string, Node> nodes;  // by name, as they were said last
  std::set<std::string> unsaid;       // of these: absent, and nothing explains it
  std::map<ServiceKey, Entry> entries;
  std::set<ServiceKey> held, restored, newcomers;  // the entries with a hold, or so marked
  HoldCounts held_by_reason = {};                  // of `held`
  std::size_t endpoints = 0;                       // admitted, in all pools
  std::size_t with_node_ports = 0;                 // admitted services
  AccidentWatch accident;
  Claims claims;
  RemovalWindow removals;
  // Of every held or doubted endpoint: whose it is. The key points into `entries`.
  std::unordered_multimap<std::uint64_t, const ServiceKey*> suspected;
  std::vector<HoldNews> news;
  std::uint64_t suspects_revision = 0;

  void hear_nodes(const SourceUpdate& update);
  void claim(Entry& entry, const ServicePtr& said);
  void count_hold(const Entry& entry, int by);  // +1 or -1, if it has one
  void set_restored(const ServiceKey& key, Entry& entry, bool restored);
};

// What a judgement stands on, beside what the source says of the service.
using Alive = std::set<std::tuple<IpAddress, std::uint16_t, Protocol>>;

struct Grounds {
  const SourceUpdate* update = nullptr;   // nullptr: not the source's word (evidence, an operator)
  const ServiceChange* change = nullptr;  // nullptr: the service is not in the update
  Basis basis = Basis::event;
  bool explained = false;        // all that was said before and is not said now
  bool accepted = false;         // by an operator: whatever is held
  bool mass = false;             // what becomes held by this is beyond the thresholds
  HoldCause cause = {};          // of what becomes held; unknown: found from the update
  const Alive* alive = nullptr;  // what evidence has just found alive
};

// What only an older answer lists (design.md 4.10).
bool from_older_answer(const Grounds& grounds);
// `said`, with the endpoints marked that are to be used last, given what was admitted `before`.
ServicePtr mark_newcomers(const ServicePtr& said, const Service* before, const Grounds& grounds);
bool has_newcomers(const Service& service);

template <class Work>
void for_each_suspect(const Service* service, Work work) {
  if (!service) return;
  for (const Pool& pool : service->pools) {
    for (const Endpoint& endpoint : pool.endpoints) {
      if (endpoint.held || endpoint.doubted) work(endpoint, pool.protocol);
    }
  }
}

// What a service is admitted as, given what the source says of it (nullptr: absent), and the hold
// of what is kept. `before`: what was admitted, if it is not the entry's own value. nullopt: what
// is admitted stays as it is.
std::optional<Admitted> judge_service(Guard::State& state, ServiceKey key, const ServicePtr& said,
                                      const Grounds& grounds, TimePoint now,
                                      const ServicePtr& before = nullptr);

}  // namespace holdfast
