// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/slots.h"

#include <algorithm>
#include <numeric>

#include "agent/model/picked.h"
#include "agent/plan/words.h"

namespace holdfast {
namespace {

hf_member_state state_of(const Endpoint& endpoint, bool picked) {
  if (endpoint.held) return HF_MEMBER_HELD;
  if (picked) return HF_MEMBER_ACTIVE;
  const bool draining = endpoint.terminating || (endpoint.ready && endpoint.weight == 0);
  return draining ? HF_MEMBER_DRAINING : HF_MEMBER_UNUSED;
}

std::uint64_t most_slots(std::size_t endpoints, Precision precision) {
  constexpr std::uint64_t kFine = 16, kCoarse = 4, kSmallPool = 4096;
  if (precision == Precision::even) return endpoints;
  const std::uint64_t wanted = precision == Precision::coarse
                                   ? kCoarse * endpoints
                                   : std::max(kSmallPool, kFine * endpoints);
  return std::max<std::uint64_t>(endpoints, std::min<std::uint64_t>(wanted, HF_POOL_COUNT_MASK));
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

SlotFill fill_slots(const Pool& pool, const Vantage& vantage, Precision precision) {
  const auto& endpoints = pool.endpoints;
  const std::vector<bool> take = picked(pool, vantage);
  std::vector<std::uint32_t> chosen, rest, weights;
  for (std::uint32_t index = 0; index < endpoints.size(); ++index) {
    (take[index] ? chosen : rest).push_back(index);
    if (take[index]) weights.push_back(endpoints[index].weight);
  }
  SlotFill fill;
  const auto slots = repeats(weights, most_slots(weights.size(), precision));
  for (std::size_t one = 0; one < chosen.size(); ++one) {
    const Endpoint& endpoint = endpoints[chosen[one]];
    fill.members.insert(fill.members.end(), slots[one], chosen[one]);
    fill.infos.insert(fill.infos.end(), slots[one], slot_info(endpoint, state_of(endpoint, true)));
  }
  fill.selectable = static_cast<std::uint32_t>(fill.members.size());
  for (const std::uint32_t index : rest) {
    fill.members.push_back(index);
    fill.infos.push_back(slot_info(endpoints[index], state_of(endpoints[index], false)));
  }
  return fill;
}

}  // namespace holdfast
