// SPDX-License-Identifier: Apache-2.0
// Real connections while sets change: a server, dialling threads, connections that stay.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/fd.h"

namespace holdfast::kernel_test {

// Accepts on every address of both families at one port, and sends back what comes.
class Server {
 public:
  Server();
  ~Server();
  std::uint16_t port() const { return port_; }

 private:
  void run();

  std::uint16_t port_ = 0;
  Fd listener_, epoll_;
  std::vector<Fd> connections_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct Counts {
  std::uint64_t connects = 0;
  std::uint64_t failed = 0;      // the connect gave an error
  std::uint64_t wrong_peer = 0;  // getpeername did not show the address dialled
};

// Two threads, one for IPv4 and one for IPv6, that dial services 0..7 until stopped.
class Traffic {
 public:
  Traffic();
  ~Traffic();
  Counts stop();
  // Until so many connects more have been made.
  void wait_for(std::uint64_t connects) const;

 private:
  void run(bool v6);

  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> connects_{0}, failed_{0}, wrong_peer_{0};
  std::vector<std::thread> threads_;
};

// Connections to services 0..7, half of them IPv6, that are open until destroyed.
class LongConnections {
 public:
  explicit LongConnections(std::size_t count);
  // Sends a byte each way, asks for the peer; how many did not answer as they should.
  std::size_t broken() const;
  std::size_t silent() const;  // of the byte alone
  std::size_t size() const { return sockets_.size(); }
  void close_half();

 private:
  struct One {
    Fd socket;
    std::string address;
  };
  static bool answers(const One& one);
  std::vector<One> sockets_;
};

}  // namespace holdfast::kernel_test
