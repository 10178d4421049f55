// SPDX-License-Identifier: Apache-2.0
// What is timed: TCP connects (and the closes after them) and UDP connects, on one CPU. The
// listener is this thread's too: between two batches it accepts what has come and closes it, so
// that no second CPU, and no wake-up of it, is in the figure.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <vector>

#include "agent/base/fd.h"
#include "agent/model/address.h"

namespace holdfast::bench {

struct Target {
  sockaddr_storage storage{};
  socklen_t length = 0;
};
Target target_of(const IpAddress& address, std::uint16_t port);

// Nanoseconds, one element a connect.
struct Timings {
  std::vector<std::uint32_t> connect;
  std::vector<std::uint32_t> close;  // with RST, so that no TIME_WAIT is left
  std::vector<std::uint32_t> whole;  // connect and close
};

class TcpTraffic {
 public:
  explicit TcpTraffic(int family);
  std::uint16_t port() const { return port_; }
  // Throws when a connect fails: every target must lead to the listener.
  Timings run(const std::vector<Target>& targets);
  // One socket, again and again, to where no route leads: each must fail with ENETUNREACH.
  Timings run_unroutable(const std::vector<Target>& targets);

 private:
  void drain();
  int family_;
  Fd listener_;
  std::uint16_t port_ = 0;
};

// One socket, connected again and again: no socket is made, no packet sent, no state kept.
class UdpTraffic {
 public:
  UdpTraffic();
  Timings run(const std::vector<Target>& targets);

 private:
  Fd socket_;
};

}  // namespace holdfast::bench
