// SPDX-License-Identifier: Apache-2.0
// From desired services to an ordered diff of the maps. Pure; the cost follows the change.
//
// The planner is the allocator of ids, slots and strings, and can be rebuilt from an image, so ids
// stay 1:1 over a restart. Its order of operations: names, endpoints, slots, pool words, frontends
// inserted, moved, words of pools that become empty (a grace period after moves), frontends
// deleted; a grace period; words of pools that are gone; a grace period; their names. Then ids and
// slots are free. Only TCP pools with a frontend are programmed, since the datapath serves no
// others. After a diff fails half-way the planner is thrown away and adopted anew from what the
// maps hold, read after a grace period: a range of slots that no word names is taken for free.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/catalog/catalog.h"
#include "agent/dataplane/dataplane.h"
#include "agent/model/vantage.h"

namespace holdfast {

struct Usage {  // same units as Capacity, element 0 not counted
  std::uint32_t frontends = 0;
  std::uint32_t services = 0;
  std::uint32_t pools = 0;
  std::uint32_t slots = 0;
  std::uint32_t endpoints = 0;  // draining ones included
  std::uint32_t strings = 0;
  std::uint32_t draining = 0;  // endpoints out of every pool that wait for in-flight 0
};

struct Unfit {  // a service that is not in the maps as it should be, for lack of room
  ServiceKey key;
  std::string lacking;  // which maps are full, needed and capacity
};

struct Fitted {
  Diff diff;
  std::vector<Unfit> unfit;
  // So many draining endpoints, retired early, would make room for some of it.
  std::uint32_t retire = 0;
  bool released = false;  // the diff gives something back
  bool bridged = false;   // an endpoint that should have left serves until another is there
};

struct Early {
  std::size_t forced = 0;         // endpoints retired with connections open
  std::uint64_t lost_closes = 0;  // that nobody counted, of endpoints without any
};

class Planner {
 public:
  // An empty image is a fresh start. `vantage`: whose clients are served: it decides who of a pool
  // is picked. Errors: incompatible (an image that contradicts itself).
  static Result<Planner> adopt(const Image& image, Capacity capacity, Vantage vantage = {});
  Planner(Planner&&) noexcept;
  Planner& operator=(Planner&&) noexcept;
  ~Planner();

  // All or nothing: when it does not fit (exhausted, says which map, needed and capacity), the
  // planner is as before. The last operation is PutMeta, with the number before it for a piece of a
  // generation; a service that did not change adds none.
  Result<Diff> plan(const Generation& generation);
  // Of the last plan that did not fit: the capacity that it needs at least.
  const Capacity& needed() const;
  // What fits of a generation that does not, service by service, the smaller first. Removals always
  // do. Of a service that is in the maps and does not fit in its new form the pools stay, what left
  // them leaves, and endpoints that are new come as far as there is room; its new ports and
  // addresses wait. One that is new waits whole. `bridge`: where none would be left to pick
  // although the new form has some, one that should have left is picked until the next plan. What
  // leaves is room for the next plan, not for this one.
  Fitted fit(const Generation& generation, bool bridge);
  // Of these changes those between which a frontend moves, as the maps have it: the service that
  // gets it and the one that has it. They belong into one plan.
  std::set<ServiceKey> moving(const std::map<ServiceKey, CatalogChange>& changes) const;
  // The maps hold what is of no known service. The next plan removes it, but for the addresses that
  // it gives to a service itself: so it has to be of all there is.
  bool strays() const;

  bool knows(const ServiceKey& key) const;  // it is in the maps
  // Services in the maps under `source` that are not in `keep` (rule 9: only after that source
  // has said all it knows in this life).
  std::vector<ServiceKey> strangers(const std::string& source,
                                    const std::function<bool(const ServiceKey&)>& keep) const;

  // Retires draining endpoints with nothing in flight; their ids are free after the diff. nullopt:
  // not known, and so not idle. `least`: so many are retired, also while connections are open; the
  // fewest first. Those connections go on, and are of no endpoint any more. `closed`: no socket is
  // connected to these, whatever their stats say. `most`: so many are looked at, in turns;
  // collecting() while the turn is not over.
  using StatsOf = std::function<std::optional<hf_endpoint_stats>(std::uint32_t)>;
  Diff collect(const StatsOf& stats, std::size_t least = 0,
               const std::set<std::uint32_t>& closed = {}, std::size_t most = ~std::size_t{0});
  bool collecting() const;
  // After that diff: which of it had connections in flight by their stats. These are read again,
  // since connections may have ended until the endpoints were retired.
  Early recount_early(const StatsOf& stats);
  // Endpoints that drained already when this was last called, up to `most`, in turns: a close of
  // theirs may have been lost.
  std::vector<EndpointHandle> lingering(std::size_t most);
  bool draining() const;

  std::optional<std::uint32_t> id_of(const IpAddress& address, std::uint16_t port,
                                     Protocol protocol, const Identity& identity) const;

  // What the maps should hold now (without stats): what read-back compares with.
  const Image& expected() const;
  Usage usage() const;

  struct State;  // the books, private to agent/plan

 private:
  explicit Planner(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
