// SPDX-License-Identifier: Apache-2.0
// Who holds the flock that could not be taken.
#pragma once

#include <optional>
#include <string>

namespace holdfast {

struct LockHolder {
  int pid = 0;
  unsigned uid = 0;          // effective
  std::string name;          // as in /proc/PID/comm; "": it may not be looked at
  bool could_serve = false;  // has what holdfastd needs: else it is none
};
std::string describe(const LockHolder& holder);  // "process 4711 (sleep) of user 1000"

// From /proc/locks. none: nobody, or a process of another pid namespace. `root` is put before
// /proc: "" on a host, a directory in a test.
std::optional<LockHolder> flock_holder(const std::string& path, const std::string& root = "");

}  // namespace holdfast
