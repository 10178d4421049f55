// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "tests/bench/catalog.h"

namespace holdfast::bench {

struct StartOptions {
  Size size;
  std::uint32_t rounds = 7;
  int cpu = 0;
  std::string json;        // "": not written
  std::uint64_t seed = 0;  // nothing is random here
};
int run_start(const StartOptions& options);

}  // namespace holdfast::bench
