// SPDX-License-Identifier: Apache-2.0
// What the pods of kubernetes_nodes.py run: pod_peer SERVICE PORT [NAME ADDRESS PORT]...
// Says "SERVICE POD NODE" on each connection (POD and NODE from the environment), and what each
// upstream said, which it asks anew; "failed: ..." when one could not be asked. SIGTERM ends it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/fd.h"

namespace holdfast {
namespace {

// More than the clients of the test, each of which may be waiting in an upstream.
constexpr int threads = 16;

struct Upstream {
  std::string name;
  sockaddr_in address{};
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "?" : value;
}

void limit_waiting(const Fd& socket) {
  const timeval limit{8, 0};  // two of them are less than the client's: it hears what failed
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

// What it says, or "failed: NAME: why".
std::string ask(const Upstream& upstream) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  limit_waiting(socket);
  const linger reset{1, 0};  // leaves no TIME_WAIT behind, so that local ports last
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  const auto* name = reinterpret_cast<const sockaddr*>(&upstream.address);
  if (::connect(socket.get(), name, sizeof upstream.address) != 0)
    return "failed: " + upstream.name + ": " + std::strerror(errno);
  std::string text;
  std::array<char, 256> part;
  for (ssize_t got; (got = ::recv(socket.get(), part.data(), part.size(), 0)) > 0;)
    text.append(part.data(), static_cast<std::size_t>(got));
  if (text.empty()) return "failed: " + upstream.name + ": no answer: " + std::strerror(errno);
  if (!text.starts_with(upstream.name + " "))
    return "failed: " + upstream.name + ": answered by " + text;
  return text;
}

void answer(const Fd& listener, const std::string& says, const std::vector<Upstream>& upstreams) {
  while (true) {
    const Fd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client.get() < 0) continue;
    std::string text = says;
    for (const Upstream& upstream : upstreams) {
      const std::string part = ask(upstream);
      text = part.starts_with("failed") ? part : text + "; " + part;
      if (part.starts_with("failed")) break;
    }
    ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
}

Fd listen_on(std::uint16_t port) {
  Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));  // IPv4 too
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  name.sin6_port = htons(port);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 ||
      ::listen(socket.get(), 1024) != 0) {
    std::cerr << "listen: " << std::strerror(errno) << "\n";
    std::exit(1);
  }
  return socket;
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  using namespace holdfast;
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 2 || (words.size() - 2) % 3 != 0) {
    std::cerr << "usage: pod_peer SERVICE PORT [NAME ADDRESS PORT]...\n";
    return 2;
  }
  std::vector<Upstream> upstreams;
  for (std::size_t at = 2; at < words.size(); at += 3) {
    Upstream one{words[at], {}};
    one.address.sin_family = AF_INET;
    one.address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(words[at + 2])));
    if (::inet_pton(AF_INET, words[at + 1].c_str(), &one.address.sin_addr) != 1) {
      std::cerr << "not an IPv4 address: " << words[at + 1] << "\n";
      return 2;
    }
    upstreams.push_back(std::move(one));
  }
  // The first process of a container is told nothing that it does not ask for.
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &end, nullptr);
  const Fd listener = listen_on(static_cast<std::uint16_t>(std::stoi(words[1])));
  const std::string says = words[0] + " " + environment("POD") + " " + environment("NODE");
  for (int one = 0; one < threads; ++one)
    std::thread([&] { answer(listener, says, upstreams); }).detach();
  int signal = 0;
  sigwait(&end, &signal);
  std::_Exit(0);
}
