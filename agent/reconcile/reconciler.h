// SPDX-License-Identifier: Apache-2.0
// Applies generations to the dataplane, verifies by read-back, repairs, reports. The only writer.
// Synchronous, on the daemon's loop: a diff is milliseconds, of which the grace period is most.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/catalog/catalog.h"
#include "agent/dataplane/dataplane.h"
#include "agent/plan/inspect.h"
#include "agent/plan/planner.h"

namespace holdfast {

struct ReconcileStatus {
  std::uint64_t desired_generation = 0;
  std::uint64_t applied_generation = 0;  // what the maps serve
  std::string last_error;                // "" when the last apply succeeded
  std::uint64_t repairs = 0;             // differences found by read-back and mended
  std::uint64_t applies = 0;
  std::uint64_t growths = 0;  // moves to a larger set of maps
};

class Reconciler {
 public:
  // `everything`: the whole catalog, asked for when the maps must be planned anew.
  Reconciler(Dataplane& dataplane, std::function<std::vector<CatalogChange>()> everything);

  // Called when connects go by what was applied last, before what that gives back is collected.
  void on_switch(std::function<void()> call) { switched_ = std::move(call); }

  // Observes the maps and adopts their ids. Must succeed before anything else is called.
  Result<> start();
  // What the maps held at start(), for the catalog's restore.
  const Image& found() const;

  // A generation that does not fit makes the maps grow; where their limit forbids it, it is refused
  // whole and stays desired, and the old one serves.
  // A failed one is planned anew from what the maps hold; retry() tries again.
  Result<> apply(const Generation& generation);
  bool pending() const;  // desired != applied
  Result<> retry();

  // Drops what `source` left in the maps and does not list any more (rule 9).
  Result<> prune(const std::string& source);
  // Retires endpoints whose connections have ended.
  Result<> collect();
  bool draining() const;

  // What this node's workloads did with an endpoint, counted since it was one; nullopt: it is not
  // in the maps.
  std::optional<hf_endpoint_stats> traffic(const IpAddress& address, std::uint16_t port,
                                           Protocol protocol, const Identity& identity);

  Result<std::vector<Difference>> differences();  // desired against maps, by system call
  Result<std::size_t> verify();                   // and mends; how many it mended

  ReconcileStatus status() const;
  Usage usage() const;

 private:
  Result<Diff> plan(const Generation& generation);
  Result<> grow();
  Result<> perform(Diff diff);
  Result<> readopt();

  Dataplane& dataplane_;
  std::function<std::vector<CatalogChange>()> everything_;
  std::function<void()> switched_;
  std::optional<Planner> planner_;
  Image found_;
  ReconcileStatus status_;
  std::map<ServiceKey, std::string> gone_;  // removals not applied yet, with their source
  bool replan_ = false;  // a diff failed half-way: the planner no longer knows the maps
};

}  // namespace holdfast
