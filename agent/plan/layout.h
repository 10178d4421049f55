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

// How exactly uneven weights are kept: fine needs up to max(4096, 16 an endpoint) slots, coarse
// (where the map has no room for fine) up to 4 an endpoint. Each endpoint has one at least, even
// where that is more than its share.
enum class Precision { fine, coarse };

// Weights become repeats. Every endpoint is listed, those that are not picked() in the tail.
SlotLayout lay_out(const Pool& pool, Precision precision = Precision::fine);

}  // namespace holdfast
