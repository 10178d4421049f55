// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/dataplane/host.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace holdfast::kernel_test {
namespace {

namespace fs = std::filesystem;

void require(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what + ": " + std::strerror(errno));
}

}  // namespace

PrivateBpffs::PrivateBpffs() : former_(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)) {
  std::string pattern = (fs::temp_directory_path() / "holdfast-bpffs-XXXXXX").string();
  require(::mkdtemp(pattern.data()) != nullptr, "make " + pattern);
  path_ = pattern;
  require(::unshare(CLONE_NEWNS) == 0, "new mount namespace");
  require(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
  require(::mount("bpf", path_.c_str(), "bpf", 0, nullptr) == 0, "mount bpffs");
}

PrivateBpffs::~PrivateBpffs() {
  ::umount2(path_.c_str(), MNT_DETACH);
  (void)::setns(former_.get(), CLONE_NEWNS);
  ::rmdir(path_.c_str());
}

std::vector<std::string> tree(const std::string& directory) {
  std::vector<std::string> found;
  if (!fs::exists(directory)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.path().extension() == ".debug") continue;  // the kernel's own, in every bpffs
    found.push_back(entry.path().string().substr(directory.size()));
  }
  std::sort(found.begin(), found.end());
  return found;
}

Fd pinned(const std::string& path) {
  Fd fd(::bpf_obj_get(path.c_str()));
  require(static_cast<bool>(fd), "open " + path);
  return fd;
}

std::size_t programs_attached(const std::string& cgroup) {
  const Fd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::size_t total = 0;
  for (const bpf_attach_type hook :
       {BPF_CGROUP_INET_SOCK_RELEASE, BPF_CGROUP_INET4_GETPEERNAME, BPF_CGROUP_INET6_GETPEERNAME,
        BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT}) {
    __u32 ids[64], count = 64;
    require(::bpf_prog_query(directory.get(), hook, 0, nullptr, ids, &count) == 0,
            "query programs");
    total += count;
  }
  return total;
}

void KernelHost::SetUp() {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  scratch_ = std::make_unique<Scratch>();
  bpffs_ = std::make_unique<PrivateBpffs>();
  root_ = bpffs_->path() + "/holdfast";
  cgroup_ = scratch_->cgroup();
}

void KernelHost::TearDown() {
  die();
  if (bpffs_) {
    EXPECT_TRUE(uninstall(root_, true));
  }
  listeners_.clear();
  bpffs_.reset();
  scratch_.reset();
}

KernelOptions KernelHost::options() const {
  KernelOptions result;
  result.cgroup = cgroup_;
  result.trial = &trial_;
  result.bpffs = root_;
  result.capacity = capacity_;
  return result;
}

void KernelHost::live() {
  auto opened = KernelDataplane::open(options());
  ASSERT_TRUE(opened) << opened.error().what;
  dataplane_ = std::move(*opened);
  reconciler_.emplace(*dataplane_, [this] {
    std::vector<CatalogChange> all;
    for (const auto& [key, service] : services_) all.push_back({key, service, "file"});
    return all;
  });
  const auto started = reconciler_->start();
  ASSERT_TRUE(started) << started.error().what;
  if (!services_.empty()) {
    ASSERT_TRUE(say({}));
  }
  const auto attached = dataplane_->attach();
  ASSERT_TRUE(attached) << attached.error().what;
}

Result<> KernelHost::say(const std::vector<ServicePtr>& services) {
  for (const ServicePtr& one : services) services_[one->key] = one;
  Generation whole{++number_, {}};
  for (const auto& [key, service] : services_) whole.changes.push_back({key, service, "file"});
  return reconciler_->apply(whole);
}

void KernelHost::serve(const std::string& address) {
  const bool v4 = IpAddress::parse(address)->is_v4();
  Fd socket = tcp_socket(v4 ? AF_INET : AF_INET6, SOCK_NONBLOCK);
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage name{};
  socklen_t length = 0;
  if (v4) {
    auto* in = reinterpret_cast<sockaddr_in*>(&name);
    in->sin_family = AF_INET;
    in->sin_port = htons(8080);
    ::inet_pton(AF_INET, address.c_str(), &in->sin_addr);
    length = sizeof *in;
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&name);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(8080);
    ::inet_pton(AF_INET6, address.c_str(), &in->sin6_addr);
    length = sizeof *in;
  }
  require(::bind(socket.get(), reinterpret_cast<sockaddr*>(&name), length) == 0, "bind " + address);
  require(::listen(socket.get(), 4096) == 0, "listen on " + address);
  listeners_.push_back(std::move(socket));
}

// Who was reached is what the listeners say, not what the client believes.
std::string KernelHost::reached(const std::string& address) {
  const bool v4 = IpAddress::parse(address)->is_v4();
  const Fd socket = tcp_socket(v4 ? AF_INET : AF_INET6);
  if (const int error = dial(socket, address, 80)) return ::strerrorname_np(error);
  for (const Fd& listener : listeners_) {
    const Fd peer(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!peer) continue;
    sockaddr_storage name{};
    socklen_t length = sizeof name;
    ::getsockname(peer.get(), reinterpret_cast<sockaddr*>(&name), &length);
    char text[INET6_ADDRSTRLEN] = "";
    const auto* in4 = reinterpret_cast<const sockaddr_in*>(&name);
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&name);
    if (name.ss_family == AF_INET) ::inet_ntop(AF_INET, &in4->sin_addr, text, sizeof text);
    if (name.ss_family == AF_INET6) ::inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
    return text;
  }
  return "connected to nobody";
}

}  // namespace holdfast::kernel_test
