// SPDX-License-Identifier: Apache-2.0
// Real sockets on loopback.
#include "agent/health/prober.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <set>

#include "agent/base/fd.h"

namespace holdfast {
namespace {

using namespace std::chrono_literals;

struct Bound {
  Fd fd;
  std::uint16_t port = 0;
};

Bound bind_on(int family, int type) {
  Bound bound{Fd(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), 0};
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_in);
  if (family == AF_INET) {
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  } else {
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_addr = in6addr_loopback;
    size = sizeof *v6;
  }
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  EXPECT_EQ(::bind(bound.fd.get(), address, size), 0) << std::strerror(errno);
  size = sizeof storage;
  EXPECT_EQ(::getsockname(bound.fd.get(), address, &size), 0);
  bound.port = host_port(family == AF_INET ? reinterpret_cast<sockaddr_in*>(&storage)->sin_port
                                           : reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port);
  return bound;
}

class ProberTest : public testing::Test {
 protected:
  ProberTest() {
    settings.timeout = 200ms;
    settings.interval = 1s;
  }

  // The first finding. Its minute only ends a test that hangs.
  Evidence first(const ProbeTarget& target, const Prober::Prepare& prepare = nullptr) {
    std::optional<Evidence> found;
    boost::asio::io_context loop;
    Prober prober(loop, settings, prepare, [&](const Evidence& finding) {
      found = finding;
      loop.stop();
    });
    prober.set_targets({target});
    loop.run_for(60s);
    EXPECT_TRUE(found) << "no finding came";
    return found.value_or(Evidence{});
  }

  static ProbeTarget at(const std::string& address, std::uint16_t port,
                        Protocol protocol = Protocol::tcp) {
    return {IpAddress::parse(address).value(), port, protocol, std::chrono::steady_clock::now()};
  }
  ProbeSettings settings;
};

TEST_F(ProberTest, WhoListensIsAlive) {
  for (const auto& [family, address] :
       {std::pair(AF_INET, "127.0.0.1"), std::pair(AF_INET6, "::1")}) {
    const Bound server = bind_on(family, SOCK_STREAM);
    ASSERT_EQ(::listen(server.fd.get(), 8), 0);
    const Evidence finding = first(at(address, server.port));
    EXPECT_EQ(finding.verdict, Verdict::alive) << finding.words;
  }
}

TEST_F(ProberTest, AClosedPortIsDead) {
  for (const auto& [family, address] :
       {std::pair(AF_INET, "127.0.0.1"), std::pair(AF_INET6, "::1")}) {
    const Bound bound = bind_on(family, SOCK_STREAM);  // and does not listen
    const Evidence finding = first(at(address, bound.port));
    EXPECT_EQ(finding.verdict, Verdict::dead) << finding.words;
    EXPECT_EQ(finding.words, "refused the prober: Connection refused");
  }
}

TEST_F(ProberTest, SilenceIsUnknownFromWhoNeverAnswered) {
  // A full backlog drops SYNs.
  const Bound server = bind_on(AF_INET, SOCK_STREAM);
  ASSERT_EQ(::listen(server.fd.get(), 0), 0);
  std::vector<Fd> clients;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = net_port(server.port);
  for (int one = 0; one < 8; ++one) {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ::connect(clients.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  const Evidence finding = first(at("127.0.0.1", server.port));
  EXPECT_EQ(finding.verdict, Verdict::unknown) << finding.words;
  EXPECT_EQ(finding.words, "silent for 200 ms, twice; it never answered this node");
}

TEST_F(ProberTest, WithoutAControlSilenceIsUnknownAlsoFromWhoAnsweredBefore) {
  const Bound server = bind_on(AF_INET, SOCK_STREAM);
  ASSERT_EQ(::listen(server.fd.get(), 0), 0);
  // Nobody accepts: the probes themselves fill the backlog, and the next ones find silence.
  std::vector<Verdict> verdicts;
  std::string words;
  boost::asio::io_context loop;
  Prober prober(loop, settings, nullptr, [&](const Evidence& finding) {
    verdicts.push_back(finding.verdict);
    words = finding.words;
    if (finding.verdict != Verdict::alive) loop.stop();
  });
  prober.set_targets({at("127.0.0.1", server.port)});
  loop.run_for(60s);
  ASSERT_GE(verdicts.size(), 2u);
  EXPECT_EQ(verdicts.front(), Verdict::alive);
  EXPECT_EQ(verdicts.back(), Verdict::unknown);
  EXPECT_NE(words.find("nothing on another node could be asked"), std::string::npos) << words;
}

TEST_F(ProberTest, UdpIsDeadByIcmpAndElseUnknown) {
  for (const auto& [family, address] :
       {std::pair(AF_INET, "127.0.0.1"), std::pair(AF_INET6, "::1")}) {
    Bound bound = bind_on(family, SOCK_DGRAM);
    EXPECT_EQ(first(at(address, bound.port, Protocol::udp)).verdict, Verdict::unknown);
    bound.fd = Fd();
    EXPECT_EQ(first(at(address, bound.port, Protocol::udp)).verdict, Verdict::dead);
  }
}

TEST_F(ProberTest, EachSocketIsPreparedBeforeItConnects) {
  const Bound server = bind_on(AF_INET, SOCK_STREAM);
  ASSERT_EQ(::listen(server.fd.get(), 8), 0);
  bool connected = true;
  const auto look = [&](int fd) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    connected = ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
    return true;
  };
  EXPECT_EQ(first(at("127.0.0.1", server.port), look).verdict, Verdict::alive);
  EXPECT_FALSE(connected);
  const Evidence refused = first(at("127.0.0.1", server.port), [](int) { return false; });
  EXPECT_EQ(refused.verdict, Verdict::unknown);
}

TEST_F(ProberTest, ManyTargetsAreAllTold) {
  const Bound server = bind_on(AF_INET, SOCK_STREAM);
  ASSERT_EQ(::listen(server.fd.get(), 64), 0);
  std::vector<ProbeTarget> targets;
  std::set<IpAddress> told;
  for (int one = 1; one <= 40; ++one)
    targets.push_back(at("127.0.1." + std::to_string(one), server.port));
  boost::asio::io_context loop;
  Prober prober(loop, settings, nullptr, [&](const Evidence& finding) {
    EXPECT_EQ(finding.verdict, Verdict::dead);  // the server is at 127.0.0.1
    told.insert(finding.address);
    std::erase_if(targets, [&](const ProbeTarget& one) { return one.address == finding.address; });
    prober.set_targets(targets);
    if (told.size() == 40) loop.stop();
  });
  prober.set_targets(targets);
  loop.run_for(60s);
  EXPECT_EQ(told.size(), 40u);
}

}  // namespace
}  // namespace holdfast
