// SPDX-License-Identifier: Apache-2.0
// What another version left: sets that it had begun to move to, links of programs that this version
// does not have, all of which `uninstall` must find.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "tests/kernel/sets/serving.h"

namespace holdfast::kernel_test {
namespace {

class Versions : public ::testing::Test, protected Serving {
 protected:
  std::string path(const std::string& name) const { return bench.bpffs() + "/" + name; }
};

// An upgrade that ended half-way, and is given up: the version before is started again.
TEST_F(Versions, GoesBackToTheSetThatItReads) {
  first_set();
  const LongConnections old(40);
  Traffic traffic;
  traffic.wait_for(100);
  for (const char* step : {"switch hf_getpeername4", "switch hf_connect4", "switch hf_connect6",
                           "grace", "carry over", "publish"}) {
    const std::uint32_t set = bench.set();
    const std::string next = "set_" + std::to_string(set + 1);
    ASSERT_TRUE(bench.agent({"--rebuild", "--stop-before", step}).killed()) << step;
    ASSERT_EQ(bench.set(), set) << step;
    bench.forget_layout(next);
    ASSERT_EQ(::unlink(path(next + "/hf_connect6").c_str()), 0);
    const Ran ran = bench.agent({});
    ASSERT_TRUE(ran.good()) << step << ": " << ran.output;
    EXPECT_EQ(bench.set(), set) << step;
    EXPECT_EQ(bench.disorder(), "") << step;
    EXPECT_EQ(old.broken(), 0u) << step;
    traffic.wait_for(100);
  }
  const Counts counts = traffic.stop();
  std::printf("figure: 6 times back to the set before: %lu connects, %lu failed, %lu wrong peers\n",
              counts.connects, counts.failed, counts.wrong_peer);
  EXPECT_EQ(counts.failed, 0u);
  EXPECT_EQ(counts.wrong_peer, 0u);
}

// Neither is of this version: forward, to what is filled from elsewhere.
TEST_F(Versions, NeitherSetIsReadable) {
  first_set();
  Traffic traffic;
  ASSERT_TRUE(bench.agent({"--rebuild", "--stop-before", "switch hf_connect4"}).killed());
  for (const char* set : {"set_1", "set_2"}) {
    bench.forget_layout(set);
    ASSERT_EQ(::unlink(path(std::string(set) + "/hf_connect6").c_str()), 0);
  }
  const Ran ran = bench.agent(content());
  ASSERT_TRUE(ran.good()) << ran.output;
  EXPECT_EQ(bench.set(), 3u);
  EXPECT_EQ(bench.disorder(), "");
  traffic.wait_for(100);
  EXPECT_EQ(traffic.stop().failed, 0u);
}

// An upgrade from a version with fewer programs, to another layout.
TEST_F(Versions, TheSetBeforeHasFewerPrograms) {
  first_set();
  const LongConnections old(40);
  ASSERT_EQ(::unlink(path("links/hf_getpeername4").c_str()), 0);
  ASSERT_EQ(::unlink(path("current/hf_getpeername4").c_str()), 0);
  ASSERT_GT(old.broken(), 0u) << "without it the endpoint shows as the peer";
  const Ran other = bench.agent({}, "sets_agent_lookup");
  ASSERT_TRUE(other.good()) << other.output;
  EXPECT_EQ(bench.set(), 2u);
  EXPECT_EQ(old.broken(), 0u);
}

TEST_F(Versions, LinksOfOthersAreDetached) {
  first_set();
  bench.attach_unknown("hf_of_another_version");
  ASSERT_EQ(bench.attached(), 2u);
  ASSERT_TRUE(bench.agent({"--stop-before", "detach hf_of"}).killed());
  ASSERT_EQ(bench.attached(), 2u);
  ASSERT_TRUE(bench.agent({}).good());
  EXPECT_EQ(bench.attached(), 1u) << "of a set that is taken over";
  EXPECT_EQ(bench.disorder(), "");

  bench.attach_unknown("hf_of_another_version");
  bench.forget_layout("current");
  ASSERT_TRUE(bench.agent(content()).good());
  EXPECT_EQ(bench.attached(), 1u) << "of a set that is not readable";
  EXPECT_EQ(bench.disorder(), "");
}

TEST_F(Versions, UninstallFindsWhatItDoesNotKnow) {
  first_set();
  ASSERT_TRUE(bench.agent({"--rebuild", "--stop-before", "switch hf_connect4"}).killed());
  bench.attach_unknown("hf_of_another_version");
  for (const char* set : {"set_1", "set_2"}) bench.forget_layout(set);
  const Fd map(::bpf_obj_get(path("set_2/slots").c_str()));
  for (const char* name : {"set_2/map_of_another_version", "shared/map_of_another_version"})
    ASSERT_EQ(::bpf_obj_pin(map.get(), path(name).c_str()), 0);
  const Ran ran = bench.uninstall();
  EXPECT_TRUE(ran.good()) << ran.output;
  EXPECT_THAT(bench.pinned(), testing::IsEmpty());
  EXPECT_EQ(bench.attached(), 0u);
}

}  // namespace
}  // namespace holdfast::kernel_test
