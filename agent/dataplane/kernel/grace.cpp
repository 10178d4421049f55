// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/grace.h"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "agent/dataplane/kernel/kernel.h"

namespace holdfast {

std::string_view to_string(hf_grace_mode mode) {
  return mode == HF_GRACE_MAP_IN_MAP ? "map-in-map" : "membarrier";
}

namespace kernel {
namespace {

long membarrier(int command) {
  return ::syscall(__NR_membarrier, command, 0, 0);
}

bool several_processors() {
  return ::sysconf(_SC_NPROCESSORS_ONLN) > 1;
}

}  // namespace

// MEMBARRIER_CMD_GLOBAL is refused with nohz_full, and returns at once with a single CPU
// (kernel/sched/membarrier.c): there it would be no grace period at all.
bool Grace::membarrier_waits() {
  if (!several_processors()) return false;
  std::string isolated;
  std::ifstream file("/sys/devices/system/cpu/nohz_full");
  std::getline(file, isolated);
  if (!isolated.empty() && isolated != "(null)") return false;
  const long commands = membarrier(MEMBARRIER_CMD_QUERY);
  return commands > 0 && (commands & MEMBARRIER_CMD_GLOBAL);
}

Result<Grace> Grace::choose() {
  Grace grace;
  if (membarrier_waits()) return grace;
  if (auto made = grace.make_maps(); !made) return tl::unexpected(made.error());
  return grace;
}

Result<> Grace::make_maps() {
  for (Fd& inner : inner_) {
    inner.reset(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "hf_grace_in", 4, 4, 1, nullptr));
    if (!inner) return fail_errno(errno, "create the inner map of the grace period");
  }
  LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = static_cast<__u32>(inner_[0].get()));
  outer_.reset(::bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "hf_grace", 4, 4, 1, &options));
  if (!outer_) return fail_errno(errno, "create the map of the grace period");
  mode_ = HF_GRACE_MAP_IN_MAP;
  return {};
}

// The processors are counted afterwards: there may have been one while it waited.
Result<> Grace::wait() {
  if (mode_ == HF_GRACE_MEMBARRIER) {
    if (membarrier(MEMBARRIER_CMD_GLOBAL) == 0 && several_processors()) return {};
    if (auto made = make_maps(); !made) return made;
  }
  const __u32 key = 0;
  const int inner = inner_[turn_ ^= 1].get();
  if (::bpf_map_update_elem(outer_.get(), &key, &inner, BPF_ANY) != 0) {
    return fail_errno(errno, "update the map of the grace period");
  }
  return {};
}

}  // namespace kernel
}  // namespace holdfast
