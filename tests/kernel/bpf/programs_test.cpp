// SPDX-License-Identifier: Apache-2.0
// Real connects through the loaded programs: who is reached, what the socket shows, what is
// counted.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>

#include "tests/kernel/bpf/lab.h"

namespace holdfast::kernel_test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSong = "10.96.0.1";
constexpr const char* kSong6 = "fd00:96::1";

struct Programs : testing::Test {
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "loads programs and makes a cgroup: needs root";
    lab.emplace();
  }
  // A listener behind endpoint `id`, and pool 1 of that endpoint behind `address`:80.
  Fd serve(const std::string& address, const std::string& local, std::uint32_t id = 1) {
    Fd listener = listen_on(local);
    lab->endpoint(id, local, port_of(listener));
    lab->pool(id, {id});
    lab->frontend(address, 80, id);
    return listener;
  }
  void expect_redirect(int family, const std::string& address, const std::string& local,
                       const std::string& shown) {
    const Fd listener = serve(address, local);
    Fd client = tcp_socket(family);
    ASSERT_EQ(dial(client, address, 80), 0);
    const Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_GE(accepted.get(), 0);
    EXPECT_EQ(peer_of(client), (Peer{shown, 80}));
    EXPECT_EQ(lab->counter(HF_COUNT_PEER_TRANSLATED), 1u);
    EXPECT_EQ(lab->counter(HF_COUNT_REDIRECTED), 1u);
    EXPECT_EQ(lab->stats(1).connects, 1u);
    EXPECT_EQ(lab->stats(1).closes, 0u);
    client = Fd();
    const hf_endpoint_stats after = lab->stats(1);
    EXPECT_EQ(after.closes, 1u);
    EXPECT_EQ(after.established, 1u);
    EXPECT_EQ(after.failures + after.abandoned, 0u);
    EXPECT_GT(after.srtt_us, 0u);
    EXPECT_LT(after.srtt_us, 1'000'000u);
    const auto now = std::chrono::steady_clock::now().time_since_epoch() / 1ns;
    EXPECT_LE(after.handshake_at, now >> HF_HANDSHAKE_SHIFT);
    EXPECT_GE(after.handshake_at + 60, now >> HF_HANDSHAKE_SHIFT);
    EXPECT_EQ(lab->counter(HF_COUNT_FOREIGN_PEER), 0u);
  }

  std::optional<Lab> lab;
};

TEST_F(Programs, RedirectIpv4) {
  expect_redirect(AF_INET, kSong, "127.0.0.1", kSong);
}

TEST_F(Programs, RedirectIpv6) {
  expect_redirect(AF_INET6, kSong6, "::1", kSong6);
}

TEST_F(Programs, RedirectIpv4DialledFromAnIpv6Socket) {
  expect_redirect(AF_INET6, kSong, "127.0.0.1", std::string("::ffff:") + kSong);
}

TEST_F(Programs, AnythingElsePassesUntouched) {
  const Fd listener = listen_on("127.0.0.1");
  Fd client = tcp_socket(AF_INET);
  ASSERT_EQ(dial(client, "127.0.0.1", port_of(listener)), 0);
  EXPECT_EQ(peer_of(client), (Peer{"127.0.0.1", port_of(listener)}));
  client = Fd();
  EXPECT_EQ(lab->counter(HF_COUNT_MISS), 1u);
  EXPECT_EQ(lab->counter(HF_COUNT_SETTLED), 0u);
  EXPECT_EQ(lab->counter(HF_COUNT_PEER_UNTOUCHED), 0u);
}

TEST_F(Programs, AnEmptyPoolAnswersAtOnce) {
  lab->pool(1, {}, HF_EMPTY_REFUSE);
  lab->pool(2, {}, HF_EMPTY_UNREACHABLE);
  lab->pool(3, {}, HF_EMPTY_PASS);
  for (const std::uint32_t id : {1u, 2u, 3u}) {
    lab->frontend(kSong, static_cast<std::uint16_t>(80 + id), id);
  }
  EXPECT_EQ(dial(tcp_socket(AF_INET), kSong, 81), ECONNREFUSED);
  EXPECT_EQ(dial(tcp_socket(AF_INET), kSong, 82), EHOSTUNREACH);
  EXPECT_EQ(dial(tcp_socket(AF_INET), kSong, 83), ENETUNREACH);  // as without us: no route
  EXPECT_EQ(lab->counter(HF_COUNT_REFUSED), 2u);
  EXPECT_EQ(lab->counter(HF_COUNT_EMPTY_PASSED), 1u);
}

TEST_F(Programs, WithoutRetvalAnEmptyPoolPassesInsteadOfAnsweringEperm) {
  lab.reset();
  lab.emplace(Kernel{.retval = false});
  lab->pool(1, {}, HF_EMPTY_REFUSE);
  lab->frontend(kSong, 80, 1);
  EXPECT_EQ(dial(tcp_socket(AF_INET), kSong, 80), ENETUNREACH);
  EXPECT_EQ(lab->counter(HF_COUNT_EMPTY_PASSED), 1u);
  EXPECT_EQ(lab->counter(HF_COUNT_REFUSED), 0u);
}

TEST_F(Programs, WhatAnotherProgramRejectedIsLeftAlone) {
  const Fd listener = serve(kSong, "127.0.0.1");
  lab->reject_before();
  EXPECT_EQ(dial(tcp_socket(AF_INET), kSong, 80), EPERM);
  EXPECT_EQ(dial(tcp_socket(AF_INET), "127.0.0.1", port_of(listener)), EPERM);
  EXPECT_EQ(lab->counter(HF_COUNT_DECIDED_BEFORE), 1u);
  EXPECT_EQ(lab->counter(HF_COUNT_MISS), 1u);  // nothing of ours to decide
  EXPECT_EQ(lab->counter(HF_COUNT_REDIRECTED), 0u);
  EXPECT_EQ(lab->stats(1).connects, 0u);
}

TEST_F(Programs, EverySlotIsPicked) {
  const Fd first = listen_on("127.0.0.1", 512), second = listen_on("127.0.0.2", 512);
  lab->endpoint(1, "127.0.0.1", port_of(first));
  lab->endpoint(2, "127.0.0.2", port_of(second));
  lab->pool(1, {1, 2, 2, 2});
  lab->frontend(kSong, 80, 1);
  for (int one = 0; one < 400; ++one) ASSERT_EQ(dial(tcp_socket(AF_INET), kSong, 80), 0);
  EXPECT_EQ(lab->stats(1).connects + lab->stats(2).connects, 400u);
  EXPECT_NEAR(lab->stats(1).connects, 100, 60);  // seven standard deviations
  EXPECT_EQ(lab->stats(1).closes, lab->stats(1).connects);
}

// --- evidence
// -------------------------------------------------------------------------------------

TEST_F(Programs, ARefusedConnectIsAFailure) {
  std::uint16_t closed = 0;
  {
    const Fd gone = listen_on("127.0.0.1");
    closed = port_of(gone);
  }
  lab->endpoint(1, "127.0.0.1", closed);
  lab->pool(1, {1});
  lab->frontend(kSong, 80, 1);
  for (const int flags : {0, int{SOCK_NONBLOCK}}) {
    Fd client = tcp_socket(AF_INET, flags);
    EXPECT_EQ(dial(client, kSong, 80), flags ? EINPROGRESS : ECONNREFUSED);
  }
  const hf_endpoint_stats stats = lab->stats(1);
  EXPECT_EQ(stats.connects, 2u);
  EXPECT_EQ(stats.closes, 2u);
  EXPECT_EQ(stats.failures, 2u);
  EXPECT_EQ(hf_failure_kind(stats.failure), HF_FAILURE_REFUSED);
  EXPECT_EQ(hf_failures_in_row(stats.failure, 1), 2u);
  EXPECT_EQ(stats.established + stats.abandoned, 0u);
}

// The endpoint comes, goes and comes back at one address; a connection of its first time ends late.
TEST_F(Programs, FailuresInARowEndWithTheNextHandshakeAlone) {
  using Units = std::uint64_t;
  const auto now = [] {
    return static_cast<Units>(std::chrono::steady_clock::now().time_since_epoch() / 1ns) >>
           HF_HANDSHAKE_SHIFT;
  };
  Fd listener = serve(kSong, "127.0.0.1");
  const std::uint16_t port = port_of(listener);
  Fd early = tcp_socket(AF_INET);
  ASSERT_EQ(dial(early, kSong, 80), 0);
  for (const Units dialled = now(); now() == dialled;) ::usleep(10'000);
  ::usleep(50'000);  // when a socket was dialled is told by ticks
  listener = Fd();
  const Units begin = now();
  for (int one = 0; one < 3; ++one) ASSERT_EQ(dial(tcp_socket(AF_INET), kSong, 80), ECONNREFUSED);
  early = Fd();
  const auto row = [&] { return hf_failures_in_row(lab->stats(1).failure, 1); };
  EXPECT_EQ(lab->stats(1).established, 1u);
  EXPECT_EQ(row(), 3u) << "what an older connection ends with";
  EXPECT_GE(hf_failure_at(lab->stats(1).failure), begin);
  EXPECT_LE(hf_failure_at(lab->stats(1).failure), now());
  listener = listen_on("127.0.0.1", 64, port);
  ASSERT_EQ(dial(tcp_socket(AF_INET), kSong, 80), 0);
  EXPECT_EQ(row(), 0u);
  EXPECT_EQ(hf_failure_kind(lab->stats(1).failure), HF_FAILURE_REFUSED);
  EXPECT_EQ(lab->stats(1).failures, 3u);
}

TEST_F(Programs, AFailedAttemptCountsWhenTheSocketIsConnectedAgain) {
  const Fd listener = serve(kSong, "127.0.0.1", 1);
  lab->endpoint(2, "127.0.0.1", 1);  // nobody listens there
  lab->pool(2, {2});
  lab->frontend(kSong, 81, 2);
  Fd client = tcp_socket(AF_INET);
  EXPECT_EQ(dial(client, kSong, 81), ECONNREFUSED);
  EXPECT_EQ(lab->stats(2).closes, 0u);
  ASSERT_EQ(dial(client, kSong, 80), 0);
  EXPECT_EQ(lab->stats(2).closes, 1u);
  EXPECT_EQ(lab->stats(2).failures, 1u);
  EXPECT_EQ(peer_of(client), (Peer{kSong, 80}));
  client = Fd();
  EXPECT_EQ(lab->stats(1).established, 1u);
}

TEST_F(Programs, AConnectGivenUpIsNoFailure) {
  const Fd listener = listen_on("127.0.0.1", 0);
  std::vector<Fd> waiting;  // a full backlog drops further SYNs
  for (int one = 0; one < 3; ++one) {
    waiting.push_back(tcp_socket(AF_INET, SOCK_NONBLOCK));
    (void)dial(waiting.back(), "127.0.0.1", port_of(listener));
  }
  lab->endpoint(1, "127.0.0.1", port_of(listener));
  lab->pool(1, {1});
  lab->frontend(kSong, 80, 1);
  Fd client = tcp_socket(AF_INET, SOCK_NONBLOCK);
  ASSERT_EQ(dial(client, kSong, 80), EINPROGRESS);
  client = Fd();
  EXPECT_EQ(lab->stats(1).abandoned, 1u);
  EXPECT_EQ(lab->stats(1).failures, 0u);
  EXPECT_EQ(lab->stats(1).closes, 1u);
}

TEST_F(Programs, ADisconnectedSocketHadItsHandshake) {
  const Fd listener = serve(kSong, "127.0.0.1");
  Fd client = tcp_socket(AF_INET);
  ASSERT_EQ(dial(client, kSong, 80), 0);
  disconnect(client);
  client = Fd();
  EXPECT_EQ(lab->stats(1).established, 1u);
  EXPECT_EQ(lab->stats(1).failures, 0u);
}

TEST_F(Programs, AForkedHolderKeepsTheConnectInFlight) {
  const Fd listener = serve(kSong, "127.0.0.1");
  Fd client = tcp_socket(AF_INET);
  ASSERT_EQ(dial(client, kSong, 80), 0);
  const Fd holder(::fcntl(client.get(), F_DUPFD_CLOEXEC, 0));
  client = Fd();
  EXPECT_EQ(lab->stats(1).closes, 0u);
}

// --- whatever is stale is compared, never assumed
// -----------------------------------------------------

TEST_F(Programs, ASocketConnectedElsewhereShowsWhereItIs) {
  const Fd listener = serve(kSong, "127.0.0.1"), other = listen_on("127.0.0.2");
  Fd client = tcp_socket(AF_INET);
  ASSERT_EQ(dial(client, kSong, 80), 0);
  disconnect(client);
  ASSERT_EQ(dial(client, "127.0.0.2", port_of(other)), 0);
  EXPECT_EQ(peer_of(client), (Peer{"127.0.0.2", port_of(other)}));
  EXPECT_EQ(lab->stats(1).closes, 1u);
  client = Fd();
  EXPECT_EQ(lab->stats(1).closes, 1u);
  EXPECT_EQ(lab->stats(1).established, 1u);
}

TEST_F(Programs, AnotherIncarnationIsNeitherShownNorCharged) {
  const Fd listener = serve(kSong, "127.0.0.1");
  Fd client = tcp_socket(AF_INET);
  ASSERT_EQ(dial(client, kSong, 80), 0);
  lab->endpoint(1, "127.0.0.1", port_of(listener), 2);
  EXPECT_EQ(peer_of(client), (Peer{"127.0.0.1", port_of(listener)}));
  EXPECT_EQ(lab->counter(HF_COUNT_PEER_UNTOUCHED), 1u);
  client = Fd();
  EXPECT_EQ(lab->stats(1).closes, 0u);
  EXPECT_EQ(lab->counter(HF_COUNT_STALE_HANDLE), 1u);
}

TEST_F(Programs, APeerThatIsNotTheEndpointIsCountedApart) {
  for (const int family : {AF_INET, AF_INET6}) {
    const std::string address = family == AF_INET ? kSong : kSong6;
    const Fd listener = serve(address, family == AF_INET ? "127.0.0.1" : "::1");
    Fd client = tcp_socket(family);
    ASSERT_EQ(dial(client, address, 80), 0);
    // As if a program after ours had sent it elsewhere: same port, other address.
    lab->endpoint(1, family == AF_INET ? "127.0.0.9" : "::9", port_of(listener));
    client = Fd();
  }
  EXPECT_EQ(lab->counter(HF_COUNT_FOREIGN_PEER), 2u);
  EXPECT_EQ(lab->stats(1).closes, 2u);
  EXPECT_EQ(lab->stats(1).established + lab->stats(1).failures, 0u);
}

// --- who is not served
// ----------------------------------------------------------------------------

TEST_F(Programs, AHostFrontendIsForItsOwnNamespace) {
  const Fd listener = listen_on("127.0.0.1");
  lab->endpoint(1, "127.0.0.1", port_of(listener));
  lab->pool(1, {1});
  lab->frontend(kSong, 80, 1, true);
  EXPECT_EQ(dial(tcp_socket(AF_INET), kSong, 80), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::unshare(CLONE_NEWNET);
    ::_exit(dial(tcp_socket(AF_INET), kSong, 80) == ENETUNREACH ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(lab->counter(HF_COUNT_OTHER_SCOPE), 1u);
  EXPECT_EQ(lab->counter(HF_COUNT_REDIRECTED), 1u);
}

// Before 5.14: the cookie of our namespace is not told, the initial one's can be asked for.
TEST_F(Programs, WithoutACookieAHostFrontendIsForTheInitialNamespace) {
  lab.reset();
  const Fd outside(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (::access("/proc/sys/net/core/netdev_max_backlog", F_OK) != 0)
    GTEST_SKIP() << "not run in the initial network namespace";
  lab.emplace(Kernel{.netns_cookie = false});
  lab->endpoint(1, "127.0.0.1", 1);
  lab->pool(1, {1});
  lab->frontend(kSong, 80, 1, true);
  EXPECT_EQ(dial(tcp_socket(AF_INET), kSong, 80), ENETUNREACH);
  EXPECT_EQ(lab->counter(HF_COUNT_OTHER_SCOPE), 1u);
  EXPECT_EQ(lab->counter(HF_COUNT_REDIRECTED), 0u);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setns(outside.get(), CLONE_NEWNET);
    ::_exit(dial(tcp_socket(AF_INET), kSong, 80) == ECONNREFUSED ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "nobody listens there";
  EXPECT_EQ(lab->counter(HF_COUNT_REDIRECTED), 1u);
}

TEST_F(Programs, OurOwnSocketIsNotRedirected) {
  const Fd listener = serve(kSong, "127.0.0.1");
  const Fd client = tcp_socket(AF_INET);
  lab->bypass(client.get());
  EXPECT_EQ(dial(client, kSong, 80), ENETUNREACH);
  EXPECT_EQ(lab->counter(HF_COUNT_BYPASSED), 1u);
}

TEST_F(Programs, UdpPasses) {
  const Fd listener = serve(kSong, "127.0.0.1");
  const Fd client(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(dial(client, kSong, 80), ENETUNREACH);
  EXPECT_EQ(lab->counter(HF_COUNT_OTHER_PROTOCOL), 1u);
}

TEST_F(Programs, AnEndpointOfTheOtherFamilyIsLeftAlone) {
  const Fd listener = serve(kSong, "::1");
  EXPECT_EQ(dial(tcp_socket(AF_INET), kSong, 80), ENETUNREACH);
  EXPECT_EQ(lab->counter(HF_COUNT_OTHER_FAMILY), 1u);
  EXPECT_EQ(lab->stats(1).connects, 0u);
}

TEST_F(Programs, AFaultInTheMapsPassesThrough) {
  lab->frontend(kSong, 80, 9);
  lab->endpoint(1, "127.0.0.1", 9, 0);
  lab->pool(2, {1});
  lab->frontend(kSong, 81, 2);
  EXPECT_EQ(dial(tcp_socket(AF_INET), kSong, 80), ENETUNREACH);
  EXPECT_EQ(dial(tcp_socket(AF_INET), kSong, 81), ENETUNREACH);
  EXPECT_EQ(lab->counter(HF_COUNT_BAD_POOL), 1u);
  EXPECT_EQ(lab->counter(HF_COUNT_BAD_ENDPOINT), 1u);
}

}  // namespace
}  // namespace holdfast::kernel_test
