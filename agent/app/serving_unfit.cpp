// SPDX-License-Identifier: Apache-2.0
// What the maps have no room for: said aloud, and tried again ever more slowly.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/app/log.h"
#include "agent/app/serving.h"

namespace holdfast {

using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds kFirstTry = 1s, kLongestTry = 300s;
constexpr std::size_t kNamed = 5;  // in one turn; the rest is a number

}  // namespace

void Serving::name_unfit(const ReconcileStatus& status) {
  std::vector<Unfit> news;
  for (const Unfit& one : status.unfit) {
    if (!known_unfit_.contains(one.key)) news.push_back(one);
  }
  const auto say = [](const Unfit& one) {
    log::error(fmt::format("service {} does not fit, what fits of it serves: {}",
                           one.key.to_string(), one.lacking));
  };
  if (const std::size_t more = log::first(news, say, kNamed))
    log::error(
        fmt::format("{} more services do not fit; `holdfast status -o json` has them all", more));
}

void Serving::report_unfit() {
  const ReconcileStatus status = reconciler_->status();
  name_unfit(status);
  std::set<ServiceKey> now;
  for (const Unfit& one : status.unfit) now.insert(one.key);
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
void Serving::unfit_later() {
  if (!reconciler_->unfit()) {
    unfit_timer_->cancel();
    waiting_for_room_ = false;
    unfit_delay_ = kFirstTry;
    return;
  }
  if (std::exchange(waiting_for_room_, true)) return;
  unfit_timer_->after(unfit_delay_, [this] {
    waiting_for_room_ = false;
    unfit_delay_ = std::min(2 * unfit_delay_, kLongestTry);
    if (auto tried = reconciler_->retry_unfit(); !tried) log::error(tried.error().what);
    went_on();
  });
}

}  // namespace holdfast
