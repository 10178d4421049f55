// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/kernel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <sys/stat.h>

#include <cerrno>
#include <ctime>
#include <optional>

#include "agent/dataplane/kernel/grace.h"
#include "agent/dataplane/kernel/maps.h"
#include "agent/dataplane/kernel/pins.h"
#include "agent/dataplane/kernel/programs.h"
#include "agent/dataplane/kernel/writer.h"
#include "holdfast/abi/socket.h"

namespace holdfast {

using namespace kernel;

struct KernelDataplane::State {
  Pins pins;
  std::string cgroup;
  std::uint64_t cgroup_id = 0;
  Fd cgroup_lock, bpffs_lock;
  bool took_over = false;
  Capacity capacity;
  std::optional<Programs> programs;
  Maps maps;
  std::optional<Writer> writer;
};

KernelDataplane::KernelDataplane(std::unique_ptr<State> state) : state_(std::move(state)) {}
KernelDataplane::~KernelDataplane() = default;

namespace {

// The inode of a cgroup's directory is its id (kernfs, 64-bit).
Result<std::uint64_t> cgroup_id_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail_errno(errno, "cgroup " + path);
  return info.st_ino;
}

}  // namespace

Result<std::unique_ptr<KernelDataplane>> KernelDataplane::open(const KernelOptions& options) {
  auto state = std::make_unique<State>();
  state->pins.root = options.bpffs;
  if (auto capable = require_capabilities(); !capable) return tl::unexpected(capable.error());
  auto cgroup = resolve_cgroup(options.cgroup);
  if (!cgroup) return tl::unexpected(cgroup.error());
  state->cgroup = *cgroup;
  auto id = cgroup_id_of(state->cgroup);
  if (!id) return tl::unexpected(id.error());
  state->cgroup_id = *id;
  auto cgroup_lock = lock_directory(state->cgroup, "cgroup");
  if (!cgroup_lock) return tl::unexpected(cgroup_lock.error());
  state->cgroup_lock = std::move(*cgroup_lock);
  if (auto made = make_directories(state->pins); !made) return tl::unexpected(made.error());
  auto bpffs_lock = lock_directory(state->pins.root, "bpffs directory");
  if (!bpffs_lock) return tl::unexpected(bpffs_lock.error());
  state->bpffs_lock = std::move(*bpffs_lock);
  if (auto good = Programs::check_links(state->pins, state->cgroup_id); !good) {
    return tl::unexpected(good.error());
  }
  state->took_over = state->pins.exist();
  auto programs = Programs::load(state->pins, state->took_over, options.capacity);
  if (!programs) return tl::unexpected(programs.error());
  state->programs.emplace(std::move(*programs));
  auto maps = open_pinned(state->pins.root, false);
  if (!maps) return tl::unexpected(maps.error());
  state->maps = std::move(*maps);
  auto capacity = capacity_of(state->maps);
  if (!capacity) return tl::unexpected(capacity.error());
  state->capacity = *capacity;
  auto writer = Writer::open(state->maps, state->capacity, state->programs->netns_cookie());
  if (!writer) return tl::unexpected(writer.error());
  state->writer.emplace(std::move(*writer));
  return std::unique_ptr<KernelDataplane>(new KernelDataplane(std::move(state)));
}

Result<> KernelDataplane::attach() {
  return state_->programs->attach(state_->pins, state_->cgroup, state_->cgroup_id);
}

Result<> KernelDataplane::bypass(int socket_fd) {
  hf_socket value{};
  value.flags = HF_SOCKET_BYPASS;
  if (::bpf_map_update_elem(state_->maps.fd("sockets"), &socket_fd, &value, BPF_ANY) != 0) {
    return fail_errno(errno, "mark an own socket");
  }
  return {};
}

bool KernelDataplane::took_over() const {
  return state_->took_over;
}
std::string KernelDataplane::cgroup_path() const {
  return state_->cgroup;
}
Capacity KernelDataplane::capacity() const {
  return state_->capacity;
}
Result<Image> KernelDataplane::observe() {
  return read_image(state_->maps);
}
Result<> KernelDataplane::apply(const Diff& diff) {
  return state_->writer->apply(diff);
}
Result<std::vector<CounterValue>> KernelDataplane::counters() {
  return read_counters(state_->maps);
}
std::vector<ProgramStatus> KernelDataplane::programs() {
  return link_status(state_->pins);
}

Result<hf_endpoint_stats> KernelDataplane::stats(std::uint32_t endpoint) {
  hf_endpoint_stats value{};
  if (::bpf_map_lookup_elem(state_->maps.fd("endpoint_stats"), &endpoint, &value) != 0) {
    return fail_errno(errno, "read map 'endpoint_stats'");
  }
  return value;
}

}  // namespace holdfast
