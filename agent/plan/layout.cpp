// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/layout.h"

#include <algorithm>
#include <numeric>

namespace holdfast {
namespace {

bool ready(const Endpoint& endpoint) {
  return endpoint.ready && !endpoint.terminating && endpoint.weight > 0;
}

bool last_resort(const Endpoint& endpoint) {
  return endpoint.serving && endpoint.terminating && endpoint.weight > 0;
}

std::uint32_t info_of(const Endpoint& endpoint, hf_member_state state) {
  std::uint32_t info = endpoint.weight & HF_SLOT_WEIGHT_MASK;
  if (endpoint.ready) info |= HF_SLOT_READY;
  if (endpoint.serving) info |= HF_SLOT_SERVING;
  if (endpoint.terminating) info |= HF_SLOT_TERMINATING;
  return info | static_cast<std::uint32_t>(state) << HF_SLOT_STATE_SHIFT;
}

hf_member_state state_of(const Endpoint& endpoint, bool picked) {
  if (endpoint.held) return HF_MEMBER_HELD;
  if (picked) return HF_MEMBER_ACTIVE;
  const bool draining = endpoint.terminating || (endpoint.ready && endpoint.weight == 0);
  return draining ? HF_MEMBER_DRAINING : HF_MEMBER_UNUSED;
}

std::uint64_t most_slots(std::size_t endpoints, Precision precision) {
  constexpr std::uint64_t kFine = 16, kCoarse = 4, kSmallPool = 4096;
  if (precision == Precision::coarse) return kCoarse * endpoints;
  return std::max(kSmallPool, kFine * endpoints);
}

// Weights in lowest terms, scaled down where they would need too many slots; never below one.
std::vector<std::uint32_t> repeats(const std::vector<std::uint32_t>& weights, std::uint64_t most) {
  std::uint32_t divisor = 0;
  for (const std::uint32_t weight : weights) divisor = std::gcd(divisor, weight);
  std::uint64_t total = 0;
  for (const std::uint32_t weight : weights) total += weight / divisor;
  std::vector<std::uint32_t> result;
  for (const std::uint32_t weight : weights) {
    std::uint64_t slots = weight / divisor;
    if (total > most) slots = std::max<std::uint64_t>(1, slots * (most - weights.size()) / total);
    result.push_back(static_cast<std::uint32_t>(slots));
  }
  return result;
}

}  // namespace

SlotLayout lay_out(const Pool& pool, Precision precision) {
  const auto& endpoints = pool.endpoints;
  const bool any_ready = std::any_of(endpoints.begin(), endpoints.end(), ready);
  std::vector<std::uint32_t> picked, rest, weights;
  for (std::uint32_t index = 0; index < endpoints.size(); ++index) {
    const Endpoint& endpoint = endpoints[index];
    const bool take = any_ready ? ready(endpoint) : last_resort(endpoint);
    (take ? picked : rest).push_back(index);
    if (take) weights.push_back(endpoint.weight);
  }
  SlotLayout layout;
  const auto slots = repeats(weights, most_slots(weights.size(), precision));
  for (std::size_t one = 0; one < picked.size(); ++one) {
    const Endpoint& endpoint = endpoints[picked[one]];
    layout.members.insert(layout.members.end(), slots[one], picked[one]);
    layout.infos.insert(layout.infos.end(), slots[one],
                        info_of(endpoint, state_of(endpoint, true)));
  }
  layout.selectable = static_cast<std::uint32_t>(layout.members.size());
  for (const std::uint32_t index : rest) {
    layout.members.push_back(index);
    layout.infos.push_back(info_of(endpoints[index], state_of(endpoints[index], false)));
  }
  return layout;
}

}  // namespace holdfast
