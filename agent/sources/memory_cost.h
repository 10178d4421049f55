// SPDX-License-Identifier: Apache-2.0
// What an input costs in memory, and whether so much is left: the judgement of
// agent/sources/allowance.h. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/base/memory_limit.h"

namespace holdfast {

// What an input is made of.
struct Amount {
  std::size_t services = 0;
  std::size_t ports = 0;      // of services
  std::size_t endpoints = 0;  // once for each port that they are reached at

  Amount& operator+=(const Amount& other);
  Amount& operator-=(const Amount& other);  // not below zero
  bool operator==(const Amount&) const = default;
};

// The maps there are: what they have room for, and their bytes. Nothing: they are yet to be made.
struct MapsRoom {
  std::size_t services = 0;
  std::size_t endpoints = 0;
  std::uint64_t bytes = 0;
};

// Bytes. Of the objects that a source keeps; of all that follows from `fresh` ones up to the end of
// a plan, what is there only while it passes and maps made anew for `all` included; of the values
// of a parsed text.
std::uint64_t cost_of_objects(const Amount& amount);
std::uint64_t cost_to_come(const Amount& fresh, const MapsRoom& maps, const Amount& all);
std::uint64_t cost_of_values(std::size_t text);

// The judgement. `needed` is beyond what is used; something stays free. No limit known: it fits.
bool fits(const std::optional<MemoryRoom>& room, std::uint64_t needed);

struct Refusal {
  std::uint64_t needed = 0;  // beyond what was used before it
  std::string words;
};
// `before`: as it was when nothing of it had been read. `seen`: that it does not fit there,
// whatever was estimated.
Refusal refuse(const MemoryRoom& before, std::uint64_t needed, bool seen);

}  // namespace holdfast
