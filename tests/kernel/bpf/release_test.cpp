// SPDX-License-Identifier: Apache-2.0
// Whoever holds a socket last, and wherever: its end is told once.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <optional>

#include "tests/kernel/bpf/lab.h"

namespace holdfast::kernel_test {
namespace {

constexpr const char* kSong = "10.96.0.1";

struct Release : testing::Test {
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "loads programs and makes a cgroup: needs root";
    lab.emplace();
    listener = listen_on("127.0.0.1");
    lab->endpoint(1, "127.0.0.1", port_of(listener));
    lab->pool(1, {1});
    lab->frontend(kSong, 80, 1);
  }
  Fd connected() const {
    Fd client = tcp_socket(AF_INET);
    EXPECT_EQ(dial(client, kSong, 80), 0);
    return client;
  }
  std::uint32_t in_flight() const { return lab->stats(1).connects - lab->stats(1).closes; }

  std::optional<Lab> lab;
  Fd listener;
};

void send_descriptor(const Fd& through, const Fd& what) {
  char byte = 'x';
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = what.get();
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  ASSERT_EQ(::sendmsg(through.get(), &message, 0), 1);
}

TEST_F(Release, OfASocketThatIsPassedOnAndNeverTaken) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  Fd one(pair[0]), other(pair[1]);
  Fd client = connected();
  send_descriptor(one, client);
  client.reset();
  EXPECT_EQ(in_flight(), 1u) << "it is in the queue";
  one.reset();
  other.reset();
  EXPECT_EQ(in_flight(), 0u);
  EXPECT_EQ(lab->stats(1).established, 1u);
}

// The hooks are those of the cgroup that a socket was made in.
TEST_F(Release, InAnotherCgroupThanTheConnect) {
  const auto enter = [](const std::string& cgroup) {
    std::ofstream(cgroup + "/cgroup.procs") << ::getpid();
  };
  Fd client = connected(), later = tcp_socket(AF_INET);
  const std::string ours = lab->cgroup(), parent = ours.substr(0, ours.rfind('/'));
  enter(parent);
  const Fd foreign = tcp_socket(AF_INET);
  EXPECT_EQ(dial(foreign, kSong, 80), ENETUNREACH) << "made outside";
  EXPECT_EQ(dial(later, kSong, 80), 0) << "made inside";
  EXPECT_EQ(in_flight(), 2u);
  client.reset();
  later.reset();
  EXPECT_EQ(in_flight(), 0u);
  enter(ours);
  EXPECT_EQ(dial(foreign, kSong, 80), ENETUNREACH);
  EXPECT_EQ(lab->stats(1).connects, 2u);
}

// A socket that listens after it was connected: those it accepts have nothing of its state.
TEST_F(Release, OfWhatAFormerClientAccepts) {
  Fd client = connected();
  disconnect(client);
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(client.get(), reinterpret_cast<sockaddr*>(&local), sizeof local), 0);
  ASSERT_EQ(::listen(client.get(), 4), 0);
  const Fd caller = tcp_socket(AF_INET);
  ASSERT_EQ(dial(caller, "127.0.0.1", port_of(client)), 0);
  Fd accepted(::accept4(client.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(accepted);
  accepted.reset();
  EXPECT_EQ(in_flight(), 1u);
  client.reset();
  EXPECT_EQ(in_flight(), 0u);
  EXPECT_EQ(lab->stats(1).closes, 1u);
  EXPECT_EQ(lab->counter(HF_COUNT_STALE_HANDLE), 0u);
}

}  // namespace
}  // namespace holdfast::kernel_test
