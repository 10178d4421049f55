// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/sets/traffic.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "tests/kernel/bpf/lab.h"
#include "tests/kernel/sets/agent/content.h"

namespace holdfast::kernel_test {
namespace {

constexpr std::uint32_t kDialled = 8;

// Closes with a reset, so that no port waits in TIME_WAIT.
void close_hard(Fd& socket) {
  const linger now{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  socket.reset();
}

std::string address_of(bool v6, std::uint32_t service) {
  return v6 ? test::frontend6(service) : test::frontend4(service);
}

}  // namespace

Server::Server() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  listener_ = listen_on("::", 4096);
  ::fcntl(listener_.get(), F_SETFL, O_NONBLOCK);
  port_ = port_of(listener_);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_.get();
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event);
  thread_ = std::thread([this] { run(); });
}

Server::~Server() {
  stop_ = true;
  thread_.join();
}

void Server::run() {
  epoll_event events[64];
  while (!stop_) {
    const int count = ::epoll_wait(epoll_.get(), events, 64, 50);
    for (int one = 0; one < count; ++one) {
      const int fd = events[one].data.fd;
      if (fd == listener_.get()) {
        Fd accepted(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!accepted) continue;  // reset meanwhile
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = accepted.get();
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, accepted.get(), &event);
        const auto index = static_cast<std::size_t>(accepted.get());
        if (connections_.size() <= index) connections_.resize(index + 1);
        connections_[index] = std::move(accepted);
        continue;
      }
      char byte = 0;
      if (::recv(fd, &byte, 1, MSG_DONTWAIT) == 1) {
        (void)!::send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
      } else {
        // Out of the epoll by hand: a process that was just forked may still hold the socket.
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
        connections_[static_cast<std::size_t>(fd)].reset();
      }
    }
  }
}

Traffic::Traffic() {
  threads_.emplace_back([this] { run(false); });
  threads_.emplace_back([this] { run(true); });
}

Traffic::~Traffic() {
  if (!stop_) stop();
}

void Traffic::run(bool v6) {
  for (std::uint32_t turn = 0; !stop_; ++turn) {
    const std::string address = address_of(v6, turn % kDialled);
    Fd socket = tcp_socket(v6 ? AF_INET6 : AF_INET);
    const int error = dial(socket, address, 80);
    if (error) {
      ++failed_;
    } else if (peer_of(socket) != Peer{address, 80}) {
      ++wrong_peer_;
    }
    ++connects_;
    close_hard(socket);
  }
}

Counts Traffic::stop() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  return {connects_, failed_, wrong_peer_};
}

void Traffic::wait_for(std::uint64_t connects) const {
  const std::uint64_t end = connects_ + connects;
  while (connects_ < end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

LongConnections::LongConnections(std::size_t count) {
  for (std::uint32_t one = 0; one < count; ++one) {
    const std::string address = address_of(one % 2 != 0, one / 2 % kDialled);
    Fd socket = tcp_socket(one % 2 ? AF_INET6 : AF_INET);
    if (dial(socket, address, 80) == 0) sockets_.push_back({std::move(socket), address});
  }
}

bool LongConnections::answers(const One& one) {
  char byte = 'x';
  const timeval patience{5, 0};
  ::setsockopt(one.socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return ::write(one.socket.get(), &byte, 1) == 1 && ::read(one.socket.get(), &byte, 1) == 1;
}

std::size_t LongConnections::broken() const {
  std::size_t result = 0;
  for (const One& one : sockets_) {
    if (!answers(one) || peer_of(one.socket) != Peer{one.address, 80}) ++result;
  }
  return result;
}

std::size_t LongConnections::silent() const {
  std::size_t result = 0;
  for (const One& one : sockets_) result += answers(one) ? 0 : 1;
  return result;
}

void LongConnections::close_half() {
  for (std::size_t one = sockets_.size() / 2; one < sockets_.size(); ++one) {
    close_hard(sockets_[one].socket);
  }
  sockets_.resize(sockets_.size() / 2);
}

}  // namespace holdfast::kernel_test
