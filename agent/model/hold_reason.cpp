// SPDX-License-Identifier: Apache-2.0
#include "agent/model/hold_reason.h"

namespace holdfast {
namespace {

struct Row {
  HoldReason reason;
  std::string_view code;
  bool detailed;  // its words begin with the detail
  std::string_view words;
};

// clang-format off
constexpr Row kRows[] = {
    {HoldReason::unknown,      "unknown",      false, ""},
    {HoldReason::doubted,      "doubted",      true,  ""},
    {HoldReason::incomplete,   "incomplete",   false, "the source has not said all it knows yet"},
    {HoldReason::list_absent,  "list_absent",  false, "absent from a list, and no event explains it"},
    {HoldReason::list_unready, "list_unready", false, "not ready in a list, and no event explains it"},
    {HoldReason::unexplained,  "unexplained",  false, "absent, and nothing explains it"},
    {HoldReason::accident,     "accident",     true,  ", with nothing terminating"},
    {HoldReason::restored,     "restored",     false, "held in an earlier life"},
};
// clang-format on

constexpr bool rows_are_in_order() {
  for (std::size_t index = 0; index < kHoldReasons.size(); ++index) {
    if (kRows[index].reason != kHoldReasons[index]) return false;
    if (static_cast<std::size_t>(kRows[index].reason) != index) return false;
  }
  return std::size(kRows) == kHoldReasons.size();
}
static_assert(rows_are_in_order(), "a row for each reason, in the order of the enum");

const Row& row_of(HoldReason reason) {
  return kRows[static_cast<std::size_t>(reason)];
}

}  // namespace

std::string_view to_string(HoldReason reason) {
  return row_of(reason).code;
}

std::string describe(const HoldCause& cause) {
  const Row& row = row_of(cause.reason);
  return (row.detailed ? cause.detail : std::string()) + std::string(row.words);
}

}  // namespace holdfast
