// SPDX-License-Identifier: Apache-2.0
// Free ranges of an array: slots, string cells, ids (ranges of one). First fit by address, so that
// what is in use stays near the front of the map. Element 0 is never given out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace holdfast {

class RangeAllocator {
 public:
  explicit RangeAllocator(std::uint32_t capacity);

  std::optional<std::uint32_t> allocate(std::uint32_t length);  // nullopt: no free range so long
  void free(std::uint32_t first, std::uint32_t length);         // joins its free neighbours
  bool reserve(std::uint32_t first, std::uint32_t length);      // false: not wholly free
  std::uint32_t used() const { return used_; }

 private:
  std::map<std::uint32_t, std::uint32_t> free_;  // first -> length
  std::uint32_t used_ = 0;
};

}  // namespace holdfast
