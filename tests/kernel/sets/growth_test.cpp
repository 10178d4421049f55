// SPDX-License-Identifier: Apache-2.0
// Growth: a larger set takes over under load, and what may not grow is refused whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kernel/sets/serving.h"

namespace holdfast::kernel_test {
namespace {

class Growth : public ::testing::Test, protected Serving {
 protected:
  std::vector<std::string> with(std::vector<std::string> arguments, int services) const {
    const auto filling = content(services);
    arguments.insert(arguments.end(), filling.begin(), filling.end());
    return arguments;
  }
};

TEST_F(Growth, GrowsUnderLoadWithNoFailedConnect) {
  ASSERT_TRUE(bench.agent(with({}, 8)).good());
  EXPECT_EQ(bench.set(), 1u);
  const LongConnections old(64);
  ASSERT_EQ(old.size(), 64u);
  Traffic traffic;
  for (const int services : {40, 200, 1000, 5000}) {
    traffic.wait_for(200);
    const Ran ran = bench.agent(with({"--limit", "100000"}, services));
    ASSERT_TRUE(ran.good()) << ran.output;
    EXPECT_EQ(bench.disorder(), "");
  }
  traffic.wait_for(200);
  const Counts counts = traffic.stop();
  std::printf("figure: growth to 5,000 services: %lu connects, %lu failed, %lu wrong peers\n",
              counts.connects, counts.failed, counts.wrong_peer);
  EXPECT_EQ(counts.failed, 0u);
  EXPECT_EQ(counts.wrong_peer, 0u);
  EXPECT_EQ(old.broken(), 0u);
  EXPECT_GE(bench.set(), 4u);
  EXPECT_EQ(bench.in_flight(), old.size());
}

TEST_F(Growth, WhatIsInFlightStaysExactOverManySwitches) {
  ASSERT_TRUE(bench.agent(with({}, 8)).good());
  LongConnections old(200);
  Traffic traffic;
  for (int turn = 0; turn < 10; ++turn) {
    if (turn == 5) old.close_half();
    const Ran ran = bench.agent({"--rebuild"});
    ASSERT_TRUE(ran.good()) << ran.output;
  }
  EXPECT_EQ(traffic.stop().failed, 0u);
  EXPECT_EQ(bench.set(), 11u);
  EXPECT_EQ(old.broken(), 0u);
  EXPECT_EQ(bench.in_flight(), old.size());
}

TEST_F(Growth, SabotageWithoutTheCutMiscounts) {
  ASSERT_TRUE(bench.agent(with({}, 8)).good());
  const LongConnections old(20);
  ASSERT_TRUE(bench.agent({"--rebuild", "--no-cut"}).good());
  EXPECT_NE(bench.in_flight(), old.size());
}

TEST_F(Growth, BeyondTheLimitIsRefusedAndTheRestServes) {
  ASSERT_TRUE(bench.agent(with({}, 8)).good());
  const auto before = bench.pinned();
  Traffic traffic;
  const Ran ran = bench.agent(with({"--limit", "100"}, 200));
  EXPECT_FALSE(ran.good());
  EXPECT_THAT(ran.output, testing::HasSubstr("exhausted"));
  EXPECT_THAT(ran.output, testing::ContainsRegex("[0-9]+ do not fit, as: map '.*' is full"));
  EXPECT_EQ(traffic.stop().failed, 0u);
  EXPECT_EQ(bench.pinned(), before);
  EXPECT_EQ(bench.disorder(), "");
}

TEST_F(Growth, UninstallLeavesNothing) {
  ASSERT_TRUE(bench.agent(with({}, 8)).good());
  ASSERT_TRUE(bench.agent(with({"--limit", "100000"}, 300)).good());
  // Whatever an ended process left: a set in the making, a whole one, some of the links switched.
  for (const char* step : {"fill", "complete", "switch hf_getpeername6", "unpin"}) {
    ASSERT_TRUE(bench.agent({"--rebuild", "--stop-before", step}).killed());
    const auto ours = bench.objects();
    EXPECT_EQ(still_loaded(ours), ours);
    const Ran ran = bench.uninstall();
    EXPECT_TRUE(ran.good()) << ran.output;
    EXPECT_THAT(bench.pinned(), testing::IsEmpty());
    // The kernel frees what nobody holds a little later.
    for (int wait = 0; wait < 200 && !still_loaded(ours).empty(); ++wait) ::usleep(50'000);
    EXPECT_THAT(still_loaded(ours), testing::IsEmpty());
    ASSERT_TRUE(bench.agent(with({}, 8)).good());
  }
}

// A directory of others, named by mistake, loses nothing but what has our names.
TEST_F(Growth, UninstallTouchesOnlyItsOwn) {
  ASSERT_TRUE(bench.agent(with({}, 8)).good());
  ASSERT_EQ(::mkdir((bench.bpffs() + "/other").c_str(), 0700), 0);
  EXPECT_FALSE(bench.uninstall().good());
  EXPECT_THAT(bench.pinned(), testing::ElementsAre("other"));
  ASSERT_EQ(::rmdir((bench.bpffs() + "/other").c_str()), 0);
  EXPECT_TRUE(bench.uninstall().good());
}

}  // namespace
}  // namespace holdfast::kernel_test
