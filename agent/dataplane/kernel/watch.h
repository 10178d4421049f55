// SPDX-License-Identifier: Apache-2.0
// What others do to links and pins while they serve, seen and mended. Private to this folder.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "agent/dataplane/kernel/links.h"
#include "agent/dataplane/kernel/sets.h"

namespace holdfast::kernel {

// The links by descriptor: they stay attached though their pins are removed, as long as this
// process lives.
class HeldLinks {
 public:
  void hold(const Pins& pins);  // those that are pinned, in place of what was held
  bool held() const { return !links_.empty(); }

  // One of each row of abi/pins.h. Attached: to this cgroup, and with this program.
  std::vector<ProgramStatus> status(const Pins& pins, const CgroupAt& cgroup,
                                    const ProgramFd& programs) const;
  // Every link is detached, and the directory of pins gone: that is `uninstall --force`, and
  // nobody's accident.
  bool uninstalled(const Pins& pins) const;
  // In the order of abi/pins.h: pins again what is attached, attaches what is not. Goes on after
  // a failure, and returns the first.
  Result<> mend(const Pins& pins, const CgroupAt& cgroup, const ProgramFd& programs,
                const Steps& steps);

 private:
  Result<> mend_one(const Pins& pins, const CgroupAt& cgroup, const ProgramRow& row, int program);
  std::map<std::string, Fd> links_;
};

// Of the set that serves: paths at which nothing is pinned any more.
std::vector<std::string> missing_pins(const Pins& pins, const LiveSet& set);
// Pins what the process holds, where nothing is pinned; the directories that outlive sets are
// there.
Result<> pin_again(const Pins& pins, const LiveSet& set, const Steps& steps);

}  // namespace holdfast::kernel
