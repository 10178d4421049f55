// SPDX-License-Identifier: Apache-2.0
// A new version whose programs the verifier refuses, started over what an earlier one pinned.
// Prints the error and exits 1; 0 would mean that it got in.
#include <cstdio>

#include "agent/dataplane/kernel/kernel.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: refused_agent CGROUP BPFFS\n");
    return 2;
  }
  auto opened =
      holdfast::KernelDataplane::open({argv[1], argv[2], holdfast::capacity_for(64, 256)});
  if (!opened) {
    std::printf("%s\n", opened.error().what.c_str());
    return 1;
  }
  if (const auto attached = (*opened)->attach(); !attached) {
    std::printf("%s\n", attached.error().what.c_str());
    return 1;
  }
  return 0;
}
