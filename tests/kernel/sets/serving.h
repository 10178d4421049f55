// SPDX-License-Identifier: Apache-2.0
// A bench whose services have one server behind all of them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/kernel/sets/bench.h"
#include "tests/kernel/sets/traffic.h"

namespace holdfast::kernel_test {

struct Serving {
  Bench bench;
  Server server;

  std::vector<std::string> content(int services = 8) const {
    return {"--services", std::to_string(services), "--port", std::to_string(server.port())};
  }
  void first_set() const {
    const Ran ran = bench.agent(content());
    ASSERT_TRUE(ran.good()) << ran.output;
  }
};

}  // namespace holdfast::kernel_test
