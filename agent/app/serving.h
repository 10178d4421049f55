// SPDX-License-Identifier: Apache-2.0
// What becomes of a generation: the maps are opened with room for it, it is applied and verified,
// and the programs go live over it. What fails is tried again, and said. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/app/links_watch.h"
#include "agent/app/timers.h"
#include "agent/app/update_times.h"
#include "agent/base/result.h"
#include "agent/catalog/catalog.h"
#include "agent/dataplane/dataplane.h"
#include "agent/dataplane/hooks.h"
#include "agent/reconcile/reconciler.h"

namespace holdfast {

// One thing of two faces, or two.
struct OpenedDataplane {
  std::shared_ptr<Dataplane> maps;
  std::shared_ptr<Hooks> hooks;
};

// How much there is to serve, or may be; 0: not said.
struct Room {
  std::size_t services = 0;
  std::size_t endpoints = 0;
};

class Serving {
 public:
  struct Surroundings {
    // Of the maps that are there: those; else new ones. `limit`: of growth.
    std::function<Result<OpenedDataplane>(const Capacity& wanted, const Capacity& limit)> open;
    std::function<std::vector<CatalogChange>()> everything;  // that is desired
    std::function<bool()> may_attach;                        // as far as the sources are concerned
    std::function<void()> attached;                          // once
    std::function<void()> keep;                              // worth a snapshot
    std::function<void(const Error&)> failed;                // for good
    Vantage vantage = {};                                    // whose clients are served
    // Of what takes long; async: on a thread of its own.
    std::launch beside = std::launch::deferred;
  };

  // `configured`: numbers in the configuration, where the maps begin and as far as they go; what is
  // 0 grows with need.
  Serving(Timers& timers, Room configured, Surroundings surroundings);

  // Opens or makes the maps, with twice the room that is `needed`, and takes over their ids. An
  // error leaves the kernel as it was.
  Result<> open(const Room& needed);
  // The same in parts, for the loop: make() begins to make the maps and to load the programs,
  // beside it; take_made() has them, and waits where is_made() is not true yet; adopt() takes over
  // the ids, after which it is open.
  void make(const Room& needed);
  bool making() const { return making_.valid(); }
  bool is_made() const;  // while making()
  Result<> take_made();
  Result<> adopt();
  bool is_open() const { return reconciler_.has_value(); }
  const Image& found() const { return reconciler_->found(); }  // by open(), until release_found()
  void release_found() { reconciler_->release_found(); }

  // All of these do nothing until it is open.
  void follow(const Generation& generation);
  void prune(const std::string& source);
  void attach();  // if it may be, and the maps hold a whole generation
  bool attached() const { return attached_; }
  // nullopt: it is in no map, or its counters cannot be read.
  std::optional<hf_endpoint_stats> traffic(const ProbeTarget& target);
  void bypass(int socket_fd);  // our own sockets never go through our own frontends

  void taking() { times_.begin(); }  // what is switched from now on is of the next update taken
  void taken(const SourceUpdate& update);

  std::vector<std::string> pending() const;  // why it is not ready; {}: it is
  ReconcileStatus status() const;
  Usage usage() const;
  std::vector<MapStatus> map_status() const;  // of each whose room may run out
  Result<std::vector<Difference>> differences() { return reconciler_->differences(); }
  Dataplane* maps() const { return opened_.maps.get(); }  // nullptr: not open
  Hooks* hooks() const { return opened_.hooks.get(); }    // likewise
  const LinksWatch& links() const { return links_; }
  const UpdateTimes& times() const { return times_; }

 private:
  void go_on(const Result<>& applied);
  void report_applied(const Result<>& applied);
  void went_on();
  void tidy();
  void report_growth();
  void retry_later();
  void retry();
  void report_unfit();
  void name_unfit(const ReconcileStatus& status);
  void unfit_later();
  void collect_later();
  void recount();
  void verify_later();
  void verify();
  void verify_step();

  Timers& timers_;
  Room configured_;
  Surroundings surroundings_;
  std::future<Result<OpenedDataplane>> making_;
  OpenedDataplane opened_;
  std::optional<Reconciler> reconciler_;
  LinksWatch links_;
  UpdateTimes times_;
  std::unique_ptr<Timer> step_timer_, retry_timer_, collect_timer_, verify_timer_, unfit_timer_;
  bool attached_ = false;
  bool retrying_ = false;          // the timer runs
  bool collecting_ = false;        // likewise
  bool waiting_for_room_ = false;  // likewise
  std::chrono::milliseconds retry_delay_{500}, unfit_delay_{1000};
  std::optional<TimePoint> began_;    // the generations in hand
  std::optional<TimePoint> growing_;  // since when
  std::size_t changing_ = 0;          // services of the generations in hand
  std::set<ServiceKey> known_unfit_;  // already logged, as what follows
  std::uint64_t known_forced_ = 0, known_growths_ = 0;
  std::size_t mended_ = 0;  // by the read-back in hand
  std::string recount_failure_;
};

}  // namespace holdfast
