// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/range_allocator.h"

#include <iterator>

namespace holdfast {

RangeAllocator::RangeAllocator(std::uint32_t capacity) {
  if (capacity > 1) free_[1] = capacity - 1;
}

std::optional<std::uint32_t> RangeAllocator::allocate(std::uint32_t length) {
  for (auto range = free_.begin(); range != free_.end(); ++range) {
    const auto [first, room] = *range;
    if (room < length) continue;
    free_.erase(range);
    if (room > length) free_[first + length] = room - length;
    used_ += length;
    return first;
  }
  return std::nullopt;
}

void RangeAllocator::free(std::uint32_t first, std::uint32_t length) {
  if (length == 0) return;
  used_ -= length;
  auto [range, inserted] = free_.emplace(first, length);
  if (const auto next = std::next(range); next != free_.end() && first + length == next->first) {
    range->second += next->second;
    free_.erase(next);
  }
  if (range != free_.begin()) {
    const auto before = std::prev(range);
    if (before->first + before->second == first) {
      before->second += range->second;
      free_.erase(range);
    }
  }
}

bool RangeAllocator::reserve(std::uint32_t first, std::uint32_t length) {
  if (length == 0) return true;
  auto range = free_.upper_bound(first);
  if (range == free_.begin()) return false;
  range = std::prev(range);
  const auto [start, room] = *range;
  if (std::uint64_t{first} + length > std::uint64_t{start} + room) return false;
  free_.erase(range);
  if (first > start) free_[start] = first - start;
  if (start + room > first + length) free_[first + length] = start + room - first - length;
  used_ += length;
  return true;
}

}  // namespace holdfast
