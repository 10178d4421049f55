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
  capacity.services = bounded(1ull + services, kMostPools);
  capacity.pools = bounded(1 + 4ull * services, kMostPools);
  capacity.slots = bounded((8ull * endpoints + 2 * kLine - 1) / kLine * kLine, kMostSlots);
  capacity.endpoints = bounded(1ull + endpoints, 1ull << 31);
  capacity.strings = bounded(1 + 4ull * services + endpoints / 4, 1ull << 31);
  return capacity;
}

std::string_view Image::view(hf_string_ref ref) const {
  const std::size_t first = std::size_t{ref.cell} * HF_STRING_CELL;
  if (first + ref.length > strings.size()) return {};
  return std::string_view(strings).substr(first, ref.length);
}

}  // namespace holdfast
