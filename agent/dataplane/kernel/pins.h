// SPDX-License-Identifier: Apache-2.0
// Where things are pinned (abi/pins.h), and the locks. Private to agent/dataplane/kernel.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace holdfast::kernel {

struct Pins {
  std::string root;  // the bpffs directory of the configuration

  std::string shared() const { return root + "/shared"; }
  std::string links() const { return root + "/links"; }
  std::string link(std::string_view program) const { return links() + "/" + std::string(program); }
  std::string current() const { return root + "/current"; }
  std::string set(std::uint32_t number) const { return root + "/set_" + std::to_string(number); }
  std::string building(std::uint32_t number) const {
    return root + "/building_" + std::to_string(number);
  }

  // A map of the set pinned in `directory`: there, or in shared/.
  std::string map(const std::string& directory, std::string_view name) const;
  std::vector<std::uint32_t> sets() const;  // whole ones, ascending
  std::uint32_t current_set() const;        // 0: none, or it names no set
};

const std::vector<std::string>& set_maps();
const std::vector<std::string>& shared_maps();
bool is_optional(std::string_view object);   // by HF_OBJECTS
const std::vector<std::string>& storages();  // of the shared maps: the state of sockets

struct ProgramRow {
  std::string object;
  std::string name;
  std::string section;
  bool optional = false;  // as its object is
};
const std::vector<ProgramRow>& program_rows();  // in the order of the first attach
// Those that have a link at the cgroup.
const std::vector<ProgramRow>& linked_rows();

std::vector<std::string> names_in(const std::string& directory);  // sorted; none: not readable
Result<> make_directory(const std::string& path);                 // success when it is there
// Makes the directories that outlive sets; the parent of `root` must be on bpffs.
Result<> make_directories(const Pins& pins);
// What an ended process left of sets in the making.
Result<> remove_building(const Pins& pins);
Result<> publish_current(const Pins& pins, std::uint32_t number);

// An exclusive, non-blocking flock on a directory. exists: somebody else holds it.
Result<Fd> lock_directory(const std::string& path, const std::string& meaning);

// What is ours below `root`, of whatever version and in whatever state, and `root` itself, in the
// order of removal: links of programs first, in the reverse of the order of attaching.
std::vector<std::string> everything_pinned(const std::string& root);

}  // namespace holdfast::kernel
