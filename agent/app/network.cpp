// SPDX-License-Identifier: Apache-2.0
// Whether this node reaches anything: who is asked, and what is said of it.
#include <fmt/format.h>

#include <random>

#include "agent/app/daemon.h"
#include "agent/app/log.h"
#include "agent/app/reach.h"
#include "agent/app/timer.h"

namespace holdfast {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr auto kWorkloadsInterval = 2s;  // at what workloads meet
constexpr auto kControlsInterval = 60s;  // until others are taken
constexpr auto kControlsSoonest = 10s;   // also if what is in question has changed

double chance() {
  thread_local std::minstd_rand engine(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

}  // namespace

std::string describe(const Reach& reach, bool v4) {
  if (reach.state != Reach::State::fails) return "";
  return fmt::format(
      "this node cannot reach anything over {}: none of {} endpoints that answered before answers, "
      "and nothing else does; no verdict of death counts meanwhile",
      family_name(v4), reach.fallen);
}

std::optional<hf_endpoint_stats> Daemon::traffic_of(const ProbeTarget& target) {
  if (!reconciler_) return std::nullopt;
  return reconciler_->traffic(target.address, target.port, target.protocol, target.identity);
}

void Daemon::watch_network() {
  if (!config_.guard.probe.enabled) return;
  const auto interval = outside_.empty() ? kControlsSoonest : kControlsInterval;
  if (steady_clock::now() - controls_set_ >= interval) set_controls();
  const auto stats = [this](const ProbeTarget& target) { return traffic_of(target); };
  if (workload_failures_.only_failures(outside_, stats)) prober_.doubt_network();
  after(network_timer_, kWorkloadsInterval, [this] { watch_network(); });
}

void Daemon::set_controls() {
  const auto now = steady_clock::now();
  if (!catalog_ || (controls_set_ != TimePoint{} && now - controls_set_ < kControlsSoonest)) return;
  controls_set_ = now;
  std::vector<ServicePtr> services;
  for (const CatalogChange& one : catalog_->all()) services.push_back(one.now);
  const auto stats = [this](const ProbeTarget& target) { return traffic_of(target); };
  outside_ = outside(services, config_.node_name, stats, chance, now);
  prober_.set_controls(outside_);
}

void Daemon::report_reach() {
  for (const bool v4 : {true, false}) {
    const Reach before = std::exchange(reach_[v4 ? 0 : 1], prober_.reach(v4));
    const Reach& now = reach_[v4 ? 0 : 1];
    if (now.state == before.state) continue;
    if (now.state == Reach::State::fails) log::warn(describe(now, v4));
    if (before.state != Reach::State::fails) continue;
    log::info(fmt::format("this node reaches endpoints over {} again, after {} s", family_name(v4),
                          (now.since - before.since) / 1s));
  }
}

}  // namespace holdfast
