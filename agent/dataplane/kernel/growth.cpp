// SPDX-License-Identifier: Apache-2.0
// Moving to another set: undone as long as `current` does not name it. And growth, which is that
// beside the loop: it changes nothing of the dataplane until finish().
#include <cerrno>
#include <cstdio>
#include <functional>
#include <utility>

#include "agent/dataplane/kernel/state.h"

namespace holdfast {

// Not whole any more, first: the next start would go on to it, though this life goes on writing to
// the other. What its programs counted meanwhile is not lost. A link that cannot be switched runs
// them until it can (watch).
Result<> KernelDataplane::State::go_back(LiveSet& next, const Maps& old,
                                         const ProgramFd& back) const {
  const std::string building = pins.building(next.number);
  if (std::rename(next.directory.c_str(), building.c_str()) != 0) {
    return fail_errno(errno, "rename " + next.directory);
  }
  if (auto undone = switch_links(pins, back, steps); !undone) return undone;
  if (auto waited = next.writer->grace(); !waited) return waited;
  if (auto added = add_evidence(next.maps, old); !added) return added;
  return remove_directory(building, steps);
}

// `back`: the programs of the set that serves, `old` its maps. Before `current` names the new set
// all can be undone.
Moved KernelDataplane::State::move_to(std::uint32_t from, LiveSetPtr next, const Maps& old,
                                      const ProgramFd& back) const {
  if (auto whole = complete_set(pins, *next, steps); !whole) return {nullptr, whole};
  const auto fd = [&](const std::string& name) { return next->programs->fd(name); };
  auto moved = switch_sets(pins, from, next->number, fd, steps);
  if (moved || pins.current_set() == next->number) return {std::move(next), moved};
  if (auto undone = go_back(*next, old, back); !undone) {
    return {nullptr,
            within("go back to set " + std::to_string(from) + " after: " + moved.error().what,
                   undone.error())};
  }
  return {nullptr, moved};
}

// A set in the making that turns out too small gives way to another one in the making.
Moved KernelDataplane::State::grow_beside(const Capacity& room) const {
  const auto image = read_image(set->maps);
  if (!image) return {nullptr, tl::unexpected(image.error())};
  auto next = build_set(pins, set->number + 1, room, {nullptr, &*image}, steps);
  if (!next) return {nullptr, tl::unexpected(next.error())};
  return {std::move(*next), remove_directory(set->directory, steps)};
}

// Nothing of it is served, nor written: there is nothing to read, to carry over or to compare. The
// sockets' states are shared: our own have theirs.
Moved KernelDataplane::State::replace_blank(const Capacity& room) const {
  auto next = build_set(pins, set->number + 1, room, {&set->maps, nullptr}, steps);
  if (!next) {
    (void)remove_building(pins);
    return {nullptr, tl::unexpected(next.error())};
  }
  LiveSet& larger = **next;
  if (auto whole = complete_set(pins, larger, steps); !whole) return {nullptr, whole};
  const auto fd = [&larger](const std::string& name) { return larger.programs->fd(name); };
  auto moved = switch_sets(pins, 0, larger.number, fd, steps);
  if (moved) moved = retire_set(pins, set->number, steps);
  return {std::move(*next), moved};
}

// The old set serves until the new one is whole, and no update comes in between: both hold the
// same.
Moved KernelDataplane::State::replace_serving(const Capacity& room) const {
  const auto image = read_image(set->maps);
  if (!image) return {nullptr, tl::unexpected(image.error())};
  auto next = build_set(pins, set->number + 1, room, {&set->maps, &*image}, steps);
  if (!next) {
    (void)remove_building(pins);
    return {nullptr, tl::unexpected(next.error())};
  }
  return move_to(set->number, std::move(*next), set->maps, programs());
}

namespace {

// `set`, `unreadable` and `blank` of the state are as they were until finish(): nobody applies, nor
// attaches.
class KernelGrowth : public Growth {
 public:
  using Move = std::function<Moved()>;
  using Take = std::function<void(LiveSetPtr)>;
  KernelGrowth(Move move, Take take, bool blank)
      : move_(std::move(move)), take_(std::move(take)), blank_(blank) {}

  Result<Image> run() override {
    Moved moved = move_();
    next_ = std::move(moved.set);
    if (!moved.done) return tl::unexpected(moved.done.error());
    return blank_ ? Image{} : read_image(next_->maps);
  }
  void finish() override { take_(std::move(next_)); }

 private:
  Move move_;
  Take take_;
  bool blank_;
  LiveSetPtr next_;
};

}  // namespace

std::unique_ptr<Growth> KernelDataplane::growth(const Capacity& room) {
  State& state = *state_;
  state.before_growth = programs();
  state.growing = true;
  const bool replace = state.blank && !state.unreadable;
  const auto move = [&state, room, replace] {
    if (replace) return state.replace_blank(room);
    return state.unreadable ? state.grow_beside(room) : state.replace_serving(room);
  };
  const auto take = [&state](LiveSetPtr next) {
    if (next) state.set = std::move(next);
    state.growing = false;
  };
  return std::make_unique<KernelGrowth>(move, take, state.blank);
}

}  // namespace holdfast
