// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/traffic.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "tests/bench/figures.h"
#include "tests/bench/lab.h"

namespace holdfast::bench {
namespace {

constexpr int kBacklog = 4096;       // net.core.somaxconn of a new namespace
constexpr std::size_t kBatch = 256;  // connects between two drains of the listener

std::uint32_t since(std::uint64_t start, std::uint64_t end) {
  return static_cast<std::uint32_t>(end - start);
}

const sockaddr* generic(const Target& target) {
  return reinterpret_cast<const sockaddr*>(&target.storage);
}

}  // namespace

Target target_of(const IpAddress& address, std::uint16_t port) {
  Target target;
  const hf_addr abi = address.to_abi();
  if (address.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&target.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    v4->sin_addr.s_addr = abi.word[3];
    target.length = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&target.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    std::memcpy(&v6->sin6_addr, &abi, sizeof abi);
    target.length = sizeof *v6;
  }
  return target;
}

TcpTraffic::TcpTraffic(int family)
    : family_(family == 4 ? AF_INET : AF_INET6),
      listener_(::socket(family_, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  Target any;
  any.storage.ss_family = static_cast<sa_family_t>(family_);
  any.length = family == 4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  require(listener_ && ::bind(listener_.get(), generic(any), any.length) == 0 &&
              ::listen(listener_.get(), kBacklog) == 0,
          "listen");
  socklen_t length = sizeof any.storage;
  require(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&any.storage), &length) == 0,
          "listener's port");
  port_ = ntohs(reinterpret_cast<sockaddr_in*>(&any.storage)->sin_port);  // same place in both
}

void TcpTraffic::drain() {
  for (;;) {
    const Fd accepted(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted && errno != ECONNABORTED) return;
  }
}

Timings TcpTraffic::run(const std::vector<Target>& targets) {
  constexpr linger kReset{1, 0};
  Timings timings;
  for (auto* series : {&timings.connect, &timings.close, &timings.whole}) {
    series->reserve(targets.size());
  }
  for (std::size_t one = 0; one < targets.size(); ++one) {
    const int socket = ::socket(family_, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &kReset, sizeof kReset);
    const std::uint64_t start = now_ns();
    const int status = ::connect(socket, generic(targets[one]), targets[one].length);
    const std::uint64_t connected = now_ns();
    require(status == 0, "a connect of the benchmark failed");
    const std::uint64_t closing = now_ns();
    ::close(socket);
    const std::uint64_t closed = now_ns();
    timings.connect.push_back(since(start, connected));
    timings.close.push_back(since(closing, closed));
    timings.whole.push_back(timings.connect.back() + timings.close.back());
    if (one % kBatch == kBatch - 1) drain();
  }
  drain();
  return timings;
}

Timings TcpTraffic::run_unroutable(const std::vector<Target>& targets) {
  const Fd socket(::socket(family_, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Timings timings;
  timings.connect.reserve(targets.size());
  for (const Target& target : targets) {
    const std::uint64_t start = now_ns();
    const int status = ::connect(socket.get(), generic(target), target.length);
    const std::uint64_t end = now_ns();
    require(status != 0 && errno == ENETUNREACH, "a connect without a route went somewhere");
    timings.connect.push_back(since(start, end));
  }
  return timings;
}

UdpTraffic::UdpTraffic() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  require(static_cast<bool>(socket_), "UDP socket");
}

Timings UdpTraffic::run(const std::vector<Target>& targets) {
  Timings timings;
  timings.connect.reserve(targets.size());
  for (const Target& target : targets) {
    const std::uint64_t start = now_ns();
    const int status = ::connect(socket_.get(), generic(target), target.length);
    const std::uint64_t end = now_ns();
    require(status == 0, "a UDP connect of the benchmark failed");
    timings.connect.push_back(since(start, end));
  }
  return timings;
}

}  // namespace holdfast::bench
