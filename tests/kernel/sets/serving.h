// SPDX-License-Identifier: Apache-2.0
// A bench with a first set of eight services, and a server behind all of them.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/kernel/sets/bench.h"
#include "tests/kernel/sets/traffic.h"

namespace holdfast::kernel_test {

struct Serving {
  Bench bench;
  Server server;

  void first_set() const {
    const Ran ran = bench.agent({"--services", "8", "--port", std::to_string(server.port())});
    ASSERT_TRUE(ran.good()) << ran.output;
  }
};

}  // namespace holdfast::kernel_test
