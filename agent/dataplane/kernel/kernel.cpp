// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/kernel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <sys/stat.h>

#include <cerrno>

#include "agent/dataplane/kernel/sets.h"
#include "holdfast/abi/socket.h"

namespace holdfast {

using namespace kernel;

struct KernelDataplane::State {
  Pins pins;
  Steps steps;
  CgroupAt cgroup;
  Capacity limit;
  Fd cgroup_lock, bpffs_lock;
  bool took_over = false;
  LiveSetPtr set;

  Result<> lock(const std::string& configured_cgroup);
  Result<LiveSetPtr> first_set(const Capacity& capacity);
  Result<LiveSetPtr> open_set(const Capacity& capacity);
  Result<> move_to(LiveSetPtr next);
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

Result<> KernelDataplane::State::lock(const std::string& configured_cgroup) {
  auto path = resolve_cgroup(configured_cgroup);
  if (!path) return tl::unexpected(path.error());
  auto id = cgroup_id_of(*path);
  if (!id) return tl::unexpected(id.error());
  cgroup = {*path, *id};
  auto held = lock_directory(cgroup.path, "cgroup");
  if (!held) return tl::unexpected(held.error());
  cgroup_lock = std::move(*held);
  if (auto made = make_directories(pins); !made) return made;
  held = lock_directory(pins.root, "bpffs directory");
  if (!held) return tl::unexpected(held.error());
  bpffs_lock = std::move(*held);
  return check_links(pins, cgroup.id);
}

// Published at once: it serves nobody until the programs are attached.
Result<LiveSetPtr> KernelDataplane::State::first_set(const Capacity& capacity) {
  auto made = build_set(pins, 1, capacity, {}, steps);
  if (!made) return made;
  if (auto whole = complete_set(pins, **made, steps); !whole) return tl::unexpected(whole.error());
  const auto fd = [&](const std::string& name) { return (*made)->programs->fd(name); };
  if (auto moved = switch_sets(pins, 0, 1, fd, steps); !moved) {
    return tl::unexpected(moved.error());
  }
  return made;
}

Result<LiveSetPtr> KernelDataplane::State::open_set(const Capacity& capacity) {
  if (auto settled = settle_sets(pins, steps); !settled) return tl::unexpected(settled.error());
  const std::uint32_t number = pins.current_set();
  took_over = number != 0;
  if (!took_over) return first_set(capacity);
  auto maps = open_pinned(pins, pins.set(number), false);
  if (!maps) return tl::unexpected(maps.error());
  return take_over_set(pins, number, std::move(*maps));
}

Result<std::unique_ptr<KernelDataplane>> KernelDataplane::open(const KernelOptions& options) {
  auto state = std::make_unique<State>();
  state->pins.root = options.bpffs;
  state->steps = Steps(options.trial);
  state->limit = options.limit;
  if (auto capable = require_capabilities(); !capable) return tl::unexpected(capable.error());
  if (auto locked = state->lock(options.cgroup); !locked) return tl::unexpected(locked.error());
  auto set = state->open_set(options.capacity);
  if (!set) return tl::unexpected(set.error());
  state->set = std::move(*set);
  return std::unique_ptr<KernelDataplane>(new KernelDataplane(std::move(state)));
}

Result<> KernelDataplane::attach() {
  State& state = *state_;
  const auto fd = [&](const std::string& name) { return state.set->programs->fd(name); };
  if (auto attached = attach_links(state.pins, state.cgroup, fd, state.steps); !attached) {
    return attached;
  }
  return state.set->programs->repin_programs(state.set->directory, state.steps);
}

Result<> KernelDataplane::State::move_to(LiveSetPtr next) {
  if (auto whole = complete_set(pins, *next, steps); !whole) return whole;
  const auto fd = [&](const std::string& name) { return next->programs->fd(name); };
  const auto moved = switch_sets(pins, set->number, next->number, fd, steps);
  if (moved || pins.current_set() == next->number) {
    set = std::move(next);
    return moved;
  }
  const auto old = [&](const std::string& name) { return set->programs->fd(name); };
  if (auto back = switch_links(pins, old, steps); !back) {
    return within("go back to set " + std::to_string(set->number) + " after: " + moved.error().what,
                  back.error());
  }
  (void)retire_set(pins, next->number, steps);
  return moved;
}

// The old set serves until the new one is whole, and no update comes in between: both hold the
// same.
Result<> KernelDataplane::grow(const Capacity& room) {
  State& state = *state_;
  auto image = read_image(state.set->maps);
  if (!image) return tl::unexpected(image.error());
  auto next =
      build_set(state.pins, state.set->number + 1, room, {&state.set->maps, &*image}, state.steps);
  if (!next) {
    (void)remove_building(state.pins);
    return tl::unexpected(next.error());
  }
  return state.move_to(std::move(*next));
}

Result<> KernelDataplane::bypass(int socket_fd) {
  hf_socket value{};
  value.flags = HF_SOCKET_BYPASS;
  if (::bpf_map_update_elem(state_->set->maps.fd("sockets"), &socket_fd, &value, BPF_ANY) != 0) {
    return fail_errno(errno, "mark an own socket");
  }
  return {};
}

bool KernelDataplane::took_over() const {
  return state_->took_over;
}
std::string KernelDataplane::cgroup_path() const {
  return state_->cgroup.path;
}
Capacity KernelDataplane::capacity() const {
  return state_->set->capacity;
}
Capacity KernelDataplane::limit() const {
  return state_->limit;
}
std::uint32_t KernelDataplane::set() const {
  return state_->set->number;
}
Result<Image> KernelDataplane::observe() {
  return read_image(state_->set->maps);
}
Result<> KernelDataplane::apply(const Diff& diff) {
  return state_->set->writer->apply(diff);
}
Result<std::vector<CounterValue>> KernelDataplane::counters() {
  return read_counters(state_->set->maps);
}
std::vector<ProgramStatus> KernelDataplane::programs() {
  return link_status(state_->pins);
}

Result<hf_endpoint_stats> KernelDataplane::stats(std::uint32_t endpoint) {
  hf_endpoint_stats value{};
  if (::bpf_map_lookup_elem(state_->set->maps.fd("endpoint_stats"), &endpoint, &value) != 0) {
    return fail_errno(errno, "read map 'endpoint_stats'");
  }
  return value;
}

}  // namespace holdfast
