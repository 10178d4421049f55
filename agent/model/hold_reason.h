// SPDX-License-Identifier: Apache-2.0
// Why a removal is held: one of a few reasons to count and to decide by, and what of it differs
// from hold to hold.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

enum class HoldReason : std::uint8_t {
  unknown,       // nothing is known of why
  doubted,       // the part of the source that it came from is in doubt; with a detail
  incomplete,    // the source has not said all it knows in this life
  list_absent,   // a list does not have it
  list_unready,  // a list has it as not ready
  unexplained,   // absent otherwise
  accident,      // several services lost their last ready endpoint at once; with a detail
  restored,      // it was held in an earlier life
};
inline constexpr std::array kHoldReasons = {HoldReason::unknown,      HoldReason::doubted,
                                            HoldReason::incomplete,   HoldReason::list_absent,
                                            HoldReason::list_unready, HoldReason::unexplained,
                                            HoldReason::accident,     HoldReason::restored};

// How many there are of each, in the order of the enum.
using HoldCounts = std::array<std::size_t, kHoldReasons.size()>;

// The code that metrics and JSON have: "list_absent".
std::string_view to_string(HoldReason reason);

struct HoldCause {
  HoldReason reason = HoldReason::unknown;
  std::string detail = {};  // "" where the reason says it all

  bool operator==(const HoldCause&) const = default;
};

std::string describe(const HoldCause& cause);  // for people; "" of an unknown one

}  // namespace holdfast
