// SPDX-License-Identifier: Apache-2.0
#include "agent/model/picked.h"

#include <cstdint>

namespace holdfast {
namespace {

bool ready(const Endpoint& endpoint) {
  return endpoint.ready && !endpoint.terminating && endpoint.weight > 0;
}

bool last_resort(const Endpoint& endpoint) {
  return endpoint.serving && endpoint.terminating && endpoint.weight > 0;
}

}  // namespace

std::vector<bool> picked(const Pool& pool) {
  std::vector<bool> flags(pool.endpoints.size());
  for (const auto eligible : {ready, last_resort}) {
    std::uint64_t all = 0, trusted = 0;
    for (const Endpoint& one : pool.endpoints) {
      if (!eligible(one)) continue;
      all += one.weight;
      if (!one.doubted) trusted += one.weight;
    }
    if (all == 0) continue;
    const bool enough = 2 * trusted >= all;
    for (std::size_t index = 0; index < flags.size(); ++index) {
      const Endpoint& one = pool.endpoints[index];
      flags[index] = eligible(one) && (!enough || !one.doubted);
    }
    break;
  }
  return flags;
}

}  // namespace holdfast
