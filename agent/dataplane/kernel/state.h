// SPDX-License-Identifier: Apache-2.0
// What a kernel dataplane is made of. Private to this folder.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/dataplane/kernel/kernel.h"
#include "agent/dataplane/kernel/sets.h"
#include "agent/dataplane/kernel/watch.h"

namespace holdfast {

using namespace kernel;

// What became of a move to another set: where that one serves, which may be so after an error, it
// is here.
struct Moved {
  LiveSetPtr set;
  Result<> done;
};

struct KernelDataplane::State {
  Pins pins;
  Steps steps;
  CgroupAt cgroup;
  Capacity limit;
  Fd cgroup_lock, bpffs_lock;
  std::vector<std::string> warnings;
  HeldLinks links;  // once attached
  bool took_over = false;
  // Serves until attach(), in place of `set`; 0: its links alone are left.
  std::optional<std::uint32_t> unreadable;
  std::string why_unreadable;
  bool blank = false;    // the set was made by this process, and nothing is written yet
  bool growing = false;  // links may be of either set, and are nobody's to mend
  std::vector<ProgramStatus> before_growth;
  Watched unmended;  // by the last watch()
  LiveSetPtr set;

  Result<> lock(const std::string& configured_cgroup);
  Result<> lock_cgroup();
  Result<> lock_bpffs();
  Result<> follow_cgroup();
  std::vector<std::string> faults() const;
  Result<> open_set(const Capacity& capacity);
  Result<> first_set(const Capacity& capacity);
  Result<> take_over(std::uint32_t number, Maps maps);
  Result<> convert_set(std::uint32_t number, const Maps& maps);
  Result<> begin_beside(std::uint32_t number, const Capacity& capacity, const Error& why);
  Result<> replace_unreadable();
  // Growth, in its three cases: const, since they run beside whoever reads the state.
  Moved grow_beside(const Capacity& room) const;
  Moved replace_blank(const Capacity& room) const;
  Moved replace_serving(const Capacity& room) const;
  Moved move_to(std::uint32_t from, LiveSetPtr next, const Maps& old, const ProgramFd& back) const;
  Result<> go_back(LiveSet& next, const Maps& old, const ProgramFd& back) const;
  void end_move();
  void load_last_programs();
  ProgramFd programs() const {
    return [this](const std::string& name) { return set->programs->fd(name); };
  }
};

}  // namespace holdfast
