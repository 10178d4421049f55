// SPDX-License-Identifier: Apache-2.0
#include "agent/model/picked.h"

#include <cstdint>

#include "agent/model/ready.h"

namespace holdfast {
namespace {

bool first_choice(const Endpoint& endpoint) {
  return endpoint.fault != Fault::refused && is_ready(endpoint) && endpoint.weight > 0;
}

bool last_resort(const Endpoint& endpoint) {
  return endpoint.fault != Fault::refused && endpoint.serving && endpoint.terminating &&
         endpoint.weight > 0;
}

// False: none is eligible, or all that are are silent, and those are not wanted.
template <class Eligible>
bool pick(const Pool& pool, const Eligible& eligible, bool silent_too, std::vector<bool>& flags) {
  std::uint64_t all = 0, trusted = 0, silent = 0;
  for (const Endpoint& one : pool.endpoints) {
    if (!eligible(one)) continue;
    all += one.weight;
    if (!one.doubted) trusted += one.weight;
    if (one.fault == Fault::silent) silent += one.weight;
  }
  if (all == 0 || (all == silent && !silent_too)) return false;
  const bool enough = 2 * trusted >= all;
  for (std::size_t index = 0; index < flags.size(); ++index) {
    const Endpoint& one = pool.endpoints[index];
    const bool heard = one.fault != Fault::silent || all == silent;
    flags[index] = eligible(one) && heard && (!enough || !one.doubted);
  }
  return true;
}

}  // namespace

std::vector<bool> picked(const Pool& pool, const Vantage& vantage) {
  std::vector<bool> flags(pool.endpoints.size());
  for (const bool silent_too : {false, true}) {
    for (const auto good : {first_choice, last_resort}) {
      const auto eligible = [&](const Endpoint& one) {
        return is_near(pool, one, vantage) && good(one);
      };
      if (pick(pool, eligible, silent_too, flags)) return flags;
    }
  }
  return flags;
}

}  // namespace holdfast
