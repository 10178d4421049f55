// SPDX-License-Identifier: Apache-2.0
// Keeping what is ours: the locks at the start, and links and pins while they serve.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "agent/base/flock.h"
#include "agent/dataplane/kernel/state.h"

namespace holdfast {
namespace {

// The inode of a cgroup's directory is its id (kernfs, 64-bit).
Result<std::uint64_t> cgroup_id_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail_errno(errno, "cgroup " + path);
  return info.st_ino;
}

constexpr std::uint64_t kNoCgroup = ~std::uint64_t{0};  // the id of none

bool same_file(const Fd& fd, const std::string& path) {
  struct stat held {
  }, there{};
  return ::fstat(fd.get(), &held) == 0 && ::stat(path.c_str(), &there) == 0 &&
         held.st_ino == there.st_ino && held.st_dev == there.st_dev;
}

std::string fault_of(const ProgramStatus& program) {
  return program.name + (program.attached ? " is not pinned" : " is not attached");
}

}  // namespace

// Anybody who may read a directory may lock it, and a cgroup's is there for all: a lock by a
// process that cannot be a holdfastd keeps nobody from serving. The bpffs directory is root's.
Result<> KernelDataplane::State::lock_cgroup() {
  auto held = lock_directory(cgroup.path, "cgroup");
  if (held) {
    cgroup_lock = std::move(*held);
    return {};
  }
  if (held.error().code != Errc::exists) return tl::unexpected(held.error());
  const auto holder = flock_holder(cgroup.path);
  if (holder && holder->could_serve) return tl::unexpected(held.error());
  warnings.push_back(fmt::format(
      "the lock of cgroup {} is held by {}; it goes without: a second holdfastd with another "
      "dataplane.bpffs would not be kept from this cgroup",
      cgroup.path, holder ? describe(*holder) : "a process that cannot be seen from here"));
  return {};
}

Result<> KernelDataplane::State::lock_bpffs() {
  auto held = lock_directory(pins.root, "bpffs directory");
  if (!held) return tl::unexpected(held.error());
  bpffs_lock = std::move(*held);
  return {};
}

Result<> KernelDataplane::State::lock(const std::string& configured_cgroup) {
  auto path = resolve_cgroup(configured_cgroup);
  if (!path) return tl::unexpected(path.error());
  auto id = cgroup_id_of(*path);
  if (!id) return tl::unexpected(id.error());
  cgroup = {*path, *id};
  if (auto locked = lock_cgroup(); !locked) return locked;
  if (auto made = make_directories(pins); !made) return made;
  if (auto locked = lock_bpffs(); !locked) return locked;
  return check_links(pins, cgroup.id);
}

// A directory that was removed and made again is another cgroup.
Result<> KernelDataplane::State::follow_cgroup() {
  const auto id = cgroup_id_of(cgroup.path);
  if (!id) {
    cgroup.id = kNoCgroup;  // a link may outlive its cgroup's directory, as long as sockets do
    return tl::unexpected(id.error());
  }
  if (*id == cgroup.id) return {};
  cgroup.id = *id;
  return lock_cgroup();
}

// What is not as attach() left it, a line each.
std::vector<std::string> KernelDataplane::State::faults() const {
  std::vector<std::string> found;
  for (const ProgramStatus& one : links.status(pins, cgroup, programs())) {
    if (!set->programs->why_left_out(one.name).empty()) continue;
    if (!one.attached || !one.pinned) found.push_back(fault_of(one));
  }
  if (const auto missing = missing_pins(pins, *set); !missing.empty()) {
    found.push_back(fmt::format("{} pins are gone, {} first", missing.size(), missing.front()));
  }
  return found;
}

std::vector<ProgramStatus> KernelDataplane::programs() {
  const State& state = *state_;
  if (state.growing) return state.before_growth;
  const CgroupAt cgroup{state.cgroup.path, cgroup_id_of(state.cgroup.path).value_or(kNoCgroup)};
  auto result = state.links.held() ? state.links.status(state.pins, cgroup, state.programs())
                                   : link_status(state.pins, cgroup.id);
  for (ProgramStatus& one : result) one.left_out = state.set->programs->why_left_out(one.name);
  return result;
}

Watched KernelDataplane::watch() {
  if (state_->growing) return state_->unmended;
  Watched result = look_and_mend();
  state_->unmended = result.mended ? Watched{} : result;
  return result;
}

Watched KernelDataplane::look_and_mend() {
  State& state = *state_;
  if (!state.links.held()) return {};
  if (state.links.uninstalled(state.pins)) {
    return {{"uninstalled: " + state.pins.root + " is gone"},
            fail(Errc::not_found, "start holdfastd again to serve")};
  }
  Result<> there = state.follow_cgroup();
  Watched result{state.faults(), {}};
  if (result.faults.empty() && there) return result;
  if (!there) result.faults.push_back(there.error().what);
  // Where there is no bpffs to pin on, links are attached all the same: they serve, and end with
  // this process.
  auto pinned = make_directories(state.pins);
  result.mended = state.links.mend(state.pins, state.cgroup, state.programs(), state.steps);
  if (pinned) pinned = pin_again(state.pins, *state.set, state.steps);
  if (pinned && !same_file(state.bpffs_lock, state.pins.root)) pinned = state.lock_bpffs();
  if (!pinned) result.mended = pinned;
  if (!there) result.mended = there;
  return result;
}

}  // namespace holdfast
