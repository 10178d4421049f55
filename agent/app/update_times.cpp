// SPDX-License-Identifier: Apache-2.0
#include "agent/app/update_times.h"

namespace holdfast {
namespace {

// Finer where the figures to reach are: 10 ms and 100 ms.
const std::vector<double> kSwitches = {0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008,
                                       0.01,   0.015, 0.02,  0.03,  0.05,  0.075, 0.1,   0.15,
                                       0.25,   0.5,   1,     2.5,   5,     10,    30,    60};
const std::vector<double> kDurations = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                        0.025,  0.05,    0.1,    0.25,  0.5,    1,     2.5,
                                        5,      10,      30,     60,    120,    300};
constexpr std::size_t kMostWaiting = 1000;  // of a storm of updates amid the steps of one

}  // namespace

UpdateTimes::UpdateTimes(Timers& timers)
    : timers_(timers),
      apply_("holdfast_apply_duration_seconds", "From a changed catalog to the maps switched.",
             kDurations),
      switch_("holdfast_switch_duration_seconds",
              "From a source's answer read to the maps switched, without what follows: "
              "the grace periods of what was removed.",
              kSwitches),
      sync_("holdfast_sync_duration_seconds",
            "From a source's answer read to the maps switched and what was removed "
            "given back, grace periods included.",
            kDurations),
      programming_("holdfast_network_programming_duration_seconds",
                   "From the control plane's note of a change to the maps switched.", kDurations) {}

void UpdateTimes::begin() {
  if (waiting_.empty()) switched_at_.reset();
}

void UpdateTimes::switched() {
  switched_at_ = timers_.now();
}

void UpdateTimes::taken(const SourceUpdate& update) {
  if (waiting_.size() < kMostWaiting) waiting_.push_back({update.received, update.trigger_times});
}

void UpdateTimes::done() {
  for (const Update& update : waiting_) {
    if (update.received != TimePoint{}) {
      sync_.observe(timers_.now() - update.received);
      if (switched_at_) switch_.observe(*switched_at_ - update.received);
    }
    for (const std::string& time : update.trigger_times) {
      if (const auto triggered = telemetry::parse_time(time))
        programming_.observe(timers_.date() - *triggered);
    }
  }
  waiting_.clear();
}

void UpdateTimes::applied(std::chrono::nanoseconds duration) {
  apply_.observe(duration);
}

void UpdateTimes::put(telemetry::Page& page) const {
  page.add(apply_);
  page.add(switch_);
  page.add(sync_);
  page.add(programming_);
}

}  // namespace holdfast
