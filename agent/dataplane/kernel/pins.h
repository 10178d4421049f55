// SPDX-License-Identifier: Apache-2.0
// Where things are pinned (abi/layout.h), and the locks. Private to agent/dataplane/kernel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"

namespace holdfast::kernel {

struct Pins {
  std::string root;  // the bpffs directory of the configuration

  std::string shared(std::string_view map) const { return root + "/shared/" + std::string(map); }
  std::string set(std::string_view map) const { return root + "/set_1/" + std::string(map); }
  std::string link(std::string_view program) const {
    return root + "/links/" + std::string(program);
  }
  std::string current() const { return root + "/current"; }
  std::string map(std::string_view name) const;  // shared or of the set
  bool exist() const;                            // a complete set is pinned
};

const std::vector<std::string>& set_maps();
const std::vector<std::string>& shared_maps();
struct ProgramRow {
  std::string name;
  std::string section;
};
const std::vector<ProgramRow>& program_rows();  // in the order of the first attach

// Makes the directories; the parent of `root` must be on bpffs.
Result<> make_directories(const Pins& pins);
Result<> publish_current(const Pins& pins);  // the last step of making a set

// An exclusive, non-blocking flock on a directory. exists: somebody else holds it.
Result<Fd> lock_directory(const std::string& path, const std::string& meaning);

}  // namespace holdfast::kernel
