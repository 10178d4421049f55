// SPDX-License-Identifier: Apache-2.0
// The workload of outlive.py: what a set of maps must outlive.
//   outlive_load serve           every endpoint of every service at once: says "ADDRESS\n" (its
//   own)
//                                on each connection, and gives back each byte that comes.
//   outlive_load dial THREADS    connection after connection, each to a service by chance.
//   outlive_load hold COUNT      opens so many connections, to one service after the other, and
//                                asks for a byte back on each of them, again and again.
// Service i: frontends 10.96.0.0 + i and fd96::i, port 80; endpoints 10.128.0.0 + 16 i + e and
// fd80::(16 i + e), port 8080. So an address tells whose it is. Only every eighth has IPv6.
//
// dial and hold begin with the line "services N"; every line is answered with a line of counts in
// JSON: "services N", "pause", "resume", "count". They end at the end of the input.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/fd.h"

namespace holdfast {
namespace {

constexpr std::uint32_t kFrontends4 = 0x0A600000, kEndpoints4 = 0x0A800000;
constexpr std::uint32_t kEndpointsEach = 16;
constexpr std::uint16_t kFrontendPort = 80, kEndpointPort = 8080;
// A machine that builds something meanwhile is slow; what fails is refused at once.
constexpr timeval kPatience{20, 0};

// v4-mapped or not, as getpeername and getsockname give it.
using Name = sockaddr_in6;

Name name_of(std::uint32_t service, bool v6) {
  Name name{};
  if (v6) {
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(kFrontendPort);
    name.sin6_addr.s6_addr[0] = 0xfd;
    name.sin6_addr.s6_addr[1] = 0x96;
    const std::uint32_t low = htonl(service);
    std::memcpy(&name.sin6_addr.s6_addr[12], &low, sizeof low);
    return name;
  }
  auto* v4 = reinterpret_cast<sockaddr_in*>(&name);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(kFrontendPort);
  v4->sin_addr.s_addr = htonl(kFrontends4 + service);
  return name;
}

socklen_t length_of(const Name& name) {
  return name.sin6_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

const sockaddr* plain(const Name& name) {
  return reinterpret_cast<const sockaddr*>(&name);
}

// The number that an endpoint's address ends with, of either family; its service is a 16th of it.
std::uint32_t number_in(const in6_addr& address) {
  std::uint32_t low = 0;
  std::memcpy(&low, &address.s6_addr[12], sizeof low);
  low = ntohl(low);
  return IN6_IS_ADDR_V4MAPPED(&address) ? low - kEndpoints4 : low;
}

// --- the endpoints ------------------------------------------------------------------------------
class Server {
 public:
  Server() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    listener_ = Fd(::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1, off = 0;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(listener_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    Name any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(kEndpointPort);
    if (::bind(listener_.get(), plain(any), sizeof any) != 0 ||
        ::listen(listener_.get(), 4096) != 0) {
      std::perror("outlive_load: listen");
      std::exit(1);
    }
    add(listener_.get());
  }

  [[noreturn]] void run() {
    std::cout << "{}" << std::endl;
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (int one = 0; one < count; ++one) {
        const int fd = events[static_cast<std::size_t>(one)].data.fd;
        if (fd == listener_.get()) {
          accept_all();
        } else {
          give_back(fd);
        }
      }
    }
  }

 private:
  void add(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  void accept_all() const {
    for (;;) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) return;
      Name own{};
      socklen_t length = sizeof own;
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &length);
      const std::string line = std::to_string(number_in(own.sin6_addr)) + "\n";
      ::send(fd, line.data(), line.size(), MSG_NOSIGNAL);
      add(fd);
    }
  }

  static void give_back(int fd) {
    char bytes[16];
    const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
    if (got > 0) {
      ::send(fd, bytes, static_cast<std::size_t>(got), MSG_NOSIGNAL);
    } else if (got == 0 || errno != EAGAIN) {
      ::close(fd);
    }
  }

  Fd epoll_, listener_;
};

// --- what is counted ----------------------------------------------------------------------------
struct Counts {
  std::atomic<std::uint64_t> attempted{0}, failed{0}, wrong{0}, peer{0};
  std::mutex mutex;
  std::map<std::string, std::uint64_t> samples;  // what went wrong, in words, and how often

  void note(const std::string& what) {
    const std::lock_guard lock(mutex);
    if (samples.size() < 50 || samples.contains(what)) ++samples[what];
  }

  std::string json() {
    std::string text = "\"attempted\": " + std::to_string(attempted) +
                       ", \"failed\": " + std::to_string(failed) +
                       ", \"wrong\": " + std::to_string(wrong) +
                       ", \"peer\": " + std::to_string(peer) + ", \"samples\": {";
    const std::lock_guard lock(mutex);
    for (const auto& [what, times] : samples) {
      if (text.back() != '{') text += ", ";
      text += "\"" + what + "\": " + std::to_string(times);
    }
    return text + "}";
  }
};

// A connection to a service that has been made, and whose endpoint has said who it is.
struct Connection {
  std::uint32_t service = 0, endpoint = 0;
  Name dialled{};
  Fd socket;

  bool peer_is_dialled() const {
    Name peer{};
    socklen_t length = sizeof peer;
    return ::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &length) == 0 &&
           length == length_of(dialled) && std::memcmp(&peer, &dialled, length) == 0;
  }
};

std::string read_line(const Fd& socket) {
  std::string line;
  for (char byte = 0; line.size() < 16 && ::recv(socket.get(), &byte, 1, 0) == 1; line += byte)
    if (byte == '\n') return line;
  return "";
}

// Closes by reset, and so leaves no TIME_WAIT behind and local ports last; one in eight in order.
void close_by_reset(const Fd& socket, std::uint64_t number) {
  if (number % 8 == 0) return;
  const linger reset{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

// Counts what it finds; `wrong`: another service's endpoint, `peer`: getpeername says otherwise.
std::optional<Connection> dial(std::uint32_t service, bool v6, Counts& counts) {
  Connection made{service, 0, name_of(service, v6), {}};
  made.socket = Fd(::socket(made.dialled.sin6_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::setsockopt(made.socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(made.socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  close_by_reset(made.socket, ++counts.attempted);
  if (::connect(made.socket.get(), plain(made.dialled), length_of(made.dialled)) != 0) {
    ++counts.failed;
    counts.note(std::string("connect: ") + std::strerror(errno));
    return std::nullopt;
  }
  const bool right = made.peer_is_dialled();
  errno = 0;
  const std::string line = read_line(made.socket);
  if (line.empty()) {
    ++counts.failed;
    counts.note(std::string("no answer: ") + std::strerror(errno));
    return std::nullopt;
  }
  made.endpoint = static_cast<std::uint32_t>(std::stoul(line));
  if (made.endpoint / kEndpointsEach != service) {
    ++counts.wrong;
    counts.note("an endpoint of another service");
  }
  if (!right) {
    ++counts.peer;
    counts.note("getpeername is not what was dialled");
  }
  return made;
}

bool has_v6(std::uint32_t service) {
  return service % 8 == 0;
}

// --- the clients --------------------------------------------------------------------------------
class Dialler {
 public:
  explicit Dialler(unsigned threads) : busy_(threads) {
    for (unsigned one = 0; one < threads; ++one) clients_.emplace_back([this, one] { run(one); });
  }
  ~Dialler() {
    stop_ = true;
    resume();
    for (std::thread& client : clients_) client.join();
  }

  std::string obey(const std::string& verb, std::uint32_t number) {
    if (verb == "services") services_ = number;
    if (verb == "pause") pause();
    if (verb == "resume" || verb == "services") resume();
    return counts_.json();
  }

 private:
  // Returns when nobody is dialling any more.
  void pause() {
    std::unique_lock lock(mutex_);
    paused_ = true;
    changed_.wait(lock, [this] { return busy_ == 0; });
  }
  void resume() {
    const std::lock_guard lock(mutex_);
    paused_ = false;
    changed_.notify_all();
  }
  void rest() {
    if (!paused_) return;
    std::unique_lock lock(mutex_);
    --busy_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !paused_ || stop_; });
    ++busy_;
  }

  void run(unsigned seed) {
    std::minstd_rand random(seed + 1);
    while (!stop_) {
      rest();
      const std::uint32_t services = services_;
      if (services == 0 || stop_) continue;
      const auto service = static_cast<std::uint32_t>(random() % services);
      (void)dial(service, has_v6(service) && random() % 2 == 0, counts_);
    }
  }

  Counts counts_;
  std::atomic<std::uint32_t> services_{0};
  std::atomic<bool> stop_{false}, paused_{true};
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned busy_;
  std::vector<std::thread> clients_;
};

// Connections that are to outlive everything.
class Holder {
 public:
  explicit Holder(unsigned count) : count_(count) {}
  ~Holder() {
    stop_ = true;
    if (asker_.joinable()) asker_.join();
  }

  std::string obey(const std::string& verb, std::uint32_t number) {
    if (verb == "services") open(number);
    const std::lock_guard lock(mutex_);
    pass();
    const std::string now = ", \"open\": " + std::to_string(open_.size()) +
                            ", \"echoes\": " + std::to_string(echoes_) +
                            ", \"broken\": " + std::to_string(broken_) +
                            ", \"peer_seen\": " + std::to_string(peer_seen_) +
                            ", \"peer_now\": " + std::to_string(peer_now_);
    return counts_.json() + now;
  }

 private:
  void open(std::uint32_t services) {
    for (std::uint32_t one = 0; one < count_; ++one) {
      const std::uint32_t service = one % services;
      auto made = dial(service, has_v6(service) && one / services % 2 == 0, counts_);
      if (made) open_.push_back(std::move(*made));
    }
    asker_ = std::thread([this] {
      while (!stop_) {
        {
          const std::lock_guard lock(mutex_);
          pass();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
      }
    });
  }

  // A byte there and back on every connection, and who the peer is said to be.
  void pass() {
    peer_now_ = 0;
    for (Connection& one : open_) {
      if (!one.socket) continue;
      const char sent = static_cast<char>(echoes_);
      char back = 0;
      if (::send(one.socket.get(), &sent, 1, MSG_NOSIGNAL) != 1 ||
          ::recv(one.socket.get(), &back, 1, 0) != 1 || back != sent) {
        ++broken_;
        counts_.note(std::string("a connection broke: ") + std::strerror(errno));
        one.socket.reset();
        continue;
      }
      ++echoes_;
      peer_now_ += one.peer_is_dialled() ? 0 : 1;
    }
    peer_seen_ += peer_now_;
  }

  unsigned count_;
  Counts counts_;
  std::mutex mutex_;
  std::vector<Connection> open_;
  std::uint64_t echoes_ = 0, broken_ = 0;
  std::uint64_t peer_seen_ = 0, peer_now_ = 0;  // getpeername was not what was dialled
  std::atomic<bool> stop_{false};
  std::thread asker_;
};

template <class Client>
int serve_input(unsigned count) {
  Client client(count);
  for (std::string line; std::getline(std::cin, line);) {
    const auto space = line.find(' ');
    const auto number = space == std::string::npos ? 0 : std::stoul(line.substr(space + 1));
    std::cout << "{" << client.obey(line.substr(0, space), static_cast<std::uint32_t>(number))
              << "}" << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  using namespace holdfast;
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && words[0] == "serve") Server().run();
  if (words.size() == 2 && words[0] == "dial")
    return serve_input<Dialler>(static_cast<unsigned>(std::stoul(words[1])));
  if (words.size() == 2 && words[0] == "hold")
    return serve_input<Holder>(static_cast<unsigned>(std::stoul(words[1])));
  std::cerr << "usage: outlive_load serve | dial THREADS | hold COUNT\n";
  return 2;
}
