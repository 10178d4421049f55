// SPDX-License-Identifier: Apache-2.0
// Builds of another layout take over, and this one takes back, under load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernel/needs.h"
#include "tests/kernel/sets/agent/content.h"
#include "tests/kernel/sets/serving.h"

namespace holdfast::kernel_test {
namespace {

class Layout : public ::testing::TestWithParam<const char*>, protected Serving {
 protected:
  void SetUp() override {
    const std::string layout = GetParam();
    if (layout == "socket" || layout == "all") HF_NEEDS_ITERATORS();
  }

  const std::string other = std::string("sets_agent_") + GetParam();
};

TEST_P(Layout, UpAndDownWithNoFailedConnectAndEveryPeerRight) {
  first_set();
  LongConnections old(40);
  ASSERT_EQ(old.size(), 40u);
  Traffic traffic;
  for (int turn = 0; turn < 3; ++turn) {
    const Ran up = bench.agent({}, other);
    ASSERT_TRUE(up.good()) << up.output;
    EXPECT_EQ(up.number("set"), 2 * turn + 2);
    EXPECT_EQ(bench.disorder(), "");
    // Read by this layout's reader; the traffic has up to two connections open.
    EXPECT_THAT(bench.in_flight(),
                testing::AllOf(testing::Ge(old.size()), testing::Le(old.size() + 2)));
    EXPECT_EQ(old.broken(), 0u);
    if (turn == 1) old.close_half();
    const LongConnections during(8);
    traffic.wait_for(100);
    const Ran down = bench.agent({});
    ASSERT_TRUE(down.good()) << down.output;
    EXPECT_EQ(bench.disorder(), "");
    EXPECT_EQ(old.broken(), 0u);
    EXPECT_EQ(during.broken(), 0u);
  }
  const Counts counts = traffic.stop();
  std::printf("figure: layout %s, 3 times up and down: %lu connects, %lu failed, %lu wrong peers\n",
              GetParam(), counts.connects, counts.failed, counts.wrong_peer);
  EXPECT_EQ(counts.failed, 0u);
  EXPECT_EQ(counts.wrong_peer, 0u);
  EXPECT_EQ(bench.in_flight(), old.size());
}

INSTANTIATE_TEST_SUITE_P(Each, Layout,
                         testing::Values("lookup", "records", "socket", "counters", "all"),
                         [](const auto& test) { return std::string(test.param); });

class SocketLayout : public ::testing::Test, protected Serving {
 protected:
  void SetUp() override { HF_NEEDS_ITERATORS(); }
};

TEST_F(SocketLayout, BeforeEveryStepOfTheMove) {
  first_set();
  const LongConnections old(40);
  Traffic traffic;
  const long steps = bench.agent({}, "sets_agent_socket").number("steps");
  ASSERT_GT(steps, 40);
  for (long step = 1; step <= steps; ++step) {
    ASSERT_TRUE(bench.agent({}).good());
    ASSERT_TRUE(bench.agent({"--stop-at", std::to_string(step)}, "sets_agent_socket").killed());
    // By turns the version that began, and the one before, end what was begun.
    const Ran next = bench.agent({}, step % 2 ? "sets_agent" : "sets_agent_socket");
    ASSERT_TRUE(next.good()) << step << ": " << next.output;
    EXPECT_EQ(bench.disorder(), "") << "after an end before step " << step;
    EXPECT_EQ(old.broken(), 0u) << step;
  }
  const Counts counts = traffic.stop();
  std::printf("figure: socket layout, ends before %ld steps: %lu connects, %lu failed, %lu wrong\n",
              steps, counts.connects, counts.failed, counts.wrong_peer);
  EXPECT_EQ(counts.failed, 0u);
  EXPECT_EQ(counts.wrong_peer, 0u);
  EXPECT_EQ(bench.in_flight(), old.size());
}

// A connect that writes the new map while getpeername reads only the old one.
TEST_F(SocketLayout, SabotageWithLinksInTheWrongOrderShowsWrongPeers) {
  first_set();
  Traffic traffic;
  ASSERT_TRUE(bench.agent({"--connects-first", "--pause", "50"}, "sets_agent_socket").good());
  EXPECT_GT(traffic.stop().wrong_peer, 0u);
}

TEST_F(SocketLayout, TheRightOrderShowsNoneOverTheSamePauses) {
  first_set();
  Traffic traffic;
  ASSERT_TRUE(bench.agent({"--pause", "50"}, "sets_agent_socket").good());
  EXPECT_EQ(traffic.stop().wrong_peer, 0u);
}

// A socket that is connected again while programs read both maps is settled once.
TEST_F(SocketLayout, ASocketConnectedAgainAfterTheMove) {
  first_set();
  Fd socket = tcp_socket(AF_INET);
  ASSERT_EQ(dial(socket, test::frontend4(0), 80), 0);
  EXPECT_EQ(bench.in_flight(), 1u);
  ASSERT_TRUE(bench.agent({}, "sets_agent_socket").good());
  EXPECT_EQ(bench.in_flight(), 1u);
  disconnect(socket);
  ASSERT_EQ(dial(socket, test::frontend4(1), 80), 0);
  EXPECT_EQ(bench.in_flight(), 1u);
  EXPECT_EQ(peer_of(socket), (Peer{test::frontend4(1), 80}));
  ASSERT_TRUE(bench.agent({}).good());
  EXPECT_EQ(peer_of(socket), (Peer{test::frontend4(1), 80}));
  EXPECT_EQ(bench.in_flight(), 1u);
  socket.reset();
  EXPECT_EQ(bench.in_flight(), 0u);
}

// A kernel on which nobody may copy the states: an upgrade, and no way to undo it that forgets
// nothing. Programs that read both maps serve until the next one.
class Unmoved : public ::testing::Test, protected Serving {};

TEST_F(Unmoved, AnUpgradeGoesOnAndIsSaid) {
  first_set();
  LongConnections old(40);
  ASSERT_EQ(old.size(), 40u);
  Traffic traffic;
  const Ran up = bench.agent({"--no-iterator"}, "sets_agent_socket");
  ASSERT_TRUE(up.good()) << up.output;
  EXPECT_NE(up.output.find("warning: connections made before this upgrade"), std::string::npos);
  EXPECT_EQ(bench.disorder(), "");
  traffic.wait_for(200);
  EXPECT_EQ(old.broken(), 0u);
  old.close_half();
  const Counts counts = traffic.stop();
  std::printf("figure: socket layout, nothing copied: %lu connects, %lu failed, %lu wrong peers\n",
              counts.connects, counts.failed, counts.wrong_peer);
  EXPECT_EQ(counts.failed, 0u);
  EXPECT_EQ(counts.wrong_peer, 0u);
  EXPECT_EQ(bench.in_flight(), old.size());
}

TEST_F(Unmoved, AnEndBeforeEachStepIsMended) {
  first_set();
  Traffic traffic;
  const long steps = bench.agent({"--no-iterator"}, "sets_agent_socket").number("steps");
  ASSERT_GT(steps, 30);
  for (long step = 1; step <= steps; ++step) {
    ASSERT_TRUE(bench.agent({"--no-iterator"}).good());
    ASSERT_TRUE(
        bench.agent({"--no-iterator", "--stop-at", std::to_string(step)}, "sets_agent_socket")
            .killed());
    const Ran next = bench.agent({"--no-iterator"}, step % 2 ? "sets_agent" : "sets_agent_socket");
    ASSERT_TRUE(next.good()) << step << ": " << next.output;
    EXPECT_EQ(bench.disorder(), "") << "after an end before step " << step;
  }
  const Counts counts = traffic.stop();
  EXPECT_GT(counts.connects, 1000u);
  EXPECT_EQ(counts.failed, 0u);
}

}  // namespace
}  // namespace holdfast::kernel_test
