// SPDX-License-Identifier: Apache-2.0
// The codes are what dashboards and scripts rely on; the words are what people read.
#include "agent/model/hold_reason.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast {
namespace {

// No default: a reason without its line here is a warning, and so an error.
std::string expected_code(HoldReason reason) {
  switch (reason) {
    case HoldReason::unknown:
      return "unknown";
    case HoldReason::doubted:
      return "doubted";
    case HoldReason::incomplete:
      return "incomplete";
    case HoldReason::list_absent:
      return "list_absent";
    case HoldReason::list_unready:
      return "list_unready";
    case HoldReason::unexplained:
      return "unexplained";
    case HoldReason::accident:
      return "accident";
    case HoldReason::restored:
      return "restored";
  }
  return "none";
}

TEST(HoldReasons, EachHasItsCodeAndItsWords) {
  std::set<std::string> codes, words;
  for (const HoldReason reason : kHoldReasons) {
    EXPECT_EQ(to_string(reason), expected_code(reason));
    codes.emplace(to_string(reason));
    words.insert(describe({reason, "a detail"}));
  }
  EXPECT_EQ(codes.size(), kHoldReasons.size());
  EXPECT_EQ(words.size(), kHoldReasons.size());
}

TEST(HoldReasons, TheWordsAreThoseOfAlways) {
  const auto words = [](HoldReason reason, const std::string& detail = "") {
    return describe({reason, detail});
  };
  EXPECT_EQ(words(HoldReason::unknown), "");
  EXPECT_EQ(words(HoldReason::doubted, "a.yaml: the file vanished"), "a.yaml: the file vanished");
  EXPECT_EQ(words(HoldReason::incomplete), "the source has not said all it knows yet");
  EXPECT_EQ(words(HoldReason::list_absent), "absent from a list, and no event explains it");
  EXPECT_EQ(words(HoldReason::list_unready), "not ready in a list, and no event explains it");
  EXPECT_EQ(words(HoldReason::unexplained), "absent, and nothing explains it");
  EXPECT_EQ(words(HoldReason::accident, "3 services"), "3 services, with nothing terminating");
  EXPECT_EQ(words(HoldReason::restored), "held in an earlier life");
}

}  // namespace
}  // namespace holdfast
