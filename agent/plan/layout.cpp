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
  return endpoint.serving && endpoint.weight > 0;
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

// Weights in lowest terms, scaled down where they would need too many slots; never below one.
std::vector<std::uint32_t> repeats(const std::vector<std::uint32_t>& weights) {
  std::uint32_t divisor = 0;
  for (const std::uint32_t weight : weights) divisor = std::gcd(divisor, weight);
  std::uint64_t total = 0;
  for (const std::uint32_t weight : weights) total += weight / divisor;
  const std::uint64_t most = std::uint64_t{kSlotsPerEndpoint} * weights.size();
  std::vector<std::uint32_t> result;
  for (const std::uint32_t weight : weights) {
    std::uint64_t slots = weight / divisor;
    if (total > most) slots = std::max<std::uint64_t>(1, slots * most / total);
    result.push_back(static_cast<std::uint32_t>(slots));
  }
  return result;
}

}  // namespace

SlotLayout lay_out(const Pool& pool) {
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
  const auto slots = weights.empty() ? std::vector<std::uint32_t>{} : repeats(weights);
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
