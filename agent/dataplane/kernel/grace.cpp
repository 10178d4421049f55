// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/grace.h"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

namespace holdfast::kernel {
namespace {

long membarrier(int command) {
  return ::syscall(__NR_membarrier, command, 0, 0);
}

}  // namespace

// MEMBARRIER_CMD_GLOBAL is refused with nohz_full, and returns at once with a single CPU
// (kernel/sched/membarrier.c): there it would be no grace period at all.
bool Grace::membarrier_waits() {
  if (::sysconf(_SC_NPROCESSORS_ONLN) < 2) return false;
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
  grace.mode_ = HF_GRACE_MAP_IN_MAP;
  for (Fd& inner : grace.inner_) {
    inner.reset(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "hf_grace_in", 4, 4, 1, nullptr));
    if (!inner) return fail_errno(errno, "create the inner map of the grace period");
  }
  LIBBPF_OPTS(bpf_map_create_opts, options,
              .inner_map_fd = static_cast<__u32>(grace.inner_[0].get()));
  grace.outer_.reset(::bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "hf_grace", 4, 4, 1, &options));
  if (!grace.outer_) return fail_errno(errno, "create the map of the grace period");
  return grace;
}

Result<> Grace::wait() {
  if (mode_ == HF_GRACE_MEMBARRIER) {
    if (membarrier(MEMBARRIER_CMD_GLOBAL) != 0) return fail_errno(errno, "membarrier");
    return {};
  }
  const __u32 key = 0;
  const int inner = inner_[turn_ ^= 1].get();
  if (::bpf_map_update_elem(outer_.get(), &key, &inner, BPF_ANY) != 0) {
    return fail_errno(errno, "update the map of the grace period");
  }
  return {};
}

}  // namespace holdfast::kernel
