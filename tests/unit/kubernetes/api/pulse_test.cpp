// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/pulse.h"

#include <gtest/gtest.h>

namespace holdfast::kubernetes {
namespace {

using Next = PulseLogic::Next;

TEST(PulseLogic, WakesOnceWhenAnIllServerIsWell) {
  PulseLogic logic;
  EXPECT_EQ(logic.answered(false), Next::ask_again);
  EXPECT_EQ(logic.answered(false), Next::ask_again);
  EXPECT_EQ(logic.answered(true), Next::wake);
  EXPECT_EQ(logic.answered(true), Next::rest);
}

// It refuses us, not everybody: to ask it more often would not help.
TEST(PulseLogic, LeavesAServerAloneThatWasNeverIll) {
  PulseLogic logic;
  EXPECT_EQ(logic.answered(true), Next::rest);
  EXPECT_EQ(logic.answered(true), Next::rest);
}

}  // namespace
}  // namespace holdfast::kubernetes
