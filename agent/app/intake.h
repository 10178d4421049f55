// SPDX-License-Identifier: Apache-2.0
// What the sources say, on its way into the catalog: a guard each, the sources that are gone, the
// conflicts. Here it is decided what is desired; who follows is told each generation. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/app/conflicts.h"
#include "agent/app/gone_sources.h"
#include "agent/app/restore.h"
#include "agent/app/source_watch.h"
#include "agent/app/timers.h"
#include "agent/base/result.h"
#include "agent/catalog/catalog.h"
#include "agent/guard/guard.h"
#include "agent/snapshot/snapshot.h"
#include "agent/sources/source.h"

namespace holdfast {

// A source, its guard, and what it last said about itself.
struct GuardedSource {
  std::string name;
  std::string kind;
  bool fallback = false;
  std::unique_ptr<Source> source;
  Guard guard;
  bool complete = false;  // has said all it knows in this life
  bool spoke = false;     // has said something to be trusted: all it knows, or whole parts of it
  std::vector<Doubt> doubts = {};
  std::vector<Problem> problems = {};
  Feedback feedback = {};  // to the source
  bool untold = false;     // it was not told yet
  SourceWatch watch = {};
};

class Intake {
 public:
  // Whoever goes by it. All are called on the loop.
  struct Followers {
    // The catalog has changed: in this order.
    std::vector<std::function<void(const Generation&)>> generations;
    // An update begins to be taken in, and has been. `first`: the first that is complete.
    std::function<void()> taking;
    std::function<void(const SourceUpdate&, bool first)> taken;
    // This source has said all it knows, for the first time in this life.
    std::function<void(const std::string& source)> complete;
    // There is something worth a snapshot.
    std::function<void()> keep;
    // Suspects may have changed.
    std::function<void()> questions;
  };

  // `vantage`: of whose clients it is decided what they have of it.
  Intake(Timers& timers, Followers followers, Vantage vantage);

  // Before begin() or restore(), in the order of the configuration.
  void add(std::string name, std::string kind, bool fallback, std::unique_ptr<Source> source,
           const GuardSettings& settings);
  // With nothing known; generations are numbered from here.
  void begin(std::uint64_t number);
  // With what an earlier life knew. `found`: what the maps hold.
  void restore(Restored restored, const Image& found, const std::optional<Snapshot>& snapshot,
               std::uint64_t number);
  // After either. `snapshot`: what the sources remember.
  void start(const std::optional<Snapshot>& snapshot);
  void stop();

  bool begun() const { return catalog_.has_value(); }
  const Catalog& catalog() const { return *catalog_; }
  const std::vector<GuardedSource>& sources() const { return sources_; }
  const GoneSources& gone() const { return gone_; }
  bool any_spoke() const;
  bool all_spoke() const;
  bool all_complete() const;
  std::size_t open_holds() const;
  std::uint64_t questions_revision() const;   // grows when suspects() may have changed
  std::vector<ProbeTarget> suspects() const;  // of all guards
  // Whatever comes next finds the update in hand taken in. Before put().
  void finish_update();
  void put(Snapshot& snapshot) const;  // all but its generation, time and node

  // What was learned of suspects.
  void judge(const std::vector<Evidence>& found);
  // An operator's word on a hold (its id), on a source that is refused as a whole (its name), on
  // all holds ("all"); how many it was about. not_found: there is none.
  Result<std::size_t> decide(const std::string& id, bool accept);
  // Services of a gone source leave at once; how many. not_found: nothing is served of it;
  // exists: it is in the configuration.
  Result<std::size_t> uninstall(const std::string& name);

 private:
  // An update that its guard has begun with.
  struct InHand {
    GuardedSource& source;
    SourceUpdate update;
    bool large = false;  // the guard took more than a turn of the loop
  };
  void on_update(GuardedSource& source, SourceUpdate update);
  void go_on();
  void take_in();
  void pass(GuardedSource& source, const SourceUpdate& update,
            const std::vector<Admitted>& admitted);
  void take_faults(GuardedSource& source, const SourceUpdate& update);
  void carry(GuardedSource& source, const std::vector<Admitted>& admitted);
  void admit(const GuardedSource& source, const std::vector<Admitted>& admitted);
  void publish(const Generation& generation);
  void place(const std::string& source, const std::map<std::string, Node>& nodes);
  void report_holds();
  void tell_source(GuardedSource& source);
  void take_refusals();
  void watch_sources();
  void tick_guards();
  std::vector<SourceRank> ranks() const;

  void serve_gone();
  void publish_gone(const GoneSources::Changes& changes);
  void watch_gone();
  void hear_of_addresses(const std::vector<Admitted>& listed,
                         const std::vector<AddressClaim>& claims);
  std::vector<AddressClaim> claims_of_catalog(const std::vector<Admitted>& listed);
  void let_go_of_claimed(const GoneSources::Changes& changes);

  Result<std::size_t> decide_refusal(GuardedSource& source, bool accept);
  std::size_t decide_all(bool accept);

  Timers& timers_;
  Followers followers_;
  Vantage vantage_;
  std::vector<GuardedSource> sources_;
  GoneSources gone_;
  std::optional<Catalog> catalog_;
  ConflictWatch conflicts_;
  std::uint64_t refusals_ = 0;  // as of this revision of the catalog's conflicts
  std::unique_ptr<InHand> in_hand_;
  std::unique_ptr<Timer> later_timer_, tick_timer_, sources_timer_, gone_timer_;
  bool stopped_ = false;
};

}  // namespace holdfast
