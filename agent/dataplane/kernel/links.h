// SPDX-License-Identifier: Apache-2.0
// The pinned links: attaching, switching, and what they say. Private to this folder.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "agent/dataplane/hooks.h"
#include "agent/dataplane/kernel/pins.h"
#include "agent/dataplane/kernel/steps.h"

namespace holdfast::kernel {

using ProgramFd = std::function<int(const std::string& program)>;  // negative: there is none

struct CgroupAt {
  std::string path;
  std::uint64_t id = 0;
};

struct LinkState {
  bool exists = false;
  std::uint64_t cgroup_id = 0;  // 0: detached, by somebody or with its cgroup
  std::uint32_t id = 0;
  std::uint32_t program = 0;  // id
};
LinkState link_state(int link);
LinkState link_state(const std::string& pin);
Result<Fd> create_link(const std::string& cgroup, const ProgramRow& row, int program);

// Pinned links of an earlier life at another cgroup: incompatible.
Result<> check_links(const Pins& pins, std::uint64_t cgroup_id);
// The links that are there: of this version's programs in the order of abi/pins.h, then others'.
std::vector<std::string> link_names(const Pins& pins);
// Switches the links that are there to these programs, in that order. A link for which there is no
// program goes on as it is.
Result<> switch_links(const Pins& pins, const ProgramFd& programs, const Steps& steps);
// The same, and attaches what is not attached and has a program.
Result<> attach_links(const Pins& pins, const CgroupAt& cgroup, const ProgramFd& programs,
                      const Steps& steps);
// Detaches what an earlier life attached, and this one has no program for: another version's, or
// one of an object that is left out now. It would serve for ever from maps that nobody writes.
Result<> detach_unknown(const Pins& pins, const ProgramFd& programs, const Steps& steps);
// Attached means that the link is pinned, and to a cgroup that still exists: to this one, if any is
// given. Left out: there is no such program in the set that serves, and it is optional.
std::vector<ProgramStatus> link_status(const Pins& pins, std::uint64_t cgroup_id = 0);

}  // namespace holdfast::kernel
