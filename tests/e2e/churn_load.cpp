// SPDX-License-Identifier: Apache-2.0
// Both sides of churn.py.
//   churn_load serve PORT        reads "+SERVICE ADDRESS" and "-ADDRESS" lines: listens, or is
//   gone;
//                                answers each with "ok". Says "SERVICE ADDRESS" on each connection.
//   churn_load dial THREADS SERVICE ADDRESS PORT [SERVICE ADDRESS PORT...]
//                                a connection after another to each service in turn; a line in, a
//                                JSON line of counts out; ends at the end of the input.
// Each connection is checked: who answers says the service that was dialled, and getpeername shows
// the address that was dialled.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/fd.h"

namespace holdfast {
namespace {

struct Target {
  std::string service;
  sockaddr_storage storage{};
  socklen_t length = 0;
  int family = AF_INET;
};

Target target_of(std::string service, const std::string& address, std::uint16_t port) {
  Target target;
  target.service = std::move(service);
  if (auto* v4 = reinterpret_cast<sockaddr_in*>(&target.storage);
      ::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    target.length = sizeof *v4;
    return target;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&target.storage);
  if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) != 1) {
    std::cerr << "not an address: " << address << "\n";
    std::exit(2);
  }
  target.family = AF_INET6;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  target.length = sizeof *v6;
  return target;
}

// --- the endpoints ------------------------------------------------------------------------------
class Server {
 public:
  explicit Server(std::uint16_t port) : port_(port), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

  void run() {
    std::thread([this] { answer(); }).detach();
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream words(line.substr(1));
      std::string service, address;
      if (line[0] == '+') words >> service;
      words >> address;
      const bool done = line[0] == '+' ? open(service, address) : close(address);
      std::cout << (done ? "ok" : std::string("error: ") + std::strerror(errno)) << std::endl;
    }
  }

 private:
  struct Listener {
    Fd socket;
    std::string says;
  };

  bool open(const std::string& service, const std::string& address) {
    const Target target = target_of(service, address, port_);
    Fd socket(::socket(target.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(socket.get(), SOL_IP, IP_FREEBIND, &on, sizeof on);  // IPv6 too
    const auto* name = reinterpret_cast<const sockaddr*>(&target.storage);
    if (::bind(socket.get(), name, target.length) != 0 || ::listen(socket.get(), 1024) != 0)
      return false;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket.get();
    const std::lock_guard lock(mutex_);
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0) return false;
    by_address_[address] = socket.get();
    const int fd = socket.get();
    listeners_[fd] = {std::move(socket), service + " " + address};
    return true;
  }

  bool close(const std::string& address) {
    const std::lock_guard lock(mutex_);
    const auto known = by_address_.find(address);
    if (known == by_address_.end()) return false;
    listeners_.erase(known->second);
    by_address_.erase(known);
    return true;
  }

  void answer() {
    std::array<epoll_event, 128> events;
    while (true) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      const std::lock_guard lock(mutex_);
      for (int one = 0; one < count; ++one) {
        const auto listener = listeners_.find(events[static_cast<std::size_t>(one)].data.fd);
        if (listener != listeners_.end()) answer_all(listener->second);
      }
    }
  }

  static void answer_all(const Listener& listener) {
    while (true) {
      const Fd client(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (client.get() < 0) return;
      ::send(client.get(), listener.says.data(), listener.says.size(), MSG_NOSIGNAL);
    }
  }

  std::uint16_t port_;
  Fd epoll_;
  std::mutex mutex_;
  std::map<int, Listener> listeners_;
  std::map<std::string, int> by_address_;
};

// --- the clients --------------------------------------------------------------------------------
struct Counts {
  std::atomic<std::uint64_t> attempted{0}, failed{0}, wrong{0};
};

std::mutex samples_mutex;
std::map<std::string, std::uint64_t> samples;  // what went wrong, in words, and how often

void note(const std::string& what) {
  const std::lock_guard lock(samples_mutex);
  if (samples.size() < 50 || samples.contains(what)) ++samples[what];
}

bool shows_what_was_dialled(const Fd& socket, const Target& target) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  return ::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &length) == 0 &&
         length == target.length && std::memcmp(&peer, &target.storage, length) == 0;
}

std::string read_all(const Fd& socket) {
  std::string text;
  std::array<char, 128> part;
  for (ssize_t got; (got = ::recv(socket.get(), part.data(), part.size(), 0)) > 0;)
    text.append(part.data(), static_cast<std::size_t>(got));
  return text;
}

// What the environment may say, where others need the machine too: LIMIT_SECONDS, how long a
// connect or an answer may take before it counts as failed, and PAUSE_MS, how long a client rests
// after each.
int setting(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoi(value);
}

void dial(const Target& target, Counts& counts) {
  const Fd socket(::socket(target.family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  static const timeval limit{setting("LIMIT_SECONDS", 3), 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const linger reset{1, 0};  // leaves no TIME_WAIT behind, so that local ports last
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  const auto* name = reinterpret_cast<const sockaddr*>(&target.storage);
  counts.attempted.fetch_add(1, std::memory_order_relaxed);
  if (::connect(socket.get(), name, target.length) != 0) {
    ++counts.failed;
    return note(target.service + ": connect: " + std::strerror(errno));
  }
  const bool shown = shows_what_was_dialled(socket, target);
  const std::string answer = read_all(socket);
  if (answer.empty()) {
    ++counts.failed;
    return note(target.service + ": no answer: " + std::strerror(errno));
  }
  if (!shown || !answer.starts_with(target.service + " ")) {
    ++counts.wrong;
    note(target.service + ": answered by " + answer + (shown ? "" : ", and getpeername differs"));
  }
}

void print(const Counts& counts) {
  std::string text = "{\"attempted\": " + std::to_string(counts.attempted) +
                     ", \"failed\": " + std::to_string(counts.failed) +
                     ", \"wrong\": " + std::to_string(counts.wrong) + ", \"samples\": {";
  const std::lock_guard lock(samples_mutex);
  for (const auto& [what, times] : samples) {
    if (text.back() != '{') text += ", ";
    text += "\"" + what + "\": " + std::to_string(times);
  }
  std::cout << text << "}}" << std::endl;
}

int load(std::size_t threads, const std::vector<Target>& targets) {
  Counts counts;
  std::atomic<bool> stop{false};
  std::vector<std::thread> clients;
  const std::chrono::milliseconds pause(setting("PAUSE_MS", 0));
  for (std::size_t thread = 0; thread < threads; ++thread) {
    clients.emplace_back([&, next = thread]() mutable {
      while (!stop) {
        dial(targets[next++ % targets.size()], counts);
        if (pause.count() > 0) std::this_thread::sleep_for(pause);
      }
    });
  }
  for (std::string line; std::getline(std::cin, line);) print(counts);
  stop = true;
  for (std::thread& client : clients) client.join();
  print(counts);
  return 0;
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  using namespace holdfast;
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "serve") {
    Server(static_cast<std::uint16_t>(std::stoi(words[1]))).run();
    return 0;
  }
  if (words.size() >= 5 && words[0] == "dial" && (words.size() - 2) % 3 == 0) {
    std::vector<Target> targets;
    for (std::size_t at = 2; at < words.size(); at += 3) {
      targets.push_back(target_of(words[at], words[at + 1],
                                  static_cast<std::uint16_t>(std::stoi(words[at + 2]))));
    }
    return load(std::stoul(words[1]), targets);
  }
  std::cerr << "usage: churn_load serve PORT | dial THREADS SERVICE ADDRESS PORT...\n";
  return 2;
}
