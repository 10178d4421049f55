// SPDX-License-Identifier: Apache-2.0
// How a pool's endpoints fill its slots. Pure. A load-balancing policy is a way to fill slots, and
// a selector that picks among them.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/model/vantage.h"
#include "holdfast/abi/pool.h"

namespace holdfast {

struct SlotFill {
  std::vector<std::uint32_t> members;  // indexes into Pool::endpoints, one a slot
  std::vector<std::uint32_t> infos;    // slot_info of the same slot
  std::uint32_t selectable = 0;        // the first so many may be picked; the rest is the tail
  hf_selector selector = HF_SELECT_RANDOM;
};

// How exactly uneven weights are kept: fine needs up to max(4096, 16 an endpoint) slots, coarse
// (where the map has no room for fine) up to 4 an endpoint, even (where a service must shrink, and
// there is hardly any room) one. Each endpoint has one at least, also where that is more than its
// share. A pool word counts HF_POOL_COUNT_MASK slots: more members than that are the caller's to
// refuse.
enum class Precision { fine, coarse, even };

// Weights become repeats. Every endpoint is listed, those that are not picked() in the tail.
SlotFill fill_slots(const Pool& pool, const Vantage& vantage,
                    Precision precision = Precision::fine);

}  // namespace holdfast
