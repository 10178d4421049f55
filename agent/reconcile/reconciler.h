// SPDX-License-Identifier: Apache-2.0
// Applies generations to the dataplane, verifies by read-back, repairs, reports. The only writer.
// On the daemon's loop: a diff is milliseconds, of which the grace period is most; the read-back
// comes in steps. Maps grow on a thread of their own: what is desired meanwhile waits, since both
// sets have to hold the same.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/catalog/catalog.h"
#include "agent/dataplane/dataplane.h"
#include "agent/plan/inspect.h"
#include "agent/plan/planner.h"
#include "agent/reconcile/backlog.h"
#include "agent/reconcile/readback.h"

namespace holdfast {

struct ReconcileStatus {
  std::uint64_t desired_generation = 0;
  std::uint64_t applied_generation = 0;  // what the maps serve
  std::string last_error;                // "" when the last apply succeeded
  std::uint64_t repairs = 0;             // differences found by read-back and mended
  std::uint64_t applies = 0;
  std::uint64_t growths = 0;      // moves to a larger set of maps
  std::uint64_t forced = 0;       // draining endpoints retired early, for lack of room
  std::uint64_t lost_closes = 0;  // of draining endpoints that no socket is connected to
  std::vector<Unfit> unfit;       // sorted by key
};

class Reconciler {
 public:
  // `everything`: the whole catalog, asked for when the maps must be planned anew. `vantage`: whose
  // clients the maps serve. `step`: how much is applied in one, see Backlog. `growth`: deferred
  // grows on the caller's thread. The destructor waits for a growth in hand.
  Reconciler(Dataplane& dataplane, std::function<std::vector<CatalogChange>()> everything,
             Vantage vantage = {}, std::size_t step = Backlog::kMost,
             std::launch growth = std::launch::deferred);

  // Called when connects go by what was applied last, before what that gives back is collected.
  void on_switch(std::function<void()> call) { switched_ = std::move(call); }

  // Observes the maps and adopts their ids. Must succeed before anything else is called.
  Result<> start();
  // What the maps held at start(), for the catalog's restore; of it the meta alone once released.
  const Image& found() const;
  void release_found();

  // A generation that does not fit makes the maps grow, to what all that waits needs. Where their
  // limit forbids it, or no memory is left, what fits of it is applied, service by service, and the
  // rest is `unfit`: said in status(), and tried again when something leaves, or by retry_unfit().
  // A failed one is planned anew from what the maps hold; retry() tries again.
  Result<> apply(const Generation& generation);
  // The same in steps, for the daemon's loop: begin() does all of a small one; where it left
  // something, unfinished(), each step() does a part. Another generation may begin meanwhile: what
  // it says of a service stands. After an error nothing is unfinished; retry() tries all of it
  // again.
  Result<> begin(const Generation& generation);
  Result<> step();
  bool unfinished() const { return growing() || !backlog_.empty(); }
  bool growing() const { return larger_.valid(); }  // a step() does nothing until it has
  bool pending() const;                             // desired != applied
  Result<> retry();
  bool unfit() const { return !unfit_.empty(); }
  Result<> retry_unfit();  // once more by growing, too, where that failed

  // Drops what `source` left in the maps and does not list any more (rule 9): begins to.
  Result<> prune(const std::string& source);
  // Retires endpoints whose connections have ended: a few thousand are looked at; while
  // collecting() there are more. Not while anything is pending().
  Result<> collect();
  bool collecting() const;
  bool draining() const;
  // Counts the sockets of those that drained already at the last call: a close that no program
  // counted would keep an id for ever. To be called once a minute or so; see Dataplane::live.
  Result<> recount();

  // What this node's workloads did with an endpoint, counted since it was one; nullopt: it is not
  // in the maps.
  std::optional<hf_endpoint_stats> traffic(const IpAddress& address, std::uint16_t port,
                                           Protocol protocol, const Identity& identity);

  Result<std::vector<Difference>> differences();  // desired against maps, by system call
  // And mends; how many it mended. In steps that read a few thousand elements each and compare them
  // with what is desired by then, so that anything may change in between. After an error, and where
  // the maps moved to another set, it begins anew.
  Result<std::size_t> verify_step();
  bool verifying() const { return readback_.has_value(); }
  Result<std::size_t> verify();  // all steps

  ReconcileStatus status() const;
  Usage usage() const;

 private:
  Result<> apply_piece();
  Result<> carry_out(const Generation& generation);
  Capacity waiting() const;
  bool begin_growth(const Capacity& needed);
  bool grow_for_backlog();
  bool growth_done() const;
  Result<> take_growth();
  Result<> fit(Generation generation);
  Result<> try_unfit();
  void done(const Generation& generation);
  Result<> perform(Diff diff);
  Result<Image> readopt();
  static constexpr std::size_t kAll = ~std::size_t{0};
  // Looks at `most` of those that drain. Whether an id became free.
  Result<bool> collect(std::size_t least, const std::set<std::uint32_t>& closed, std::size_t most);

  // A set that was moved to, and the planner that knows it.
  struct Larger {
    std::unique_ptr<Growth> growth;
    Result<Planner> planner;
  };

  Dataplane& dataplane_;
  std::function<std::vector<CatalogChange>()> everything_;
  Vantage vantage_;
  std::launch launch_;
  std::function<void()> switched_;
  std::optional<Planner> planner_;
  Backlog backlog_;
  Image found_;
  ReconcileStatus status_;
  std::map<ServiceKey, std::string> gone_;  // removals not applied yet, with their source
  struct Waiting {
    CatalogChange change;
    std::string lacking;
  };
  std::map<ServiceKey, Waiting> unfit_;
  Usage tried_;                 // how full the maps were when the unfit was last tried
  std::uint32_t tried_in_ = 0;  // the set
  std::string growth_failed_;   // why; not tried by each change then: a whole set is built for it
  bool replan_ = false;         // a diff failed half-way: the planner no longer knows the maps
  std::optional<Readback> readback_;
  std::future<Larger> larger_;  // last: its thread uses the dataplane alone, and ends first
};

}  // namespace holdfast
