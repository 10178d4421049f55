// SPDX-License-Identifier: Apache-2.0
// The rows of abi/pins.h for C++: whoever does something to each map of a set walks them, so that
// one map more is one row.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "agent/dataplane/image.h"
#include "holdfast/abi/pins.h"

namespace holdfast {

// What the rows call room.
namespace room {
using Of = std::uint32_t Capacity::*;
inline constexpr Of frontends = &Capacity::frontends, services = &Capacity::services,
                    pools = &Capacity::pools, slots = &Capacity::slots,
                    endpoints = &Capacity::endpoints, strings = &Capacity::strings;
inline constexpr Of one = nullptr;  // one element, whatever the capacity
}  // namespace room

enum class MapKind { hash, array, storage, per_cpu };

struct MapRow {
  const char* name;
  MapKind kind;
  room::Of room;
  std::size_t value_bytes;
};

#define HF_ROW(kind, name, key, value, elements, member) \
  {#name, MapKind::kind, room::elements, sizeof(value)},
inline constexpr MapRow kSetMaps[] = {HF_SET_MAPS(HF_ROW)};
#undef HF_ROW

// nullptr: no map of a set is called so.
inline const MapRow* set_map(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kSetMaps), std::end(kSetMaps),
                                         [name](const MapRow& row) { return name == row.name; });
  return found == std::end(kSetMaps) ? nullptr : found;
}

// Elements of the schema that the map has room for.
inline std::uint32_t elements_of(const MapRow& row, const Capacity& capacity) {
  return row.room ? capacity.*row.room : 1;
}

// As the kernel charges them: an array by its values, of which slots have a line each; a hash by
// entry and bucket (106 bytes for each frontend on x86-64, measured), which are made with it.
inline std::uint64_t bytes_of(const Capacity& capacity) {
  constexpr std::uint64_t kFrontend = 106;
  std::uint64_t bytes = 0;
  for (const MapRow& row : kSetMaps) {
    const std::uint64_t elements = elements_of(row, capacity);
    if (row.kind == MapKind::hash) {
      bytes += elements * kFrontend;
    } else {
      bytes += elements * row.value_bytes / (row.room == room::slots ? HF_SLOTS_PER_LINE : 1);
    }
  }
  return bytes;
}

// f(name, member of each of the images), for each map whose content an image holds: FrontendMap, a
// vector of elements, the heap of strings, hf_meta. In the order of the rows.
template <class F, class... Images>
void for_each_map(const F& f, Images&... images) {
#define HF_VISIT(kind, name, key, value, elements, member) f(#name, images.member...);
  HF_CONTENT_MAPS(HF_VISIT)
#undef HF_VISIT
}

}  // namespace holdfast
