// SPDX-License-Identifier: Apache-2.0
// What becomes of a generation: the maps are opened with room for it, it is applied and verified,
// and the programs go live over it.
#include <fmt/format.h>

#include <algorithm>

#include "agent/app/daemon.h"
#include "agent/app/log.h"
#include "agent/app/notify.h"
#include "agent/app/timer.h"
#include "agent/model/ready.h"
#include "holdfast/abi/layout.h"

namespace holdfast {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr auto kVerifyInterval = 60s;
constexpr auto kBetweenSteps = 1ms;
constexpr auto kCollectInterval = 1s;
constexpr auto kLongestRetry = 30'000ms;
constexpr std::uint32_t kDefaultServices = 4096;
constexpr std::uint32_t kDefaultEndpoints = 65536;

}  // namespace

Capacity Daemon::wanted_capacity() const {
  std::size_t services = 0, endpoints = 0;
  const auto count = [&](const Service& service) {
    ++services;
    endpoints += endpoint_count(service);
  };
  if (catalog_) {
    for (const CatalogChange& change : catalog_->all()) count(*change.now);
  }
  if (last_snapshot_) {
    for (const auto& source : last_snapshot_->sources) {
      for (const auto& entry : source.memory.services) count(*entry.admitted);
    }
  }
  const auto choose = [](std::uint32_t configured, std::uint32_t least, std::size_t needed,
                         std::uint32_t most) {
    if (configured) return configured;
    return static_cast<std::uint32_t>(std::clamp<std::size_t>(2 * needed, least, most));
  };
  return capacity_for(
      choose(config_.capacity_services, kDefaultServices, services, HF_MAX_SERVICES),
      choose(config_.capacity_endpoints, kDefaultEndpoints, endpoints, HF_MAX_ENDPOINTS));
}

// A number in the configuration is where the maps begin and as far as they go; what is `auto`
// grows.
Capacity Daemon::largest_capacity() const {
  return capacity_for(config_.capacity_services ? config_.capacity_services : HF_MAX_SERVICES,
                      config_.capacity_endpoints ? config_.capacity_endpoints : HF_MAX_ENDPOINTS);
}

Result<> Daemon::open_dataplane() {
  auto opened =
      KernelDataplane::open({config_.cgroup, config_.bpffs, wanted_capacity(), largest_capacity()});
  if (!opened) return tl::unexpected(opened.error());
  dataplane_ = std::move(*opened);
  for (const std::string& warning : dataplane_->warnings()) log::warn(warning);
  if (const std::string why = dataplane_->unreadable(); !why.empty()) {
    log::warn(
        fmt::format("{}; it goes on serving until set {} is filled from the snapshot and the "
                    "sources. Counts are not carried over, and connections made before show "
                    "their endpoint as the peer",
                    why, dataplane_->set()));
  }
  reconciler_.emplace(*dataplane_, [this] { return catalog_->all(); });
  reconciler_->on_switch([this] { switched_at_ = steady_clock::now(); });
  if (auto adopted = reconciler_->start(); !adopted) return adopted;
  if (!catalog_) {
    restore_last_known_good(restore(reconciler_->found(), last_snapshot_));
  }
  reconciler_->release_found();  // as large as the maps
  if (dataplane_->took_over() && reconciler_->found().meta.complete) attach_when_complete();
  return {};
}

void Daemon::program(const Generation& generation) {
  report_conflicts();
  if (!reconciler_ || generation.changes.empty()) return;
  const auto began = steady_clock::now();
  const auto applied = reconciler_->apply(generation);
  apply_duration_.observe(steady_clock::now() - began);
  report_growth();
  if (applied) {
    retry_delay_ = 500ms;
    log::info(fmt::format("generation {}: {} services changed", generation.number,
                          generation.changes.size()));
    schedule_snapshot();
  } else {
    log::error(fmt::format("generation {} not applied, the maps go on serving {}: {}",
                           generation.number, reconciler_->status().applied_generation,
                           applied.error().what));
  }
  retry_later();
  report_unfit();
  collect_later();
}

void Daemon::report_growth() {
  if (reconciler_->status().growths == known_growths_) return;
  known_growths_ = reconciler_->status().growths;
  const Capacity room = dataplane_->capacity();
  log::info(fmt::format("the maps have grown: set {}, room for {} services, {} endpoints",
                        dataplane_->set(), room.services, room.endpoints));
}

// Whoever left the maps not known, or behind: verify and collect wait until they are right again.
void Daemon::retry_later() {
  if (reconciler_->pending()) after(retry_timer_, retry_delay_, [this] { retry_apply(); });
}

void Daemon::retry_apply() {
  if (!reconciler_->pending()) return;
  const auto applied = reconciler_->retry();
  report_growth();
  if (applied) {
    retry_delay_ = 500ms;
    log::info(fmt::format("generation {} applied", reconciler_->status().applied_generation));
    schedule_snapshot();
    attach_when_complete();
    report_unfit();
    collect_later();
    return;
  }
  retry_delay_ = std::min<std::chrono::milliseconds>(2 * retry_delay_, kLongestRetry);
  retry_later();
}

// Programs go live only over maps that hold an applied generation: of this life, or an earlier one.
// A part that cannot be read keeps nothing of the others back: what it lists is not known, so it
// passes through as before; only prunings and absences wait for a source to have said all.
void Daemon::attach_when_complete() {
  if (attached_ || !dataplane_ || stopping_) return;
  // What another version's set serves meanwhile is of all sources, and of all their parts.
  const bool spoke =
      dataplane_->unreadable().empty()
          ? std::any_of(sources_.begin(), sources_.end(), [](const auto& one) { return one.spoke; })
          : std::all_of(sources_.begin(), sources_.end(),
                        [](const auto& one) { return one.complete; });
  const bool remembered = reconciler_->found().meta.complete || last_snapshot_;
  if (!(spoke || remembered) || reconciler_->pending()) return;
  if (auto attached = dataplane_->attach(); !attached) {
    stop(attached.error());
    return;
  }
  attached_ = true;
  links_watch_.start(*dataplane_);
  log::info(fmt::format("serving generation {} at {}", reconciler_->status().applied_generation,
                        dataplane_->cgroup_path()));
  notify({"READY=1", "STATUS=serving"});
}

// One timer for all that drains, not set anew by each change: constant change would put it off for
// ever, and ids would run out.
void Daemon::collect_later() {
  if (collecting_ || !reconciler_->draining()) return;
  collecting_ = true;
  after(collect_timer_, kCollectInterval, [this] {
    collecting_ = false;
    collect_endpoints();
  });
}

void Daemon::collect_endpoints() {
  if (auto collected = reconciler_->collect(); !collected) log::error(collected.error().what);
  report_growth();
  retry_later();
  report_unfit();
  collect_later();
}

// One line a kind of failure: a kernel that cannot count fails each minute.
void Daemon::recount_endpoints() {
  if (!reconciler_) return;
  const std::uint64_t known = reconciler_->status().lost_closes;
  const auto recounted = reconciler_->recount();
  const std::string failure = recounted ? "" : recounted.error().what;
  if (!failure.empty() && failure != recount_failure_) log::warn(failure);
  recount_failure_ = failure;
  if (const auto lost = reconciler_->status().lost_closes - known)
    log::warn(fmt::format(
        "{} closes of connections to endpoints that drain were not counted; no socket is connected "
        "to them any more, their ids are free",
        lost));
  retry_later();
}

void Daemon::verify_later() {
  after(verify_timer_, kVerifyInterval, [this] { verify_maps(); });
}

void Daemon::verify_maps() {
  mended_ = 0;
  recount_endpoints();
  verify_step();
}

// A few thousand elements in a turn of the loop, with everything else in between.
void Daemon::verify_step() {
  if (!reconciler_ || reconciler_->pending()) return verify_later();
  const auto mended = reconciler_->verify_step();
  if (!mended) log::error("verify: " + mended.error().what);
  if (mended) mended_ += *mended;
  if (mended && reconciler_->verifying())
    return after(verify_timer_, kBetweenSteps, [this] { verify_step(); });
  if (mended_) log::warn(fmt::format("verify: mended {} differences", mended_));
  retry_later();
  verify_later();
}

}  // namespace holdfast
