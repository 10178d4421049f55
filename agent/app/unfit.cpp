// SPDX-License-Identifier: Apache-2.0
// What the maps have no room for: said aloud, and tried again ever more slowly.
#include <fmt/format.h>

#include <algorithm>

#include "agent/app/daemon.h"
#include "agent/app/log.h"
#include "agent/app/timer.h"

namespace holdfast {

using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds kFirstTry = 1s, kLongestTry = 300s;
constexpr std::size_t kNamed = 5;  // in one turn; the rest is a number

}  // namespace

void Daemon::report_unfit() {
  const ReconcileStatus status = reconciler_->status();
  std::set<ServiceKey> now;
  std::size_t news = 0;
  for (const Unfit& one : status.unfit) {
    now.insert(one.key);
    if (known_unfit_.contains(one.key) || ++news > kNamed) continue;
    log::error(fmt::format("service {} does not fit, what fits of it serves: {}",
                           one.key.to_string(), one.lacking));
  }
  if (news > kNamed)
    log::error(fmt::format("{} more services do not fit; `holdfast status -o json` has them all",
                           news - kNamed));
  const auto fits = [&now](const ServiceKey& key) { return !now.contains(key); };
  const auto ended = std::count_if(known_unfit_.begin(), known_unfit_.end(), fits);
  if (ended)
    log::info(
        fmt::format("{} services that did not fit do, or are gone; {} do not", ended, now.size()));
  known_unfit_ = std::move(now);
  if (status.forced != known_forced_)
    log::warn(
        fmt::format("{} draining endpoints retired early, with connections open, for lack of "
                    "room",
                    status.forced - known_forced_));
  known_forced_ = status.forced;
  unfit_later();
}

// What leaves is room at once; the rest of the way out is a growth that failed for lack of memory.
void Daemon::unfit_later() {
  if (!reconciler_->unfit()) {
    unfit_timer_.cancel();
    waiting_for_room_ = false;
    unfit_delay_ = kFirstTry;
    return;
  }
  if (std::exchange(waiting_for_room_, true)) return;
  after(unfit_timer_, unfit_delay_, [this] {
    waiting_for_room_ = false;
    unfit_delay_ = std::min(2 * unfit_delay_, kLongestTry);
    if (auto tried = reconciler_->retry_unfit(); !tried) log::error(tried.error().what);
    report_growth();
    retry_later();
    report_unfit();
    collect_later();
  });
}

}  // namespace holdfast
