// SPDX-License-Identifier: Apache-2.0
// Free ranges of an array: slots, string cells, ids (ranges of one). Best fit, the lowest address
// among equals, so that small holes are filled first. Element 0 is never given out.
// Every call is logarithmic in the number of holes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace holdfast {

class RangeAllocator {
 public:
  explicit RangeAllocator(std::uint32_t capacity);

  std::optional<std::uint32_t> allocate(std::uint32_t length);  // nullopt: no free range so long
  void free(std::uint32_t first, std::uint32_t length);         // joins its free neighbours
  bool reserve(std::uint32_t first, std::uint32_t length);      // false: not wholly free
  std::uint32_t used() const { return used_; }

 private:
  using Holes = std::map<std::uint32_t, std::uint32_t>;  // first -> length

  void add(std::uint32_t first, std::uint32_t length);
  void remove(Holes::iterator hole);

  Holes holes_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> by_length_;  // length, first
  std::uint32_t used_ = 0;
};

}  // namespace holdfast
