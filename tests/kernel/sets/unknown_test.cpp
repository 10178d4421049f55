// SPDX-License-Identifier: Apache-2.0
// A set that this version cannot read serves until one of this version is filled from elsewhere.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/kernel/sets/serving.h"

namespace holdfast::kernel_test {
namespace {

class Unknown : public ::testing::Test, protected Serving {
 protected:
  Ran start(std::vector<std::string> more = {}, int services = 8) const {
    auto arguments = content(services);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return bench.agent(arguments);
  }
  std::string current(const std::string& name) const { return bench.bpffs() + "/current/" + name; }
  void forget_layout() const { bench.forget_layout("current"); }
};

// The peers of what was connected before are their endpoints: that state is of the other version.
std::size_t still_open(const LongConnections& old) {
  return old.size() - old.silent();
}

TEST_F(Unknown, ServesUntilTheNextSetIsFilledWithNoFailedConnect) {
  ASSERT_TRUE(start().good());
  const LongConnections old(40);
  Traffic traffic;
  traffic.wait_for(100);
  for (std::uint32_t set = 2; set <= 6; ++set) {
    forget_layout();
    const Ran ran = start();
    ASSERT_TRUE(ran.good()) << ran.output;
    EXPECT_EQ(bench.set(), set);
    EXPECT_EQ(bench.disorder(), "");
    EXPECT_EQ(still_open(old), old.size());
    const LongConnections young(16);
    EXPECT_EQ(young.broken(), 0u) << "made through the new set: its peers are right";
    traffic.wait_for(100);
  }
  const Counts counts = traffic.stop();
  std::printf(
      "figure: 5 unknown layouts replaced: %lu connects, %lu failed, %lu showed their "
      "endpoint\n",
      counts.connects, counts.failed, counts.wrong_peer);
  EXPECT_EQ(counts.failed, 0u);
}

TEST_F(Unknown, AMapThatIsNotThereIsOneMore) {
  ASSERT_TRUE(start().good());
  Traffic traffic;
  ASSERT_EQ(::unlink(current("slot_info").c_str()), 0);
  ASSERT_TRUE(start().good());
  EXPECT_EQ(bench.set(), 2u);
  EXPECT_EQ(bench.disorder(), "");
  EXPECT_EQ(traffic.stop().failed, 0u);
}

TEST_F(Unknown, TheNextSetGrowsBeforeItServes) {
  ASSERT_TRUE(start().good());
  Traffic traffic;
  forget_layout();
  const Ran ran = start({"--limit", "100000"}, 300);
  ASSERT_TRUE(ran.good()) << ran.output;
  EXPECT_GT(bench.set(), 2u);
  EXPECT_EQ(bench.disorder(), "");
  EXPECT_EQ(traffic.stop().failed, 0u);
}

TEST_F(Unknown, BeforeEveryStep) {
  ASSERT_TRUE(start().good());
  const LongConnections old(40);
  Traffic traffic;
  forget_layout();
  const long steps = start().number("steps");
  ASSERT_GT(steps, 40);
  for (long step = 1; step <= steps; ++step) {
    forget_layout();
    ASSERT_TRUE(start({"--stop-at", std::to_string(step)}).killed()) << step;
    const Ran next = start();
    ASSERT_TRUE(next.good()) << step << ": " << next.output;
    EXPECT_EQ(bench.disorder(), "") << "after an end before step " << step;
  }
  const Counts counts = traffic.stop();
  std::printf("figure: an unknown layout, ends before %ld steps: %lu connects, %lu failed\n", steps,
              counts.connects, counts.failed);
  EXPECT_EQ(counts.failed, 0u);
  EXPECT_EQ(still_open(old), old.size());
}

TEST_F(Unknown, SabotageANewSetThatServesBeforeItIsFilledFailsConnects) {
  ASSERT_TRUE(start().good());
  Traffic traffic;
  traffic.wait_for(100);
  forget_layout();
  ASSERT_TRUE(bench.agent({}).good());
  traffic.wait_for(100);
  EXPECT_GT(traffic.stop().failed, 0u);
}

}  // namespace
}  // namespace holdfast::kernel_test
