// SPDX-License-Identifier: Apache-2.0
// The composition root: builds the stages, owns the loop's timers, carries values from one stage
// to the next. One thread, beside which files are parsed and snapshots written. Its end, whatever
// the cause, leaves maps and links serving.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/admin/http.h"
#include "agent/app/conflicts.h"
#include "agent/app/gone_sources.h"
#include "agent/app/links_watch.h"
#include "agent/app/restore.h"
#include "agent/app/snapshots.h"
#include "agent/app/source_watch.h"
#include "agent/base/result.h"
#include "agent/catalog/catalog.h"
#include "agent/config/config.h"
#include "agent/dataplane/kernel/kernel.h"
#include "agent/guard/guard.h"
#include "agent/health/outside.h"
#include "agent/health/prober.h"
#include "agent/health/suspects.h"
#include "agent/reconcile/reconciler.h"
#include "agent/snapshot/snapshot.h"
#include "agent/sources/source.h"
#include "agent/telemetry/metrics.h"

namespace holdfast {

// A source, its guard, and what it last said about itself.
struct SourceState {
  std::string name;
  std::string kind;
  bool fallback = false;
  std::unique_ptr<Source> source;
  Guard guard;
  bool complete = false;  // has said all it knows in this life
  bool spoke = false;     // has said something to be trusted: all it knows, or whole parts of it
  std::vector<Doubt> doubts;
  std::vector<Problem> problems;
  bool doubted = false;  // the source was told that something of it is held
  SourceWatch watch = {};
};

class Daemon {
 public:
  Daemon(boost::asio::io_context& loop, Config config);
  ~Daemon();

  // Locks, maps, the last known good, sources, admin socket. An error leaves the kernel as it was.
  Result<> start();
  // The error that ended the loop, if it was not a signal.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  friend class StatusReport;
  friend class MetricsReport;

  Result<> start_admin();
  Result<> open_dataplane();
  void restore_last_known_good(Restored restored);
  void start_sources();
  void watch_sources();
  void bypass_hook(int fd);
  void on_update(SourceState& source, const SourceUpdate& update);
  void take_faults(SourceState& source, const SourceUpdate& update);
  void time_update(const SourceUpdate& update);
  void carry(SourceState& source, const std::vector<Admitted>& admitted);
  void admit(const SourceState& source, const std::vector<Admitted>& admitted);
  void program(const Generation& generation);
  void attach_when_complete();
  void after_sources_spoke();
  void report_conflicts();
  void report_holds();
  void probe_held();
  void set_suspects();
  void set_probe_targets();
  void look_at_traffic();
  void learn(Evidence evidence);
  void judge_evidence();
  std::optional<hf_endpoint_stats> traffic_of(const ProbeTarget& target);
  void watch_network();
  void set_controls();
  void report_reach();
  void report_growth();
  Capacity wanted_capacity() const;
  Capacity largest_capacity() const;
  std::vector<SourceRank> ranks() const;

  void take_up_gone(Restored& restored);
  void serve_gone();
  void program_gone(const GoneSources::Changes& changes);
  void watch_gone();
  void hear_of_addresses(const std::vector<Admitted>& listed,
                         const std::vector<AddressClaim>& claims);
  std::vector<AddressClaim> claims_of_catalog(const std::vector<Admitted>& listed);
  void let_go_of_claimed(const GoneSources::Changes& changes);
  std::optional<std::size_t> uninstall_source(const std::string& name);  // nullopt: not gone

  void tick_guards();
  void retry_later();
  void retry_apply();
  void report_unfit();
  void unfit_later();
  void collect_later();
  void collect_endpoints();
  void recount_endpoints();
  void verify_later();
  void verify_maps();
  void verify_step();
  void schedule_snapshot();
  std::optional<Snapshot> take_snapshot() const;
  void feed_watchdog();
  void on_signal(int signal);
  void stop(std::optional<Error> failure);

  admin::Response handle(const admin::Request& request);
  admin::Response decide_refusal(SourceState& source, bool accept);
  std::size_t decide_all(bool accept);
  admin::Response decide_hold(const std::string& id, bool accept);
  admin::Response leave_source(const std::string& name);
  admin::Response diff();
  bool ready() const;
  std::vector<std::string> pending() const;
  std::size_t open_holds() const;

  boost::asio::io_context& loop_;
  Config config_;
  Snapshots snapshots_;
  std::optional<Snapshot> last_snapshot_;  // what this life started from
  std::vector<SourceState> sources_;
  GoneSources gone_;
  std::optional<Catalog> catalog_;
  ConflictWatch conflicts_;
  std::unique_ptr<KernelDataplane> dataplane_;
  std::optional<Reconciler> reconciler_;
  Prober prober_;
  Suspects suspects_;
  std::uint64_t suspects_revision_ = 0, probed_revision_ = 0;  // as told to the one and the other
  std::chrono::steady_clock::time_point targets_due_;          // not to be asked for before
  std::vector<Evidence> evidence_;                             // not judged yet
  std::vector<ProbeTarget> outside_;                           // in no question
  std::chrono::steady_clock::time_point controls_set_;         // they were taken
  WorkloadFailures workload_failures_;
  std::array<Reach, 2> reach_;  // as it was logged: over IPv4, over IPv6
  admin::Server admin_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer tick_timer_, retry_timer_, collect_timer_, verify_timer_,
      watchdog_timer_, first_words_timer_, waiters_timer_, targets_timer_, evidence_timer_,
      traffic_timer_, sources_timer_, unfit_timer_, gone_timer_, network_timer_;
  LinksWatch links_watch_;
  bool attached_ = false;
  bool collecting_ = false;  // the timer runs
  bool stopping_ = false;
  std::chrono::milliseconds retry_delay_{500}, unfit_delay_{1000};
  bool waiting_for_room_ = false;     // the timer runs
  std::set<ServiceKey> known_unfit_;  // already logged
  std::uint64_t known_forced_ = 0;    // already logged
  std::size_t mended_ = 0;            // by the read-back in hand
  std::string recount_failure_;       // already logged
  telemetry::Distribution apply_duration_, switch_duration_, sync_duration_, programming_duration_;
  std::optional<std::chrono::steady_clock::time_point> switched_at_;  // by the update in hand
  std::uint64_t known_growths_ = 0;                                   // already logged
  std::optional<Error> failure_;
};

}  // namespace holdfast
