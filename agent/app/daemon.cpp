// SPDX-License-Identifier: Apache-2.0
#include "agent/app/daemon.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <ctime>

#include "agent/app/log.h"
#include "agent/app/notify.h"
#include "agent/app/problems.h"
#include "agent/app/sources.h"
#include "agent/app/timer.h"
#include "agent/base/memory.h"

namespace holdfast {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kWatchSources = 1s;
constexpr auto kFirstWords = 2s;  // how long a first start waits before it sizes the maps
// Finer where the figures to reach are: 10 ms and 100 ms.
const std::vector<double> kSwitches = {0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008,
                                       0.01,   0.015, 0.02,  0.03,  0.05,  0.075, 0.1,   0.15,
                                       0.25,   0.5,   1,     2.5,   5,     10,    30,    60};
const std::vector<double> kDurations = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                        0.025,  0.05,    0.1,    0.25,  0.5,    1,     2.5,
                                        5,      10,      30,     60,    120,    300};

}  // namespace

Daemon::Daemon(boost::asio::io_context& loop, Config config)
    : loop_(loop),
      config_(std::move(config)),
      snapshots_(loop, config_.state_dir, config_.node_name, [this] { return take_snapshot(); }),
      // A socket that cannot be marked is probed all the same: endpoints are no frontends.
      prober_(
          loop, config_.guard.probe,
          [this](int fd) {
            if (dataplane_) (void)dataplane_->bypass(fd);
            return true;
          },
          [this](const Evidence& found) { learn(found); }, config_.node_name),
      admin_(loop, [this](const admin::Request& request) { return handle(request); }),
      signals_(loop, SIGTERM, SIGINT),
      tick_timer_(loop),
      retry_timer_(loop),
      collect_timer_(loop),
      verify_timer_(loop),
      watchdog_timer_(loop),
      first_words_timer_(loop),
      waiters_timer_(loop),
      targets_timer_(loop),
      evidence_timer_(loop),
      traffic_timer_(loop),
      sources_timer_(loop),
      unfit_timer_(loop),
      gone_timer_(loop),
      network_timer_(loop),
      links_watch_(loop),
      apply_duration_("holdfast_apply_duration_seconds",
                      "From a changed catalog to the maps switched.", kDurations),
      switch_duration_("holdfast_switch_duration_seconds",
                       "From a source's answer read to the maps switched, without what follows: "
                       "the grace periods of what was removed.",
                       kSwitches),
      sync_duration_("holdfast_sync_duration_seconds",
                     "From a source's answer read to the maps switched and what was removed "
                     "given back, grace periods included.",
                     kDurations),
      programming_duration_("holdfast_network_programming_duration_seconds",
                            "From the control plane's note of a change to the maps switched.",
                            kDurations) {}

Daemon::~Daemon() = default;

Result<> Daemon::start() {
  auto loaded = snapshots_.start();
  if (!loaded) return tl::unexpected(loaded.error());
  last_snapshot_ = std::move(*loaded);
  const SourceSurroundings surroundings{loop_, config_.node_name,
                                        [this](int fd) { bypass_hook(fd); }};
  for (const SourceConfig& source : config_.sources) {
    sources_.push_back({source.name,
                        kind_of(source),
                        source.fallback,
                        make_source(source, surroundings),
                        Guard(source.name, config_.guard),
                        false,
                        false,
                        {},
                        {}});
  }
  // With maps or a snapshot the size is known, and the last known good serves before any source
  // has spoken. Without either, the maps are made when the sources have said how much there is.
  const bool known = last_snapshot_ || PinnedReader::open(config_.bpffs).has_value();
  if (known) {
    if (auto opened = open_dataplane(); !opened) return opened;
  } else {
    catalog_.emplace(ranks(), snapshots_.highest());
    after(first_words_timer_, kFirstWords, [this] { after_sources_spoke(); });
  }
  if (auto listening = start_admin(); !listening) return listening;
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (!error) on_signal(signal);
  });
  start_sources();
  // What systemd starts after us waits for a last known good, never for a first catalog: its
  // control plane may be among those that wait. /readyz goes on saying what is missing.
  after(waiters_timer_, kFirstWords, [this] {
    if (!attached_) notify({"READY=1", "STATUS=waiting for a first catalog"});
  });
  feed_watchdog();
  verify_later();
  prober_.on_reach([this] { report_reach(); });
  watch_network();
  return {};
}

// In the order of the file, with the fallbacks behind all others, and then what is no longer in it.
std::vector<SourceRank> Daemon::ranks() const {
  std::vector<SourceRank> result;
  for (const bool fallback : {false, true}) {
    for (const SourceState& source : sources_) {
      if (source.fallback == fallback) result.push_back({source.name});
    }
  }
  for (const auto& gone : gone_.rows(steady_clock::now())) result.push_back({gone.name});
  return result;
}

Result<> Daemon::start_admin() {
  if (auto bound = admin_.listen_unix(config_.admin_socket); !bound) return bound;
  if (config_.admin_listen.empty()) return {};
  return admin_.listen_tcp(config_.admin_listen);
}

void Daemon::restore_last_known_good(Restored restored) {
  take_up_gone(restored);
  catalog_.emplace(ranks(), std::max(restored.generation, snapshots_.highest()));
  catalog_->restore(restored.tombstones, restored.sitting);
  for (SourceState& source : sources_) {
    const auto memory = restored.sources.find(source.name);
    if (memory == restored.sources.end()) continue;
    const auto admitted = source.guard.restore(memory->second, steady_clock::now());
    program(catalog_->apply(source.name, admitted));
  }
  serve_gone();
  if (restored.from_maps == 0 && gone_.empty()) snapshots_.unchanged();
  if (restored.from_maps + restored.from_files == 0) return;
  log::info(fmt::format("restored generation {}: {} services from the maps, {} from the snapshot",
                        restored.generation, restored.from_maps, restored.from_files));
  attach_when_complete();
  probe_held();
}

// Our own sockets never go through our own frontends (design.md 4.14).
void Daemon::bypass_hook(int fd) {
  if (!dataplane_) return;
  if (auto marked = dataplane_->bypass(fd); !marked) log::warn(marked.error().what);
}

void Daemon::start_sources() {
  for (SourceState& source : sources_) {
    if (last_snapshot_) {
      for (const auto& memory : last_snapshot_->sources) {
        if (memory.name == source.name) source.source->restore(memory.way);
      }
    }
    source.source->remember(source.guard.said());
    source.source->start(
        [this, &source](const SourceUpdate& update) { on_update(source, update); });
  }
  if (last_snapshot_) last_snapshot_->sources = {};  // the guards have it
  watch_sources();
}

void Daemon::watch_sources() {
  for (SourceState& source : sources_) {
    const auto line = source.watch.look(source.source->status(), steady_clock::now());
    if (line) line->current ? log::info(line->text) : log::warn(line->text);
  }
  after(sources_timer_, kWatchSources, [this] { watch_sources(); });
}

void Daemon::take_faults(SourceState& source, const SourceUpdate& update) {
  // Of a large cluster they are many, and seldom others: text that is printable is kept as it is.
  if (update.problems == source.problems && update.doubts == source.doubts) return;
  Faults faults = faults_of(update);
  const FaultNews said = news({std::move(source.problems), std::move(source.doubts)}, faults);
  for (const std::string& line : said.warnings)
    log::warn(fmt::format("source {}: {}", source.name, line));
  if (!said.note.empty()) log::info(fmt::format("source {}: {}", source.name, said.note));
  source.problems = std::move(faults.problems);
  source.doubts = std::move(faults.doubts);
}

void Daemon::on_update(SourceState& source, const SourceUpdate& update) {
  if (stopping_) return;
  take_faults(source, update);
  const bool first = update.complete && !source.complete;
  source.complete = source.complete || update.complete;
  source.spoke = source.spoke || update.complete || !update.confirmed_origins.empty();
  switched_at_.reset();
  hear_of_addresses({}, update.claims);
  carry(source, source.guard.admit(update, steady_clock::now()));
  time_update(update);
  if (first) schedule_snapshot();  // confirmed, though nothing may have changed
  if (first && reconciler_) {
    if (auto pruned = reconciler_->prune(source.name); !pruned) log::error(pruned.error().what);
    retry_later();
  }
  const bool all_spoke = std::all_of(sources_.begin(), sources_.end(),
                                     [](const SourceState& state) { return state.spoke; });
  if (!dataplane_ && all_spoke) after_sources_spoke();
  attach_when_complete();
  if (first) give_back_memory();
}

void Daemon::time_update(const SourceUpdate& update) {
  if (update.received != TimePoint{}) {
    sync_duration_.observe(steady_clock::now() - update.received);
    if (switched_at_) switch_duration_.observe(*switched_at_ - update.received);
  }
  for (const std::string& time : update.trigger_times) {
    if (const auto triggered = telemetry::parse_time(time))
      programming_duration_.observe(std::chrono::system_clock::now() - *triggered);
  }
}

void Daemon::after_sources_spoke() {
  if (dataplane_ || stopping_) return;
  first_words_timer_.cancel();
  if (auto opened = open_dataplane(); !opened) {
    stop(opened.error());
    return;
  }
  program({catalog_->number(), catalog_->all()});
  attach_when_complete();
}

void Daemon::carry(SourceState& source, const std::vector<Admitted>& admitted) {
  admit(source, admitted);
  report_holds();
  tick_guards();
}

void Daemon::tick_guards() {
  std::optional<TimePoint> next;
  for (SourceState& source : sources_) {
    const auto deadline = source.guard.next_deadline();
    if (deadline && (!next || *deadline < *next)) next = deadline;
  }
  if (!next) return;
  after(tick_timer_, *next - steady_clock::now(), [this] {
    for (SourceState& source : sources_) {
      const auto deadline = source.guard.next_deadline();
      if (!deadline || *deadline > steady_clock::now()) continue;
      admit(source, source.guard.tick(steady_clock::now()));
    }
    report_holds();
    tick_guards();
  });
}

void Daemon::schedule_snapshot() {
  if (!reconciler_) return;
  snapshots_.changed(std::all_of(sources_.begin(), sources_.end(),
                                 [](const SourceState& source) { return source.complete; }));
}

std::optional<Snapshot> Daemon::take_snapshot() const {
  if (!reconciler_ || !catalog_ || catalog_->number() == 0) return std::nullopt;
  Snapshot snapshot;
  snapshot.generation = catalog_->number();
  snapshot.written_at = std::time(nullptr);
  snapshot.node = config_.node_name;
  for (const SourceState& source : sources_) {
    const std::string way = source.source->memory();
    snapshot.sources.push_back({source.name, source.guard.memory(), way, cluster_of(way)});
  }
  snapshot.tombstones = catalog_->tombstones();
  gone_.put(snapshot, steady_clock::now());
  return snapshot;
}

void Daemon::feed_watchdog() {
  const auto period = watchdog_period();
  if (!period) return;
  notify({"WATCHDOG=1"});
  after(watchdog_timer_, *period, [this] { feed_watchdog(); });
}

void Daemon::on_signal(int signal) {
  log::info(fmt::format("signal {}: stopping; maps and links go on serving", signal));
  stop(std::nullopt);
}

void Daemon::stop(std::optional<Error> failure) {
  stopping_ = true;
  failure_ = std::move(failure);
  notify({"STOPPING=1"});
  for (SourceState& source : sources_) source.source->stop();
  snapshots_.stop();
  prober_.stop();
  admin_.stop();
  loop_.stop();
}

}  // namespace holdfast
