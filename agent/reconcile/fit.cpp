// SPDX-License-Identifier: Apache-2.0
// What becomes of a generation that does not fit, where the maps cannot grow.
#include <set>
#include <utility>

#include "agent/reconcile/reconciler.h"

namespace holdfast {
namespace {

// What a round gives up is room for the next one; each must give up something.
constexpr int kRounds = 6;

Generation what_is_left(const Generation& generation, const std::vector<Unfit>& unfit) {
  std::set<ServiceKey> keys;
  for (const Unfit& one : unfit) keys.insert(one.key);
  Generation left{generation.number, {}, generation.whole};
  for (const CatalogChange& change : generation.changes) {
    if (keys.contains(change.key)) left.changes.push_back(change);
  }
  return left;
}

}  // namespace

// Removals and shrinking at once; what they leave, and draining endpoints retired early, is room
// for the rest. The last rounds build no bridges: what left leaves, whatever there is in its place.
Result<> Reconciler::fit(Generation generation) {
  const Generation done_then{generation.number, {}, generation.whole};
  std::vector<Unfit> unfit;
  bool bridge = true;
  for (int round = 0; round < kRounds && !generation.changes.empty(); ++round) {
    Fitted fitted = planner_->fit(generation, bridge);
    unfit = std::move(fitted.unfit);
    if (auto applied = perform(std::move(fitted.diff)); !applied) return applied;
    generation = what_is_left(generation, unfit);
    if (generation.changes.empty()) break;
    const auto collected = collect(fitted.retire, {}, kAll);
    if (replan_) return tl::unexpected(collected.error());
    const bool room = fitted.released || (collected && *collected);
    if (!room && !(bridge && fitted.bridged)) break;
    bridge = bridge && room && round + 3 < kRounds;
  }
  for (const Unfit& one : unfit) unfit_[one.key].lacking = one.lacking + growth_failed_;
  for (CatalogChange& change : generation.changes) unfit_[change.key].change = std::move(change);
  tried_ = planner_->usage();
  tried_in_ = dataplane_.set();
  done(done_then);
  return {};
}

Result<> Reconciler::try_unfit() {
  if (unfit_.empty()) return {};
  Generation again{status_.desired_generation, {}, !unfinished()};
  for (const auto& [key, waiting] : unfit_) again.changes.push_back(waiting.change);
  unfit_.clear();
  return carry_out(again);
}

Result<> Reconciler::retry_unfit() {
  if (pending()) return {};
  growth_failed_.clear();
  return try_unfit();
}

}  // namespace holdfast
