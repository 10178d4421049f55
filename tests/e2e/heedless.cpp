// SPDX-License-Identifier: Apache-2.0
// Instead of the judgement whether an input fits into memory: it always does.
#include "agent/sources/memory_cost.h"

namespace holdfast {

bool heedless(const std::optional<MemoryRoom>&,
              std::uint64_t) asm("__wrap__ZN8holdfast4fitsERKSt8optionalINS_10MemoryRoomEEm");

bool heedless(const std::optional<MemoryRoom>&, std::uint64_t) {
  return true;
}

}  // namespace holdfast
