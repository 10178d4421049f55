// SPDX-License-Identifier: Apache-2.0
// The strings heap: texts interned and reference-counted, in cells. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/dataplane/image.h"
#include "agent/dataplane/range_allocator.h"

namespace holdfast {

class StringHeap {
 public:
  explicit StringHeap(std::uint32_t cells) : cells_(cells) {}

  static std::uint32_t cells_of(const std::string& text);

  // One reference more; `put` gets the operation when the text is new. nullopt: no room.
  std::optional<hf_string_ref> take(const std::string& text, std::vector<Op>& put);
  void drop(hf_string_ref ref);  // of a reference that is not in the books: nothing
  // From an image. A text whose cells are another's stays out of the books.
  void adopt(hf_string_ref ref, const std::string& text);
  std::uint32_t used() const { return cells_.used(); }

 private:
  struct Entry {
    std::uint32_t cell = 0;
    std::uint32_t references = 0;
  };
  using Entries = std::unordered_map<std::string, Entry>;

  void enter(const std::string& text, std::uint32_t cell);

  RangeAllocator cells_;
  Entries entries_;
  std::unordered_map<std::uint32_t, Entries::value_type*> by_cell_;
};

}  // namespace holdfast
