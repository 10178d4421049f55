// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/image.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace holdfast {

std::size_t FrontendKeyHash::operator()(const hf_frontend_key& key) const {
  return XXH3_64bits(&key, sizeof key);
}

Capacity capacity_for(std::uint32_t services, std::uint32_t endpoints) {
  constexpr std::uint64_t kLine = HF_SLOTS_PER_LINE;
  const auto bounded = [](std::uint64_t wanted, std::uint64_t most) {
    return static_cast<std::uint32_t>(std::min(wanted, most));
  };
  constexpr std::uint64_t kMostPools = 1ull << HF_FRONTEND_POOL_BITS;
  constexpr std::uint64_t kMostSlots = 1ull << HF_POOL_FIRST_BITS;
  Capacity capacity;
  capacity.frontends = bounded(8ull * services, 1ull << 31);
  capacity.services = bounded(1ull + services, 1ull << HF_POLICY_SERVICE_BITS);
  capacity.pools = bounded(1 + 4ull * services, kMostPools);
  capacity.slots = bounded((8ull * endpoints + 2 * kLine - 1) / kLine * kLine, kMostSlots);
  capacity.endpoints = bounded(1ull + endpoints, 1ull << 31);
  capacity.strings = bounded(1 + 4ull * services + endpoints / 4, 1ull << 31);
  return capacity;
}

std::optional<Capacity> grown(const Capacity& now, const Capacity& needed, const Capacity& limit) {
  bool fits = true;
  const auto choose = [&fits](std::uint32_t has, std::uint32_t needs, std::uint32_t most) {
    most = std::max(has, most);
    if (needs > most) fits = false;
    return std::max(has, static_cast<std::uint32_t>(std::min<std::uint64_t>(2ull * needs, most)));
  };
  Capacity room;
  room.frontends = choose(now.frontends, needed.frontends, limit.frontends);
  room.services = choose(now.services, needed.services, limit.services);
  room.pools = choose(now.pools, needed.pools, limit.pools);
  room.slots = choose(now.slots, needed.slots, limit.slots);
  room.endpoints = choose(now.endpoints, needed.endpoints, limit.endpoints);
  room.strings = choose(now.strings, needed.strings, limit.strings);
  const std::uint32_t lines = (room.slots + HF_SLOTS_PER_LINE - 1) / HF_SLOTS_PER_LINE;
  room.slots = lines * HF_SLOTS_PER_LINE;
  if (!fits) return std::nullopt;
  return room;
}

std::vector<hf_endpoint_stats> begin_stats(const Image& before) {
  std::vector<hf_endpoint_stats> result(before.stats.size());
  for (std::size_t id = 0; id < result.size(); ++id) {
    result[id].failure = before.stats[id].failure;
    result[id].srtt_us = before.stats[id].srtt_us;
    result[id].handshake_at = before.stats[id].handshake_at;
  }
  return result;
}

void carry_stats(const Image& before, Image& after) {
  const std::size_t count = std::min({before.stats.size(), before.endpoint_names.size(),
                                      before.endpoints.size(), after.endpoint_names.size()});
  for (std::size_t id = 1; id < count; ++id) {
    if (before.endpoints[id].incarnation == 0) continue;
    const hf_endpoint_stats& stats = before.stats[id];
    const hf_endpoint_name base = before.endpoint_names[id];
    hf_endpoint_name& name = after.endpoint_names[id];
    name.base_connects = base.base_connects - stats.connects;
    name.base_closes = base.base_closes - stats.closes;
    name.base_established = base.base_established - stats.established;
    name.base_failures = base.base_failures - stats.failures;
    name.base_abandoned = base.base_abandoned - stats.abandoned;
  }
}

std::string_view Image::view(hf_string_ref ref) const {
  const std::size_t first = std::size_t{ref.cell} * HF_STRING_CELL;
  if (first + ref.length > strings.size()) return {};
  return std::string_view(strings).substr(first, ref.length);
}

}  // namespace holdfast
