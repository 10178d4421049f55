// SPDX-License-Identifier: Apache-2.0
// How a pool's endpoints fill its slots. Pure. A load-balancing policy is a way to fill slots.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/model/service.h"

namespace holdfast {

struct SlotLayout {
  std::vector<std::uint32_t> members;  // indexes into Pool::endpoints, one a slot
  std::vector<std::uint32_t> infos;    // slot_info of the same slot
  std::uint32_t selectable = 0;        // the first so many may be picked; the rest is the tail
};

// Ready endpoints are picked; where none is left, those that still serve while terminating
// (KEP-1672). Weights become repeats, at most kSlotsPerEndpoint on average.
SlotLayout lay_out(const Pool& pool);

inline constexpr std::uint32_t kSlotsPerEndpoint = 16;

}  // namespace holdfast
