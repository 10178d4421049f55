// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/bpf/lab.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "holdfast/abi/pins.h"

namespace holdfast::kernel_test {
namespace {

void require(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what + ": " + std::strerror(errno));
}

std::string cgroup_root() {
  std::ifstream mounts("/proc/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, path, type;
    words >> device >> path >> type;
    if (type == "cgroup2") return path;
  }
  throw std::runtime_error("no cgroup2 is mounted");
}

std::string own_cgroup() {
  std::ifstream lines("/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("0::", 0) == 0) return line.substr(3);
  }
  throw std::runtime_error("this process is in no cgroup2");
}

void move_to(const std::string& cgroup) {
  std::ofstream procs(cgroup + "/cgroup.procs");
  procs << getpid() << std::flush;
  require(procs.good(), "move to cgroup " + cgroup);
}

void raise_loopback() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  require(::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0, "raise loopback");
}

std::uint64_t netns_cookie() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  require(::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0,
          "network namespace cookie");
  return cookie;
}

template <class Key, class Value>
void update(const bpf_map* map, const Key& key, const Value& value) {
  require(::bpf_map_update_elem(bpf_map__fd(map), &key, &value, BPF_ANY) == 0,
          std::string("update map ") + bpf_map__name(map));
}

enum Program {  // the place of each in HF_PROGRAMS, and so in the links
#define PLACE(object, name, section) name##_place,
  HF_PROGRAMS(PLACE)
#undef PLACE
};
constexpr std::size_t kConnect4 = hf_connect4_place;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

Address address_of(int family, const std::string& text, std::uint16_t port) {
  const auto parsed = IpAddress::parse(text);
  require(parsed.has_value(), "address " + text);
  const hf_addr abi = parsed->to_abi();
  Address result;
  if (family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    v4->sin_addr.s_addr = abi.word[3];
    result.length = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    std::memcpy(&v6->sin6_addr, &abi, sizeof abi);
    result.length = sizeof *v6;
  }
  return result;
}

int family_of(const Fd& socket) {
  int family = 0;
  socklen_t length = sizeof family;
  require(::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &length) == 0, "family");
  return family;
}

// Of earlier runs that were killed.
void remove_leftovers() {
  namespace fs = std::filesystem;
  const std::string prefix = "holdfast_test_";
  for (const auto& entry : fs::directory_iterator(cgroup_root())) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || fs::exists("/proc/" + name.substr(prefix.size()))) continue;
    ::rmdir((entry.path() / "child").c_str());
    ::rmdir(entry.path().c_str());
  }
}

}  // namespace

Scratch::Scratch()
    : former_(cgroup_root() + own_cgroup()),
      cgroup_(cgroup_root() + "/holdfast_test_" + std::to_string(getpid())),
      former_netns_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
  remove_leftovers();
  require(::mkdir(cgroup_.c_str(), 0755) == 0 || errno == EEXIST, "make cgroup " + cgroup_);
  move_to(cgroup_);
  require(::unshare(CLONE_NEWNET) == 0, "new network namespace");
  raise_loopback();
}

Scratch::~Scratch() {
  (void)::setns(former_netns_.get(), CLONE_NEWNET);
  move_to(former_);
  ::rmdir(cgroup_.c_str());
}

Lab::Lab(const Kernel& kernel) {
  skeleton_.reset(hf_tcp_bpf__open());
  require(skeleton_ != nullptr, "open the programs");
  skeleton_->rodata->hf_netns_cookie = kernel.netns_cookie ? netns_cookie() : 0;
  skeleton_->rodata->hf_netns_initial = !kernel.netns_cookie;
  skeleton_->rodata->hf_have_retval = kernel.retval;
  skeleton_->rodata->hf_have_mptcp = kernel.mptcp;
  require(hf_tcp_bpf__load(skeleton_.get()) == 0, "load the programs");
  const Fd directory(::open(scratch_.cgroup().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
#define ATTACH(object, name, section)                                                   \
  links_.push_back(bpf_program__attach_cgroup(skeleton_->progs.name, directory.get())); \
  require(links_.back() != nullptr, "attach " #name);
  HF_PROGRAMS(ATTACH)
#undef ATTACH
}

Lab::~Lab() {
  for (bpf_link* link : links_) bpf_link__destroy(link);
}

void Lab::endpoint(std::uint32_t id, const std::string& address, std::uint16_t port,
                   std::uint32_t incarnation) {
  hf_endpoint value{};
  value.addr = IpAddress::parse(address)->to_abi();
  value.port = htons(port);
  value.protocol = IPPROTO_TCP;
  value.incarnation = incarnation;
  update(skeleton_->maps.endpoints, id, value);
}

void Lab::pool(std::uint32_t id, std::vector<std::uint32_t> endpoints, hf_no_endpoints empty) {
  const std::uint32_t first = next_slot_;
  for (const std::uint32_t endpoint : endpoints) {
    const std::uint32_t line = next_slot_ / HF_SLOTS_PER_LINE;
    hf_slot_line value{};
    ::bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.slots), &line, &value);
    value.slot[next_slot_++ % HF_SLOTS_PER_LINE] = endpoint;
    update(skeleton_->maps.slots, line, value);
  }
  const hf_pool value{hf_pool_word(first, endpoints.size(), 1),
                      hf_pool_policy(7, HF_SELECT_RANDOM, empty, 1)};
  update(skeleton_->maps.pools, id, value);
}

void Lab::frontend(const std::string& address, std::uint16_t port, std::uint32_t pool,
                   bool host_scope) {
  hf_frontend_key key{};
  key.addr = IpAddress::parse(address)->to_abi();
  key.port = htons(port);
  key.protocol = IPPROTO_TCP;
  update(skeleton_->maps.frontends, key,
         hf_frontend_word(pool, HF_KIND_CLUSTER_IP, host_scope ? HF_FRONTEND_HOST_SCOPE : 0));
}

void Lab::bypass(int socket) {
  hf_socket value{};
  value.flags = HF_SOCKET_BYPASS;
  update(skeleton_->maps.sockets, socket, value);
}

// A link of a program that answers each connect EPERM.
Fd Lab::rejecting() const {
  constexpr bpf_insn kReject[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},
                                  {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_CGROUP_INET4_CONNECT);
  const Fd program(::bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "reject", "GPL", kReject,
                                   std::size(kReject), &options));
  require(program.get() >= 0, "load a rejecting program");
  const Fd directory(::open(scratch_.cgroup().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Fd link(::bpf_link_create(program.get(), directory.get(), BPF_CGROUP_INET4_CONNECT, nullptr));
  require(link.get() >= 0, "attach a rejecting program");
  return link;
}

void Lab::reject_before() {
  bpf_link*& ours = links_[kConnect4];
  bpf_link__destroy(std::exchange(ours, nullptr));
  rejecting_ = rejecting();
  const Fd directory(::open(scratch_.cgroup().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ours = bpf_program__attach_cgroup(skeleton_->progs.hf_connect4, directory.get());
  require(ours != nullptr, "attach behind a rejecting program");
}

void Lab::reject_after() {
  rejecting_ = rejecting();
}

hf_endpoint_stats Lab::stats(std::uint32_t id) const {
  hf_endpoint_stats value{};
  ::bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.endpoint_stats), &id, &value);
  return value;
}

std::uint64_t Lab::counter(hf_counter which) const {
  const std::uint32_t key = which;
  std::vector<std::uint64_t> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  ::bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.counters), &key, values.data());
  std::uint64_t sum = 0;
  for (const std::uint64_t value : values) sum += value;
  return sum;
}

Fd listen_on(const std::string& address, int backlog, std::uint16_t port) {
  const int family = IpAddress::parse(address)->is_v4() ? AF_INET : AF_INET6;
  Fd socket = tcp_socket(family);
  const int on = 1;
  require(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, "reuse");
  const Address local = address_of(family, address, port);
  require(
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&local.storage), local.length) == 0,
      "bind " + address);
  require(::listen(socket.get(), backlog) == 0, "listen");
  return socket;
}

std::uint16_t port_of(const Fd& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  require(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) == 0, "name");
  return ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);  // same place in both families
}

Fd tcp_socket(int family, int flags, int protocol) {
  Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, protocol));
  require(socket.get() >= 0, "socket");
  return socket;
}

int dial(const Fd& socket, const std::string& address, std::uint16_t port) {
  const Address remote = address_of(family_of(socket), address, port);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&remote.storage),
                   remote.length) == 0
             ? 0
             : errno;
}

void disconnect(const Fd& socket) {
  sockaddr none{};
  none.sa_family = AF_UNSPEC;
  require(::connect(socket.get(), &none, sizeof none) == 0, "disconnect");
}

Peer peer_of(const Fd& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  char text[INET6_ADDRSTRLEN];
  const void* bytes = storage.ss_family == AF_INET
                          ? static_cast<void*>(&reinterpret_cast<sockaddr_in*>(&storage)->sin_addr)
                          : &reinterpret_cast<sockaddr_in6*>(&storage)->sin6_addr;
  return {::inet_ntop(storage.ss_family, bytes, text, sizeof text),
          ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port)};
}

}  // namespace holdfast::kernel_test
