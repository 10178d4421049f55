// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/kernel.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include "agent/dataplane/kernel/live.h"
#include "agent/dataplane/kernel/state.h"
#include "holdfast/abi/socket.h"

namespace holdfast {

KernelDataplane::KernelDataplane(std::unique_ptr<State> state) : state_(std::move(state)) {}
KernelDataplane::~KernelDataplane() = default;

namespace {

bool links_attached(const Pins& pins) {
  const auto links = link_status(pins);
  return std::any_of(links.begin(), links.end(),
                     [](const ProgramStatus& link) { return link.attached; });
}

}  // namespace

// Published at once: it serves nobody until the programs are attached.
Result<> KernelDataplane::State::first_set(const Capacity& capacity) {
  auto made = build_set(pins, 1, capacity, {}, steps);
  if (!made) return tl::unexpected(made.error());
  if (auto whole = complete_set(pins, **made, steps); !whole) return whole;
  set = std::move(*made);
  blank = true;
  return switch_sets(pins, 0, 1, programs(), steps);
}

Result<> KernelDataplane::State::open_set(const Capacity& capacity) {
  if (auto finished = finish_switch(pins, steps); !finished) return finished;
  const std::uint32_t number = pins.current_set();
  took_over = number != 0;
  if (!took_over && !links_attached(pins)) return first_set(capacity);
  if (!took_over)
    return begin_beside(0, capacity, fail(Errc::not_found, "its maps are gone").value());
  auto maps = open_pinned(pins, pins.set(number), false);
  if (!maps && maps.error().code == Errc::incompatible) {
    return begin_beside(number, capacity, maps.error());
  }
  if (!maps) return tl::unexpected(maps.error());
  if (maps->schema != own_schema()) return convert_set(number, *maps);
  return take_over(number, std::move(*maps));
}

Result<> KernelDataplane::State::take_over(std::uint32_t number, Maps maps) {
  auto taken = take_over_set(pins, number, std::move(maps), steps);
  if (!taken) return tl::unexpected(taken.error());
  set = std::move(*taken);
  return {};
}

// An upgrade, or a downgrade: the content of the set that serves in a set of this layout.
Result<> KernelDataplane::State::convert_set(std::uint32_t number, const Maps& maps) {
  auto image = read_image(maps);
  if (!image) return tl::unexpected(image.error());
  auto next = build_set(pins, number + 1, capacity_of(maps), {&maps, &*image}, steps);
  if (!next) return tl::unexpected(next.error());
  auto programs = pinned_programs(pins, number);
  if (!programs) return tl::unexpected(programs.error());
  Moved moved = move_to(number, std::move(*next), maps, fd_of(*programs));
  if (moved.set) set = std::move(moved.set);
  if (moved.done && set->programs->moving()) end_move();
  return moved.done;
}

// Whoever opened it fills it, from a snapshot or the sources. Nothing of the set that serves is
// shared: what is in its sockets or its counters is as unknown as the rest.
Result<> KernelDataplane::State::begin_beside(std::uint32_t number, const Capacity& capacity,
                                              const Error& why) {
  auto made = build_set(pins, number + 1, capacity, {}, steps);
  if (!made) return tl::unexpected(made.error());
  set = std::move(*made);
  unreadable = number;
  why_unreadable =
      (number ? "set " + std::to_string(number) : "what is attached") + ": " + why.what;
  took_over = false;
  blank = true;
  return {};
}

// After an error some links run the new programs, the new set is whole, and the next start ends the
// switch.
Result<> KernelDataplane::State::replace_unreadable() {
  const std::uint32_t from = *unreadable;
  if (auto whole = complete_set(pins, *set, steps); !whole) return whole;
  if (auto moved = switch_sets(pins, from, set->number, programs(), steps); !moved) return moved;
  unreadable.reset();
  why_unreadable.clear();
  return {};
}

Result<std::unique_ptr<KernelDataplane>> KernelDataplane::open(const KernelOptions& options) {
  auto state = std::make_unique<State>();
  state->pins.root = options.bpffs;
  state->steps = Steps(options.trial);
  state->limit = options.limit;
  if (auto capable = require_capabilities(); !capable) return tl::unexpected(capable.error());
  if (auto locked = state->lock(options.cgroup); !locked) return tl::unexpected(locked.error());
  if (auto opened = state->open_set(options.capacity); !opened) {
    return tl::unexpected(opened.error());
  }
  if (!state->set->programs->netns().known()) {
    state->warnings.emplace_back(
        "NodePorts on loopback are not served: before Linux 5.14 the kernel does not tell which "
        "network namespace this is, and it is not the initial one");
  }
  for (const auto& [object, why] : state->set->programs->left_out()) {
    state->warnings.push_back("goes without the optional programs of '" + object + "': " + why);
  }
  return std::unique_ptr<KernelDataplane>(new KernelDataplane(std::move(state)));
}

Result<> KernelDataplane::attach() {
  State& state = *state_;
  if (state.unreadable) {
    if (auto replaced = state.replace_unreadable(); !replaced) return replaced;
  }
  if (auto attached = attach_links(state.pins, state.cgroup, state.programs(), state.steps);
      !attached) {
    return attached;
  }
  state.links.hold(state.pins);
  if (auto detached = detach_unknown(state.pins, state.programs(), state.steps); !detached)
    return detached;
  return state.set->programs->repin_programs(state.set->directory, state.steps);
}

// What was converted reads both maps of the sockets' states until all have moved.
void KernelDataplane::State::end_move() {
  if (const auto may = steps.may_iterate(); !may) {
    warnings.push_back(
        "connections made before this upgrade are known until the next start or "
        "growth; then they show their endpoint as the peer, and their closes are not "
        "counted: " +
        may.error().what);
    return;
  }
  load_last_programs();
}

// All sockets have moved: programs that know one map of them only. Where they cannot be loaded, the
// ones that know both go on serving, until the next start.
void KernelDataplane::State::load_last_programs() {
  auto maps = open_pinned(pins, set->directory, false);
  if (!maps) return;
  auto last = take_over_set(pins, set->number, std::move(*maps), steps);
  if (!last) return;
  set = std::move(*last);
  if (auto switched = switch_links(pins, programs(), steps); !switched) return;
  (void)set->programs->repin_programs(set->directory, steps);
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
std::string KernelDataplane::unreadable() const {
  return state_->why_unreadable;
}
const std::vector<std::string>& KernelDataplane::warnings() const {
  return state_->warnings;
}
hf_grace_mode KernelDataplane::grace_mode() const {
  return state_->set->writer->grace_mode();
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
// The kernel makes maps of zeros: reading hundreds of MiB of them says nothing, and a start from a
// snapshot waits for it.
Result<Image> KernelDataplane::observe() {
  return state_->blank ? Image{} : read_image(state_->set->maps);
}
Result<Image> KernelDataplane::observe(Part part, std::uint32_t first, std::uint32_t count) {
  return read_part(state_->set->maps, part, first, count);
}
Result<FrontendPage> KernelDataplane::frontends(const std::string& cursor) {
  return read_page(state_->set->maps, cursor);
}
Result<std::optional<std::uint32_t>> KernelDataplane::frontend(const hf_frontend_key& key) {
  return read_frontend(state_->set->maps, key);
}
Result<> KernelDataplane::apply(const Diff& diff) {
  if (state_->blank) {
    state_->blank = std::all_of(diff.ops.begin(), diff.ops.end(), [](const Op& operation) {
      return std::holds_alternative<op::Grace>(operation);
    });
  }
  return state_->set->writer->apply(diff);
}
Result<std::vector<CounterValue>> KernelDataplane::counters() {
  return read_counters(state_->set->maps);
}

Result<hf_endpoint_stats> KernelDataplane::stats(std::uint32_t endpoint) {
  hf_endpoint_stats value{};
  if (::bpf_map_lookup_elem(state_->set->maps.fd("endpoint_stats"), &endpoint, &value) != 0) {
    return fail_errno(errno, "read map 'endpoint_stats'");
  }
  return value;
}

Result<std::vector<std::uint32_t>> KernelDataplane::live(
    const std::vector<EndpointHandle>& endpoints) {
  auto sockets = count_live(state_->set->maps, endpoints);
  if (!sockets) return sockets;
  if (auto waited = apply({{op::Grace{}}}); !waited) return tl::unexpected(waited.error());
  return sockets;
}

}  // namespace holdfast
