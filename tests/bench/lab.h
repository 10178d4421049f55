// SPDX-License-Identifier: Apache-2.0
// Where a benchmark runs: a cgroup, a network namespace and a bpffs of its own, all gone with it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "agent/base/fd.h"

namespace holdfast::bench {

// Throws what went wrong, with errno's text.
[[noreturn]] void give_up(const std::string& what);
void require(bool good, const std::string& what);

struct Lab {
  std::string cgroup;  // the process is in it
  std::string bpffs;   // a directory on a bpffs that only this process's mount namespace has
  int cpu = 0;         // the one it is pinned to
};

// Runs `work` in a child that has the lab; the parent removes the cgroup however the child ends.
// Returns what work returned, or 1.
int in_lab(int cpu, const std::function<int(const Lab&)>& work);

// `from` and everything below it is delivered locally: "10.128.0.0/9", "fd00:10::/64".
void route_to_loopback(std::string_view prefix);

}  // namespace holdfast::bench
