// SPDX-License-Identifier: Apache-2.0
// The workload of a guest: "serve ADDRESS PORT NAME" answers every connection with its name, "dial
// ADDRESS PORT" prints the name it gets and whom getpeername tells, or the error.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address parse(const char* text, const char* port) {
  Address address;
  const auto number = htons(static_cast<std::uint16_t>(std::atoi(port)));
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (::inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = number;
    address.length = sizeof *v6;
  } else if (::inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = number;
    address.length = sizeof *v4;
  }
  return address;
}

std::string describe(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = {};
  const bool v6 = storage.ss_family == AF_INET6;
  const auto* six = reinterpret_cast<const sockaddr_in6*>(&storage);
  const auto* four = reinterpret_cast<const sockaddr_in*>(&storage);
  ::inet_ntop(storage.ss_family, v6 ? static_cast<const void*>(&six->sin6_addr) : &four->sin_addr,
              text, sizeof text);
  return std::string(text) + " " + std::to_string(ntohs(v6 ? six->sin6_port : four->sin_port));
}

int failed(const char* what) {
  std::printf("%s %s\n", what, ::strerrorname_np(errno));
  return 1;
}

int serve(Address address, const std::string& name) {
  const int listener = ::socket(address.storage.ss_family, SOCK_STREAM, 0), on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener, address.get(), address.length) != 0) return failed("bind");
  if (::listen(listener, 64) != 0) return failed("listen");
  while (true) {
    const int client = ::accept(listener, nullptr, nullptr);
    if (client < 0) continue;
    if (::write(client, name.data(), name.size()) < 0) failed("write");
    ::close(client);
  }
}

int dial(Address address) {
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM, 0);
  const timeval limit{5, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(fd, address.get(), address.length) != 0) return failed("connect");
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0)
    return failed("getpeername");
  char name[64] = {};
  if (::read(fd, name, sizeof name - 1) < 0) return failed("read");
  std::printf("%s %s\n", name, describe(peer).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 3 ? argv[1] : "";
  const Address address = argc > 3 ? parse(argv[2], argv[3]) : Address{};
  if (address.length != 0 && verb == "serve" && argc == 5) return serve(address, argv[4]);
  if (address.length != 0 && verb == "dial") return dial(address);
  std::fprintf(stderr, "usage: vm_dial serve ADDRESS PORT NAME | dial ADDRESS PORT\n");
  return 2;
}
