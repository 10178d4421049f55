// SPDX-License-Identifier: Apache-2.0
// The programs loaded for real: a scratch cgroup and network namespace of this process's own,
// nothing pinned, and all of it gone with the object. Needs root.
#pragma once

#include <netinet/in.h>

#include <memory>
#include <string>
#include <vector>

#include "agent/base/fd.h"
#include "agent/model/address.h"
#include "holdfast/abi/counters.h"
#include "holdfast/abi/endpoint.h"
#include "holdfast/abi/frontend.h"
#include "holdfast/abi/pool.h"
#include "holdfast/abi/socket.h"
#include "tcp.skel.h"

namespace holdfast::kernel_test {

// Moves this process into a network namespace with only loopback, and a cgroup, until destroyed.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  const std::string& cgroup() const { return cgroup_; }

 private:
  std::string former_, cgroup_;
  Fd former_netns_;
};

// What the kernel is to be taken for.
struct Kernel {
  bool retval = true, mptcp = true;  // it has the helpers
  bool netns_cookie = true;          // it tells ours; else host frontends are the initial one's
};

class Lab {
 public:
  explicit Lab(const Kernel& kernel = {});
  ~Lab();

  // Writes of the maps, by system call.
  void endpoint(std::uint32_t id, const std::string& address, std::uint16_t port,
                std::uint32_t incarnation = 1);
  void pool(std::uint32_t id, std::vector<std::uint32_t> endpoints,
            hf_no_endpoints empty = HF_EMPTY_REFUSE);
  void frontend(const std::string& address, std::uint16_t port, std::uint32_t pool,
                bool host_scope = false);
  void bypass(int socket);
  // Another product's program: rejects every IPv4 connect, and runs before ours.
  void reject_before();
  void reject_after();  // the same, behind ours

  const std::string& cgroup() const { return scratch_.cgroup(); }
  hf_endpoint_stats stats(std::uint32_t id) const;
  std::uint64_t counter(hf_counter which) const;

 private:
  Fd rejecting() const;

  Scratch scratch_;
  std::unique_ptr<hf_tcp_bpf, decltype(&hf_tcp_bpf__destroy)> skeleton_{nullptr,
                                                                        &hf_tcp_bpf__destroy};
  std::vector<bpf_link*> links_;
  Fd rejecting_;  // a link
  std::uint32_t next_slot_ = 1;
};

struct Peer {
  std::string address;  // as the socket's family shows it: "::ffff:10.0.0.1" on an IPv6 socket
  std::uint16_t port = 0;
  bool operator==(const Peer&) const = default;
};

Fd listen_on(const std::string& address, int backlog = 64, std::uint16_t port = 0);
std::uint16_t port_of(const Fd& socket);
Fd tcp_socket(int family, int flags = 0, int protocol = 0);
// 0 or errno. On an IPv6 socket an IPv4 address is dialled as ::ffff:a.b.c.d.
int dial(const Fd& socket, const std::string& address, std::uint16_t port);
void disconnect(const Fd& socket);  // connect to AF_UNSPEC
Peer peer_of(const Fd& socket);

}  // namespace holdfast::kernel_test
