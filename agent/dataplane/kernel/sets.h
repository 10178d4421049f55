// SPDX-License-Identifier: Apache-2.0
// Sets of maps and programs: making one beside the one that serves, and moving to it.
// Private to agent/dataplane/kernel.
//
// A set is made in building_<n>, and is whole when that has been renamed to set_<n>: what is found
// in building_<n> is never served from, and a set_<n> above `current` is where a switch that ended
// half-way goes on to. A set that this version cannot read gives nothing to the one after it, and
// serves until that one is filled from elsewhere. Order: maps, content, read-back, rename; links; a
// grace period; stats; `current`; open sockets, if their layout is another; the old set is
// unpinned; the programs that read both layouts of sockets give way to the last. Every step can be
// done again.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/dataplane/kernel/links.h"
#include "agent/dataplane/kernel/maps.h"
#include "agent/dataplane/kernel/pins.h"
#include "agent/dataplane/kernel/programs.h"
#include "agent/dataplane/kernel/steps.h"
#include "agent/dataplane/kernel/writer.h"

namespace holdfast::kernel {

// A set that this process writes. Not movable: the writer points to the maps.
struct LiveSet {
  std::uint32_t number = 0;
  std::string directory;
  Capacity capacity;
  Maps maps;
  std::optional<Programs> programs;
  std::optional<Writer> writer;
};
using LiveSetPtr = std::unique_ptr<LiveSet>;

struct SetContent {
  const Maps* before = nullptr;  // of the set that serves; null: there is none
  const Image* image = nullptr;  // what to fill it with; null: nothing
};

// In building_<n>.
Result<LiveSetPtr> build_set(const Pins& pins, std::uint32_t number, const Capacity& capacity,
                             const SetContent& content, const Steps& steps);
Result<> complete_set(const Pins& pins, LiveSet& set, const Steps& steps);
// Loads this build's programs over the maps of a set of its layout.
Result<LiveSetPtr> take_over_set(const Pins& pins, std::uint32_t number, Maps maps,
                                 const Steps& steps);

// For each link that is there the program of that name in a set, if it has one.
Result<std::map<std::string, Fd>> pinned_programs(const Pins& pins, std::uint32_t number);
// Valid as long as `programs`.
ProgramFd fd_of(const std::map<std::string, Fd>& programs);
// From a whole set to another, whatever was already done. `from` 0: no set served before.
Result<> switch_sets(const Pins& pins, std::uint32_t from, std::uint32_t to,
                     const ProgramFd& programs, const Steps& steps);
// After a switch that was undone: what the new set's programs counted, beside the old one's.
Result<> add_evidence(const Maps& from, const Maps& to);
Result<> retire_set(const Pins& pins, std::uint32_t number, const Steps& steps);  // unpins it
Result<> remove_directory(const std::string& directory, const Steps& steps);      // and its pins
// Ends what an earlier process began; then at most one set is there.
Result<> finish_switch(const Pins& pins, const Steps& steps);

}  // namespace holdfast::kernel
