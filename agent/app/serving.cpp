// SPDX-License-Identifier: Apache-2.0
#include "agent/app/serving.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/app/log.h"
#include "agent/base/memory.h"
#include "holdfast/abi/pins.h"

namespace holdfast {

using namespace std::chrono_literals;

namespace {

constexpr auto kVerifyInterval = 60s;
constexpr std::chrono::milliseconds kBetweenSteps = 1ms, kCollectInterval = 1s;
constexpr auto kFirstRetry = 500ms, kLongestRetry = 30'000ms;
constexpr std::size_t kMany = 1000;  // services whose plan took memory worth giving back
constexpr std::uint32_t kDefaultServices = 4096;
constexpr std::uint32_t kDefaultEndpoints = 65536;

std::uint32_t wanted(std::size_t configured, std::uint32_t least, std::size_t needed,
                     std::uint32_t most) {
  if (configured) return static_cast<std::uint32_t>(configured);
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(2 * needed, least, most));
}

}  // namespace

Serving::Serving(Timers& timers, Room configured, Surroundings surroundings)
    : timers_(timers),
      configured_(configured),
      surroundings_(std::move(surroundings)),
      links_(timers),
      times_(timers),
      step_timer_(timers.timer()),
      retry_timer_(timers.timer()),
      collect_timer_(timers.timer()),
      verify_timer_(timers.timer()),
      unfit_timer_(timers.timer()) {}

Result<> Serving::open(const Room& needed) {
  make(needed);
  if (auto made = take_made(); !made) return made;
  return adopt();
}

void Serving::make(const Room& needed) {
  const Capacity room = capacity_for(
      wanted(configured_.services, kDefaultServices, needed.services, HF_MAX_SERVICES),
      wanted(configured_.endpoints, kDefaultEndpoints, needed.endpoints, HF_MAX_ENDPOINTS));
  const Capacity limit =
      capacity_for(wanted(configured_.services, HF_MAX_SERVICES, 0, HF_MAX_SERVICES),
                   wanted(configured_.endpoints, HF_MAX_ENDPOINTS, 0, HF_MAX_ENDPOINTS));
  making_ = std::async(surroundings_.beside, surroundings_.open, room, limit);
}

bool Serving::is_made() const {
  return making_.wait_for(0s) != std::future_status::timeout;
}

Result<> Serving::take_made() {
  auto opened = making_.get();
  if (!opened) return tl::unexpected(opened.error());
  opened_ = std::move(*opened);
  for (const std::string& warning : opened_.hooks->warnings()) log::warn(warning);
  if (const std::string why = opened_.hooks->unreadable(); !why.empty()) {
    log::warn(
        fmt::format("{}; it goes on serving until set {} is filled from the snapshot and the "
                    "sources. Counts are not carried over, and connections made before show "
                    "their endpoint as the peer",
                    why, opened_.maps->set()));
  }
  return {};
}

Result<> Serving::adopt() {
  reconciler_.emplace(*opened_.maps, surroundings_.everything, surroundings_.vantage,
                      Backlog::kMost, surroundings_.beside);
  reconciler_->on_switch([this] { times_.switched(); });
  if (auto adopted = reconciler_->start(); !adopted) return adopted;
  verify_later();
  return {};
}

void Serving::follow(const Generation& generation) {
  if (!reconciler_) return;
  changing_ += generation.changes.size();
  if (!began_) began_ = timers_.now();
  go_on(reconciler_->begin(generation));
}

// With everything else in between, so that a large generation holds up nothing.
void Serving::go_on(const Result<>& applied) {
  report_growth();
  if (reconciler_->unfinished()) {
    step_timer_->after(reconciler_->growing() ? kBetweenSteps : 0ms, [this] {
      go_on(reconciler_->step());
      if (!reconciler_->unfinished()) attach();
    });
    return;
  }
  report_applied(applied);
  tidy();
  times_.done();
}

void Serving::report_applied(const Result<>& applied) {
  const ReconcileStatus now = reconciler_->status();
  const std::size_t changed = std::exchange(changing_, 0);
  if (began_) times_.applied(timers_.now() - *std::exchange(began_, std::nullopt));
  if (changed >= kMany) give_back_memory();
  if (applied) {
    retry_delay_ = kFirstRetry;
    if (changed)
      log::info(fmt::format("generation {}: {} services changed", now.applied_generation, changed));
    surroundings_.keep();
    return;
  }
  log::error(fmt::format("generation {} not applied, the maps go on serving {}: {}",
                         now.desired_generation, now.applied_generation, applied.error().what));
}

// What there is room for again may make the maps grow.
void Serving::went_on() {
  if (reconciler_->unfinished()) return go_on({});
  report_growth();
  tidy();
}

void Serving::tidy() {
  retry_later();
  report_unfit();
  collect_later();
}

void Serving::prune(const std::string& source) {
  if (!reconciler_) return;
  const auto pruned = reconciler_->prune(source);
  if (!pruned) log::error(pruned.error().what);
  if (reconciler_->unfinished()) return go_on(pruned);
  retry_later();
}

void Serving::taken(const SourceUpdate& update) {
  times_.taken(update);
  if (!reconciler_ || !reconciler_->unfinished()) times_.done();
}

void Serving::report_growth() {
  if (reconciler_->growing()) {
    if (!growing_) growing_ = timers_.now();
    return;
  }
  const auto began = std::exchange(growing_, std::nullopt).value_or(timers_.now());
  if (reconciler_->status().growths == known_growths_) return;
  known_growths_ = reconciler_->status().growths;
  const Capacity room = opened_.maps->capacity();
  log::info(fmt::format("the maps have grown in {} ms: set {}, room for {} services, {} endpoints",
                        (timers_.now() - began) / 1ms, opened_.maps->set(), room.services,
                        room.endpoints));
}

// Whoever left the maps not known, or behind: verify and collect wait until they are right again.
// The timer is not set anew by whatever else goes on meanwhile: that would put it off for ever.
void Serving::retry_later() {
  if (retrying_ || !reconciler_->pending() || reconciler_->unfinished()) return;
  retrying_ = true;
  retry_timer_->after(retry_delay_, [this] {
    retrying_ = false;
    retry();
  });
}

void Serving::retry() {
  if (!reconciler_->pending() || reconciler_->unfinished()) return;
  const auto applied = reconciler_->retry();
  if (reconciler_->unfinished()) return go_on(applied);
  report_growth();
  if (applied) {
    retry_delay_ = kFirstRetry;
    log::info(fmt::format("generation {} applied", reconciler_->status().applied_generation));
    surroundings_.keep();
    tidy();
    attach();
    return;
  }
  retry_delay_ = std::min<std::chrono::milliseconds>(2 * retry_delay_, kLongestRetry);
  retry_later();
}

// Programs go live only over maps that hold an applied generation: of this life, or an earlier one.
void Serving::attach() {
  if (attached_ || !reconciler_ || reconciler_->pending() || !surroundings_.may_attach()) return;
  if (auto attached = opened_.hooks->attach(); !attached)
    return surroundings_.failed(attached.error());
  attached_ = true;
  links_.start(*opened_.hooks);
  log::info(fmt::format("serving generation {} at {}", reconciler_->status().applied_generation,
                        opened_.hooks->cgroup_path()));
  surroundings_.attached();
}

void Serving::bypass(int socket_fd) {
  if (!opened_.hooks) return;
  if (auto marked = opened_.hooks->bypass(socket_fd); !marked) log::warn(marked.error().what);
}

std::optional<hf_endpoint_stats> Serving::traffic(const ProbeTarget& target) {
  if (!reconciler_) return std::nullopt;
  return reconciler_->traffic(target.address, target.port, target.protocol, target.identity);
}

// Readiness means that the maps serve; a doubted source or an open hold leaves it true.
std::vector<std::string> Serving::pending() const {
  if (!is_open()) return {"maps: waiting for the sources' first words"};
  std::vector<std::string> parts;
  if (const std::string why = opened_.hooks->unreadable(); !why.empty())
    parts.push_back("maps: another version's serve until the sources have spoken: " + why);
  if (!attached_) {
    parts.emplace_back("programs: not attached, no generation to serve yet");
    return parts;
  }
  for (const ProgramStatus& program : opened_.hooks->programs())
    if (!program.attached && program.left_out.empty())
      parts.push_back("programs: " + program.name + " is not attached");
  return parts;
}

ReconcileStatus Serving::status() const {
  return reconciler_ ? reconciler_->status() : ReconcileStatus{};
}

Usage Serving::usage() const {
  return reconciler_ ? reconciler_->usage() : Usage{};
}

std::vector<MapStatus> Serving::map_status() const {
  if (!is_open()) return {};
  const Usage used = usage();
  const Capacity room = opened_.maps->capacity();
  return {{"frontends", used.frontends, room.frontends},
          {"service_names", used.services, room.services},
          {"pools", used.pools, room.pools},
          {"slots", used.slots, room.slots},
          {"endpoints", used.endpoints, room.endpoints},
          {"strings", used.strings, room.strings}};
}

// One timer for all that drains, not set anew by each change: constant change would put it off for
// ever, and ids would run out.
void Serving::collect_later() {
  if (collecting_ || !reconciler_->draining()) return;
  collecting_ = true;
  collect_timer_->after(reconciler_->collecting() ? kBetweenSteps : kCollectInterval, [this] {
    collecting_ = false;
    if (auto collected = reconciler_->collect(); !collected) log::error(collected.error().what);
    went_on();
  });
}

// One line a kind of failure: a kernel that cannot count fails each minute.
void Serving::recount() {
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
  if (reconciler_->unfinished()) return go_on({});
  retry_later();
}

void Serving::verify_later() {
  verify_timer_->after(kVerifyInterval, [this] { verify(); });
}

void Serving::verify() {
  mended_ = 0;
  recount();
  verify_step();
}

// A few thousand elements in a turn of the loop, with everything else in between.
void Serving::verify_step() {
  if (reconciler_->pending()) return verify_later();
  const auto mended = reconciler_->verify_step();
  if (!mended) log::error("verify: " + mended.error().what);
  if (mended) mended_ += *mended;
  if (mended && reconciler_->verifying())
    return verify_timer_->after(kBetweenSteps, [this] { verify_step(); });
  if (mended_) log::warn(fmt::format("verify: mended {} differences", mended_));
  retry_later();
  verify_later();
}

}  // namespace holdfast
