// SPDX-License-Identifier: Apache-2.0
// How many endpoints left their services in this life, and why. A follower of generations. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "agent/catalog/catalog.h"

namespace holdfast {

class LeftCounts {
 public:
  void follow(const Generation& generation) {
    for (const CatalogChange& change : generation.changes) {
      for (const Departure& one : change.left) ++counts_[static_cast<std::size_t>(one.why)];
    }
  }
  std::uint64_t of(Ruling why) const { return counts_[static_cast<std::size_t>(why)]; }

 private:
  std::array<std::uint64_t, kRulings> counts_ = {};
};

}  // namespace holdfast
