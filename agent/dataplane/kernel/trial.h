// SPDX-License-Identifier: Apache-2.0
// For tests, given by KernelOptions::trial; no program that is installed includes it.
#pragma once

#include <functional>
#include <string>

namespace holdfast {

// What happens between the steps of making and switching sets, and what to leave out so that a test
// which finds nothing can be trusted.
struct KernelTrial {
  std::function<void(const std::string& step)> before_step;  // may end the process
  bool connects_first = false;                               // links switched in the reverse order
  bool no_cut = false;           // the stats of the old set are not carried over
  bool no_netns_cookie = false;  // the kernel does not tell it (before 5.14)
  bool no_iterator = false;      // the kernel refuses programs that walk the sockets' states
};

}  // namespace holdfast
