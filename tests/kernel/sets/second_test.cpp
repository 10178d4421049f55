// SPDX-License-Identifier: Apache-2.0
// A second storage of socket state, and a second object that the kernel may refuse (extra.bpf.c):
// sets_agent_second has both, sets_agent_second_other both storages in another layout, and an
// object that is refused.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kernel/needs.h"
#include "tests/kernel/sets/serving.h"

namespace holdfast::kernel_test {
namespace {

using testing::HasSubstr;

constexpr const char* kSecond = "sets_agent_second";
constexpr const char* kOther = "sets_agent_second_other";

class Second : public ::testing::Test, protected Serving {
 protected:
  void SetUp() override {
    HF_NEEDS_ITERATORS();
    first_set();  // of the shipped build, which knows neither
    ASSERT_TRUE(bench.agent({}, kSecond).good());
  }

  bool there(const std::string& path) const {
    return ::access((bench.bpffs() + "/" + path).c_str(), F_OK) == 0;
  }

  // Each gets a state in the second storage, from a program of the second object.
  static std::vector<Fd> senders(std::size_t count) {
    std::vector<Fd> sockets;
    for (std::size_t one = 0; one < count; ++one) {
      Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      to.sin_port = port_of(one);
      (void)::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
      sockets.push_back(std::move(socket));
    }
    return sockets;
  }

  // Those whose state in the map is not what it was; `shift`: where the layout has it.
  std::size_t lost(const std::vector<Fd>& sockets, std::size_t shift) const {
    const Fd peers(::bpf_obj_get((bench.bpffs() + "/shared/peers").c_str()));
    std::size_t count = 0;
    for (std::size_t one = 0; one < sockets.size(); ++one) {
      std::uint32_t element[8] = {};
      const int socket = sockets[one].get();
      const bool found = ::bpf_map_lookup_elem(peers.get(), &socket, element) == 0;
      count += !found || element[shift / 4] != port_of(one);
    }
    return count;
  }

 private:
  static std::uint16_t port_of(std::size_t one) {
    return htons(static_cast<std::uint16_t>(4000 + one));
  }
};

TEST_F(Second, TheStatesOfBothStoragesMove) {
  const LongConnections old(16);
  const std::vector<Fd> sockets = senders(12);
  ASSERT_EQ(lost(sockets, 0), 0u);
  for (int turn = 0; turn < 2; ++turn) {
    ASSERT_TRUE(bench.agent({}, kOther).good());
    EXPECT_EQ(old.broken(), 0u);
    EXPECT_EQ(lost(sockets, 8), 0u);
    ASSERT_TRUE(bench.agent({}, kSecond).good());
    EXPECT_EQ(old.broken(), 0u);
    EXPECT_EQ(lost(sockets, 0), 0u);
  }
  EXPECT_EQ(bench.in_flight(), old.size());
}

// The first storage is shared already, so that the set before is not readable any more.
TEST_F(Second, AnEndBetweenTheStorages) {
  const LongConnections old(16);
  const std::vector<Fd> sockets = senders(12);
  for (const char* step : {"move sockets", "move peers", "share sockets", "share peers"}) {
    ASSERT_TRUE(bench.agent({"--stop-before", step}, kOther).killed()) << step;
    ASSERT_TRUE(bench.agent({}, kOther).good()) << step;
    EXPECT_EQ(old.broken(), 0u) << step;
    EXPECT_EQ(lost(sockets, 8), 0u) << step;
    ASSERT_TRUE(bench.agent({}, kSecond).good()) << step;
  }
}

// A version that knows one storage keeps what is of it; the other begins anew after it.
TEST_F(Second, DownToAVersionWithOneAndUpAgain) {
  const LongConnections old(16);
  ASSERT_TRUE(bench.agent({}).good());
  EXPECT_EQ(old.broken(), 0u);
  EXPECT_FALSE(there("links/hf_extra_send"));
  ASSERT_TRUE(bench.agent({}, kSecond).good());
  EXPECT_EQ(old.broken(), 0u);
  const std::vector<Fd> sockets = senders(4);
  EXPECT_EQ(lost(sockets, 0), 0u);
}

// Taken: attached and pinned. Refused: told, left out, and what an earlier life attached is gone.
TEST_F(Second, AnOptionalObjectIsTakenOrLeftOut) {
  EXPECT_TRUE(there("links/hf_extra_send"));
  EXPECT_TRUE(there("current/hf_extra_send"));
  EXPECT_TRUE(there("current/hf_extra_walk"));
  EXPECT_FALSE(there("links/hf_extra_walk")) << "it is in no hook";
  Traffic traffic;
  traffic.wait_for(50);
  const Ran ran = bench.agent({}, kOther);
  ASSERT_TRUE(ran.good()) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("left out hf_extra_send\n"));
  EXPECT_THAT(ran.output, HasSubstr("warning: goes without the optional programs of 'extra'"));
  EXPECT_FALSE(there("links/hf_extra_send"));
  EXPECT_FALSE(there("current/hf_extra_walk"));
  traffic.wait_for(50);
  const Counts counts = traffic.stop();
  EXPECT_EQ(counts.failed, 0u);
  EXPECT_EQ(counts.wrong_peer, 0u);
}

}  // namespace
}  // namespace holdfast::kernel_test
