// SPDX-License-Identifier: Apache-2.0
// An end by SIGKILL before every step of making and switching a set: the next start goes forward or
// back, nothing is mixed, nothing is left, and no connect fails meanwhile.
#include <gtest/gtest.h>

#include "tests/kernel/sets/serving.h"

namespace holdfast::kernel_test {
namespace {

class Crash : public ::testing::Test, protected Serving {};

TEST_F(Crash, BeforeEveryStepOfASwitch) {
  first_set();
  const LongConnections old(40);
  Traffic traffic;
  const long steps = bench.agent({"--rebuild"}).number("steps");
  ASSERT_GT(steps, 40);
  for (long step = 1; step <= steps; ++step) {
    const Ran ended = bench.agent({"--rebuild", "--stop-at", std::to_string(step)});
    ASSERT_TRUE(ended.killed()) << step << ": " << ended.output;
    const Ran next = bench.agent({});
    ASSERT_TRUE(next.good()) << step << ": " << next.output;
    EXPECT_EQ(bench.disorder(), "") << "after an end before step " << step;
    EXPECT_EQ(old.broken(), 0u) << step;
  }
  const Counts counts = traffic.stop();
  std::printf("figure: ends before %ld steps: %lu connects, %lu failed, %lu wrong peers\n", steps,
              counts.connects, counts.failed, counts.wrong_peer);
  EXPECT_EQ(counts.failed, 0u);
  EXPECT_EQ(counts.wrong_peer, 0u);
  EXPECT_EQ(bench.in_flight(), old.size()) << bench.traffic();
}

// Also what mends a switch may end half-way.
TEST_F(Crash, BeforeEveryStepOfWhatMendsASwitch) {
  first_set();
  const LongConnections old(40);
  Traffic traffic;
  const long attach = bench.agent({}).number("steps");
  long mending = 0;
  for (long step = 1;; ++step) {
    ASSERT_TRUE(bench.agent({"--rebuild", "--stop-before", "switch hf_connect4"}).killed());
    const Ran ended = bench.agent({"--stop-at", std::to_string(step)});
    if (!ended.killed()) {
      mending = step - 1;
      break;
    }
    const Ran next = bench.agent({});
    ASSERT_TRUE(next.good()) << step << ": " << next.output;
    EXPECT_EQ(bench.disorder(), "") << "after an end before step " << step;
  }
  EXPECT_GT(mending, attach);
  EXPECT_EQ(traffic.stop().failed, 0u);
  EXPECT_EQ(old.broken(), 0u);
  EXPECT_EQ(bench.in_flight(), old.size()) << bench.traffic();
}

TEST_F(Crash, BeforeEveryStepOfTheFirstStart) {
  const std::vector<std::string> start{"--services", "8", "--port", std::to_string(server.port())};
  Ran ran = bench.agent(start);
  const long steps = ran.number("steps");
  ASSERT_GT(steps, 30);
  for (long step = 1; step <= steps; ++step) {
    ASSERT_TRUE(bench.uninstall().good());
    auto ending = start;
    ending.insert(ending.end(), {"--stop-at", std::to_string(step)});
    ASSERT_TRUE(bench.agent(ending).killed()) << step;
    ran = bench.agent(start);
    ASSERT_TRUE(ran.good()) << step << ": " << ran.output;
    EXPECT_EQ(bench.disorder(), "") << "after an end before step " << step;
  }
  EXPECT_EQ(LongConnections(16).broken(), 0u);
}

}  // namespace
}  // namespace holdfast::kernel_test
