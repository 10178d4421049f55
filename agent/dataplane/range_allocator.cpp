// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/range_allocator.h"

#include <iterator>

namespace holdfast {

RangeAllocator::RangeAllocator(std::uint32_t capacity) {
  if (capacity > 1) add(1, capacity - 1);
}

void RangeAllocator::add(std::uint32_t first, std::uint32_t length) {
  if (length == 0) return;
  holes_[first] = length;
  by_length_.emplace(length, first);
}

void RangeAllocator::remove(Holes::iterator hole) {
  by_length_.erase({hole->second, hole->first});
  holes_.erase(hole);
}

std::optional<std::uint32_t> RangeAllocator::allocate(std::uint32_t length) {
  const auto fit = by_length_.lower_bound({length, 0});
  if (length == 0 || fit == by_length_.end()) return std::nullopt;
  used_ += length;
  if (fit->first == length) {
    const std::uint32_t first = fit->second;
    remove(holes_.find(first));
    return first;
  }
  // The hole begins later: the same nodes, in their new place. A million ids are given out so.
  auto by_length = by_length_.extract(fit);
  auto hole = holes_.extract(by_length.value().second);
  const std::uint32_t first = hole.key();
  hole.key() += length;
  hole.mapped() -= length;
  by_length.value() = {hole.mapped(), hole.key()};
  by_length_.insert(std::move(by_length));
  holes_.insert(std::move(hole));
  return first;
}

void RangeAllocator::free(std::uint32_t first, std::uint32_t length) {
  if (length == 0) return;
  used_ -= length;
  auto next = holes_.lower_bound(first);
  if (next != holes_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == first) {
      first = before->first;
      length += before->second;
      remove(before);
    }
  }
  next = holes_.lower_bound(first);
  if (next != holes_.end() && first + length == next->first) {
    length += next->second;
    remove(next);
  }
  add(first, length);
}

bool RangeAllocator::reserve(std::uint32_t first, std::uint32_t length) {
  if (length == 0) return true;
  auto hole = holes_.upper_bound(first);
  if (hole == holes_.begin()) return false;
  hole = std::prev(hole);
  const auto [start, room] = *hole;
  if (std::uint64_t{first} + length > std::uint64_t{start} + room) return false;
  remove(hole);
  add(start, first - start);
  add(first + length, start + room - first - length);
  used_ += length;
  return true;
}

}  // namespace holdfast
