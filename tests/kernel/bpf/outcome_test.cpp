// SPDX-License-Identifier: Apache-2.0
// Sockets whose end is not told, or says nothing of the endpoint: each connect that is counted is
// settled once, and an endpoint is charged only with what left this node.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "tests/kernel/bpf/lab.h"

namespace holdfast::kernel_test {
namespace {

constexpr const char* kSong = "10.96.0.1";
constexpr const char* kSong6 = "fd00:96::1";
constexpr const char* kImage = "10.96.0.2";
constexpr const char* kNoRoute = "192.0.2.1";  // a namespace with loopback only

struct Outcome : testing::Test {
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "loads programs and makes a cgroup: needs root";
    lab.emplace();
  }
  void behind(const std::string& address, std::uint32_t id, const std::string& at,
              std::uint16_t port) {
    lab->endpoint(id, at, port);
    lab->pool(id, {id});
    lab->frontend(address, 80, id);
  }
  Fd serve(const std::string& address, const std::string& local) {
    Fd listener = listen_on(local);
    behind(address, 1, local, port_of(listener));
    return listener;
  }
  void expect_unsent(std::uint32_t id, std::uint64_t times) {
    const hf_endpoint_stats stats = lab->stats(id);
    EXPECT_EQ(stats.closes, stats.connects);
    EXPECT_EQ(stats.failures + stats.established + stats.abandoned, 0u);
    EXPECT_EQ(stats.handshake_at, 0u);
    EXPECT_EQ(lab->counter(HF_COUNT_UNSENT), times);
  }

  std::optional<Lab> lab;
};

// --- the application's socket is an MPTCP one, and what connects is a subflow of the kernel's

struct Mptcp : Outcome {
  void SetUp() override {
    Outcome::SetUp();
    if (IsSkipped()) return;
    if (!Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP)))
      GTEST_SKIP() << "a kernel without MPTCP";
  }
  Fd mptcp(int family) const { return tcp_socket(family, 0, IPPROTO_MPTCP); }
};

TEST_F(Mptcp, ShowsWhatItDialledAndIsSettled) {
  std::uint32_t done = 0;
  for (const int family : {AF_INET, AF_INET6}) {
    const std::string address = family == AF_INET ? kSong : kSong6;
    const Fd listener = serve(address, family == AF_INET ? "127.0.0.1" : "::1");
    Fd client = mptcp(family);
    ASSERT_EQ(dial(client, address, 80), 0);
    EXPECT_EQ(peer_of(client), (Peer{address, 80}));
    EXPECT_EQ(lab->stats(1).connects - lab->stats(1).closes, 1u);
    client = Fd();
    EXPECT_EQ(lab->stats(1).connects - lab->stats(1).closes, 0u);
    EXPECT_EQ(lab->stats(1).established, ++done);
  }
  EXPECT_GT(lab->stats(1).srtt_us, 0u);
  EXPECT_GT(lab->stats(1).handshake_at, 0u);
  EXPECT_EQ(lab->counter(HF_COUNT_KERNEL_SOCKET), 0u);
}

TEST_F(Mptcp, ARefusedOneIsAFailureAndIsSettledWhenItIsConnectedAgain) {
  const Fd listener = serve(kSong, "127.0.0.1");
  behind(kImage, 2, "127.0.0.1", 1);  // nobody listens there
  Fd client = mptcp(AF_INET);
  EXPECT_EQ(dial(client, kImage, 80), ECONNREFUSED);
  ASSERT_EQ(dial(client, kSong, 80), 0);
  EXPECT_EQ(lab->stats(2).closes, 1u);
  EXPECT_EQ(lab->stats(2).failures, 1u);
  disconnect(client);
  ASSERT_EQ(dial(client, "127.0.0.1", port_of(listener)), 0);
  EXPECT_EQ(lab->stats(1).closes, 1u) << "settled by a connect to no frontend";
  EXPECT_EQ(peer_of(client), (Peer{"127.0.0.1", port_of(listener)}));
  client = Fd();
  EXPECT_EQ(lab->stats(1).closes, 1u);
}

// As MPTCP before 5.19, and any other socket that the kernel made for itself.
TEST_F(Mptcp, ASocketWhoseReleaseIsNotToldIsRedirectedWithoutAState) {
  lab.reset();
  lab.emplace(Kernel{.mptcp = false});
  const Fd listener = serve(kSong, "127.0.0.1");
  Fd client = mptcp(AF_INET);
  ASSERT_EQ(dial(client, kSong, 80), 0);
  const Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_GE(accepted.get(), 0);
  EXPECT_EQ(peer_of(client), (Peer{"127.0.0.1", port_of(listener)}));
  client = Fd();
  EXPECT_EQ(lab->counter(HF_COUNT_REDIRECTED), 1u);
  EXPECT_EQ(lab->counter(HF_COUNT_KERNEL_SOCKET), 1u);
  EXPECT_EQ(lab->stats(1).connects, 0u);
}

// --- nothing left this node

TEST_F(Outcome, AnEndpointWithoutARouteIsNotCharged) {
  behind(kSong, 1, kNoRoute, 80);
  for (const int flags : {0, int{SOCK_NONBLOCK}})
    EXPECT_EQ(dial(tcp_socket(AF_INET, flags), kSong, 80), ENETUNREACH);
  expect_unsent(1, 2);
}

TEST_F(Outcome, AnIpv6OnlySocketIsNoFailureOfAnIpv4Endpoint) {
  const Fd listener = serve(kSong, "127.0.0.1");
  Fd client = tcp_socket(AF_INET6);
  const int on = 1;
  ASSERT_EQ(::setsockopt(client.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), 0);
  EXPECT_EQ(dial(client, kSong, 80), ENETUNREACH);
  client = Fd();
  expect_unsent(1, 1);
}

TEST_F(Outcome, WhatAnotherProgramRejectsAfterUsIsNoFailure) {
  const Fd listener = serve(kSong, "127.0.0.1");
  lab->reject_after();
  EXPECT_EQ(dial(tcp_socket(AF_INET), kSong, 80), EPERM);
  expect_unsent(1, 1);
}

TEST_F(Outcome, AFastOpenThatIsClosedBeforeItsFirstByteIsNoFailure) {
  const Fd listener = serve(kSong, "127.0.0.1");
  Fd client = tcp_socket(AF_INET);
  const int on = 1;
  for (const int option : {TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE})
    ASSERT_EQ(::setsockopt(client.get(), IPPROTO_TCP, option, &on, sizeof on), 0);
  ASSERT_EQ(dial(client, kSong, 80), 0) << "the SYN waits for the first byte";
  client = Fd();
  expect_unsent(1, 1);
}

// The socket had a handshake, with another endpoint: its peer's sequence number is still there.
TEST_F(Outcome, AHandshakeOfTheAttemptBeforeIsNotTheNextOnes) {
  const Fd listener = serve(kSong, "127.0.0.1");
  behind(kImage, 2, kNoRoute, 80);
  for (const bool disconnected : {false, true}) {
    Fd client = tcp_socket(AF_INET);
    ASSERT_EQ(dial(client, kSong, 80), 0);
    disconnect(client);
    EXPECT_EQ(dial(client, kImage, 80), ENETUNREACH);
    if (disconnected) disconnect(client);
    client = Fd();
  }
  EXPECT_EQ(lab->stats(1).established, 2u);
  expect_unsent(2, 2);
}

TEST_F(Outcome, ARefusedConnectStaysRefusedHoweverLongItsSocketIsKept) {
  behind(kSong, 1, "127.0.0.1", 1);
  Fd blocking = tcp_socket(AF_INET), polling = tcp_socket(AF_INET, SOCK_NONBLOCK);
  EXPECT_EQ(dial(blocking, kSong, 80), ECONNREFUSED);
  EXPECT_EQ(dial(polling, kSong, 80), EINPROGRESS);
  ::usleep(HF_REFUSED_WITHIN_NS / 1000 + 50'000);
  for (Fd* client : {&blocking, &polling}) {
    client->reset();
    EXPECT_EQ(hf_failure_kind(lab->stats(1).failure), HF_FAILURE_REFUSED);
  }
  EXPECT_EQ(lab->stats(1).failures, 2u);
}

}  // namespace
}  // namespace holdfast::kernel_test
