// SPDX-License-Identifier: Apache-2.0
// Larger maps for what does not fit, made beside the loop.
#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/reconcile/reconciler.h"
#include "holdfast/abi/pins.h"

namespace holdfast {
namespace {

template <class Choose>
Capacity each(const Capacity& a, const Capacity& b, Choose choose) {
  return {choose(a.frontends, b.frontends), choose(a.services, b.services),
          choose(a.pools, b.pools),         choose(a.slots, b.slots),
          choose(a.endpoints, b.endpoints), choose(a.strings, b.strings)};
}

Capacity larger_of(const Capacity& a, const Capacity& b) {
  return each(a, b, [](auto x, auto y) { return std::max(x, y); });
}

Capacity smaller_of(const Capacity& a, const Capacity& b) {
  return each(a, b, [](auto x, auto y) { return std::min(x, y); });
}

}  // namespace

// For what is in the maps and what waits, as far as they may grow: an endpoint of two services is
// counted twice.
Capacity Reconciler::waiting() const {
  const Usage used = planner_->usage();
  const Backlog::Newcomers more = backlog_.newcomers(*planner_);
  const auto bounded = [](std::size_t count) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(count, HF_MAX_ENDPOINTS));
  };
  return smaller_of(capacity_for(bounded(used.services + more.services),
                                 bounded(used.endpoints + more.endpoints)),
                    larger_of(dataplane_.capacity(), dataplane_.limit()));
}

// Whether there will be larger ones. Not where the last attempt failed: a whole set is built for
// it.
bool Reconciler::begin_growth(const Capacity& needed) {
  if (!growth_failed_.empty()) return false;
  const Capacity has = dataplane_.capacity();
  const auto room = grown(has, larger_of(needed, waiting()), dataplane_.limit());
  if (!room || *room == has) return false;
  larger_ = std::async(
      launch_,
      [growth = dataplane_.growth(*room), room = *room, vantage = vantage_]() mutable -> Larger {
        const auto image = growth->run();
        if (!image) return {std::move(growth), within("grow the maps", image.error())};
        auto planner = Planner::adopt(*image, room, vantage);
        return {std::move(growth), std::move(planner)};
      });
  return true;
}

// Once for a large catalog, and before its first piece: maps that hold nothing yet are not copied.
bool Reconciler::grow_for_backlog() {
  const Capacity has = dataplane_.capacity(), needs = waiting();
  if (needs.services <= has.services && needs.endpoints <= has.endpoints) return false;
  return begin_growth({});
}

bool Reconciler::growth_done() const {
  return larger_.wait_for(std::chrono::seconds(0)) != std::future_status::timeout;
}

// Where it failed before the larger set served, the planner knows the old one as before.
Result<> Reconciler::take_growth() {
  Larger larger = larger_.get();
  const std::uint32_t before = dataplane_.set();
  larger.growth->finish();
  const bool moved = dataplane_.set() != before;
  if (moved) ++status_.growths;
  if (larger.planner) {
    planner_.emplace(std::move(*larger.planner));
    return {};
  }
  if (!moved) {
    growth_failed_ = "; " + larger.planner.error().what;
    return {};
  }
  replan_ = true;
  status_.last_error = larger.planner.error().what;
  return tl::unexpected(larger.planner.error());
}

}  // namespace holdfast
