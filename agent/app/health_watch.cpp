// SPDX-License-Identifier: Apache-2.0
#include "agent/app/health_watch.h"

#include <fmt/format.h>

#include <random>
#include <utility>

#include "agent/app/log.h"
#include "agent/app/reach.h"

namespace holdfast {

using namespace std::chrono_literals;

namespace {

constexpr int kTargetsShare = 20;  // times what gathering them took, until it is done again
constexpr auto kGatherEvidence = 20ms;
constexpr auto kLookInterval = 1s;
constexpr std::size_t kLooks = 2000;     // in one turn: a system call each
constexpr auto kWorkloadsInterval = 2s;  // at what workloads meet
constexpr auto kControlsInterval = 60s;  // until others are taken
constexpr auto kControlsSoonest = 10s;   // also if what is in question has changed

double chance() {
  thread_local std::minstd_rand engine(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

}  // namespace

HealthWatch::HealthWatch(Timers& timers, Probes& probes, Intake& intake, Serving& serving,
                         Settings settings)
    : timers_(timers),
      probes_(probes),
      intake_(intake),
      serving_(serving),
      settings_(std::move(settings)),
      targets_timer_(timers.timer()),
      evidence_timer_(timers.timer()),
      traffic_timer_(timers.timer()),
      network_timer_(timers.timer()) {}

void HealthWatch::start() {
  watch_network();
}

Suspects::TrafficOf HealthWatch::traffic() const {
  return [this](const ProbeTarget& target) { return serving_.traffic(target); };
}

void HealthWatch::look_for_suspects() {
  const std::uint64_t revision = intake_.questions_revision();
  if (std::exchange(suspects_revision_, revision) == revision) return;
  if (timers_.now() >= targets_due_) return set_suspects();
  targets_timer_->after(targets_due_ - timers_.now(), [this] { set_suspects(); });
}

// To gather half a million held endpoints takes a second, and each one found dead changes what is
// held: at most a twentieth of the time goes into it.
void HealthWatch::set_suspects() {
  const TimePoint began = timers_.now();
  const auto targets = intake_.suspects();
  suspects_.set(targets);
  if (!targets.empty()) set_controls();
  look_at_traffic();
  const TimePoint ended = timers_.now();
  targets_due_ = ended + kTargetsShare * (ended - began);
}

void HealthWatch::set_probe_targets() {
  if (std::exchange(probed_revision_, suspects_.revision()) == suspects_.revision()) return;
  probes_.set_targets(suspects_.worth_probing());
}

void HealthWatch::look_at_traffic() {
  for (Evidence& one : suspects_.look(kLooks, traffic(), timers_.now())) learn(std::move(one));
  set_probe_targets();
  if (suspects_.empty()) return;
  traffic_timer_->after(kLookInterval, [this] { look_at_traffic(); });
}

// Evidence comes many at a time; each alone would pay the grace periods of its own generation.
void HealthWatch::learn(Evidence evidence) {
  evidence_.push_back(std::move(evidence));
  if (evidence_.size() > 1) return;
  evidence_timer_->after(kGatherEvidence, [this] { intake_.judge(std::exchange(evidence_, {})); });
}

void HealthWatch::watch_network() {
  if (!settings_.probes) return;
  const auto interval = outside_.empty() ? kControlsSoonest : kControlsInterval;
  if (timers_.now() - controls_set_ >= interval) set_controls();
  if (workload_failures_.only_failures(outside_, traffic())) probes_.doubt_network();
  network_timer_->after(kWorkloadsInterval, [this] { watch_network(); });
}

void HealthWatch::set_controls() {
  const TimePoint now = timers_.now();
  if (!intake_.begun()) return;
  if (controls_set_ != TimePoint{} && now - controls_set_ < kControlsSoonest) return;
  controls_set_ = now;
  std::vector<ServicePtr> services;
  for (const CatalogChange& one : intake_.catalog().all()) services.push_back(one.now);
  outside_ = outside(services, settings_.node, traffic(), chance, now);
  probes_.set_controls(outside_);
}

void HealthWatch::report_reach() {
  for (const bool v4 : {true, false}) {
    const Reach before = std::exchange(reach_[v4 ? 0 : 1], probes_.reach(v4));
    const Reach& now = reach_[v4 ? 0 : 1];
    if (now.state == before.state) continue;
    if (now.state == Reach::State::fails) log::warn(describe(now, v4));
    if (before.state != Reach::State::fails) continue;
    log::info(fmt::format("this node reaches endpoints over {} again, after {} s", family_name(v4),
                          (now.since - before.since) / 1s));
  }
}

}  // namespace holdfast
