// SPDX-License-Identifier: Apache-2.0
// How ids of endpoints become free again.
#include <algorithm>
#include <utility>

#include "agent/dataplane/apply.h"
#include "agent/plan/planner_state.h"

namespace holdfast {
namespace {

std::uint32_t in_flight(const hf_endpoint_stats& stats, const hf_endpoint_name& base) {
  return (stats.connects - base.base_connects) - (stats.closes - base.base_closes);
}

// Which of the draining ones end now: the idle ones, and of the rest as many as are still lacking.
std::vector<std::uint32_t> choose(Planner::State& state, const Planner::StatsOf& stats,
                                  std::size_t least, const std::set<std::uint32_t>& closed,
                                  std::size_t most) {
  std::vector<std::uint32_t> chosen;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> busy;  // in flight, id
  auto at = state.draining.upper_bound(state.looked_at);
  for (; at != state.draining.end() && most > 0; ++at, --most) {
    const std::uint32_t id = *at;
    state.looked_at = id;
    const auto now = stats(id);
    if (!now) continue;
    const std::uint32_t open = in_flight(*now, state.shadow.endpoint_names[id]);
    if (open && closed.contains(id)) {
      chosen.push_back(id);
      state.early.push_back(id);
      state.counted.lost_closes += open;
      continue;
    }
    if (open) {
      busy.emplace_back(open, id);
      continue;
    }
    chosen.push_back(id);
    state.resting[id] = *now;
  }
  if (at == state.draining.end()) state.looked_at = 0;
  std::sort(busy.begin(), busy.end());
  for (const auto& [open, id] : busy) {
    if (chosen.size() >= least) break;
    chosen.push_back(id);
    state.early.push_back(id);
    ++state.counted.forced;
  }
  return chosen;
}

void forget(Planner::State& state, std::uint32_t id) {
  state.draining.erase(id);
  state.drained.erase(id);
  const hf_endpoint_name& name = state.shadow.endpoint_names[id];
  state.endpoint_index.remove(id);
  state.strings.drop(name.node);
  state.strings.drop(name.zone);
  state.endpoint_ids.free(id, 1);
}

}  // namespace

Diff Planner::collect(const StatsOf& stats, std::size_t least,
                      const std::set<std::uint32_t>& closed, std::size_t most) {
  State& state = *state_;
  if (most == ~std::size_t{0}) state.looked_at = 0;
  Diff diff;
  state.early.clear();
  state.counted = {};
  const std::vector<std::uint32_t> retired = choose(state, stats, least, closed, most);
  if (retired.empty()) return diff;
  for (const std::uint32_t id : retired) diff.ops.emplace_back(op::RetireEndpoint{id});
  diff.ops.emplace_back(op::Grace{});
  for (const std::uint32_t id : retired) {
    forget(state, id);
    hf_endpoint_name last{};
    last.incarnation = state.shadow.endpoint_names[id].incarnation;
    diff.ops.emplace_back(op::PutEndpointName{id, last});
  }
  for (const Op& operation : diff.ops) apply_to(state.shadow, operation);
  return diff;
}

bool Planner::collecting() const {
  return state_->looked_at != 0;
}

Early Planner::recount_early(const StatsOf& stats) {
  State& state = *state_;
  for (const std::uint32_t id : state.early) {
    if (const auto now = stats(id)) state.resting[id] = *now;
  }
  state.early.clear();
  return std::exchange(state.counted, {});
}

std::vector<EndpointHandle> Planner::lingering(std::size_t most) {
  State& state = *state_;
  std::vector<std::uint32_t> ids;
  for (const std::uint32_t id : state.draining) {
    if (state.drained.contains(id)) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  std::rotate(ids.begin(), std::upper_bound(ids.begin(), ids.end(), state.turn), ids.end());
  ids.resize(std::min(ids.size(), most));
  if (!ids.empty()) state.turn = ids.back();
  state.drained = state.draining;
  std::vector<EndpointHandle> result;
  result.reserve(ids.size());
  for (const std::uint32_t id : ids) result.push_back({id, state.shadow.endpoints[id].incarnation});
  return result;
}

}  // namespace holdfast
