// SPDX-License-Identifier: Apache-2.0
#include "agent/model/departure.h"

#include <algorithm>
#include <tuple>

namespace holdfast {
namespace {

auto place(const Departure& one) {
  return std::tie(one.address, one.port, one.protocol);
}

bool before_in_place(const Departure& a, const Departure& b) {
  return place(a) < place(b);
}

bool has(const Service& service, const Endpoint& endpoint, Protocol protocol) {
  return std::any_of(service.pools.begin(), service.pools.end(), [&](const Pool& pool) {
    return pool.protocol == protocol && find_endpoint(&pool, endpoint);
  });
}

}  // namespace

std::vector<Departure> departures(const Service& before, const Service* now,
                                  std::vector<Departure> known, Ruling otherwise) {
  std::sort(known.begin(), known.end());
  std::vector<Departure> left;
  for (const Pool& pool : before.pools) {
    for (const Endpoint& endpoint : pool.endpoints) {
      if (now && has(*now, endpoint, pool.protocol)) continue;
      Departure one{endpoint.address, endpoint.port, pool.protocol, otherwise};
      const auto said = std::lower_bound(known.begin(), known.end(), one, before_in_place);
      if (said != known.end() && place(*said) == place(one)) one.why = said->why;
      left.push_back(one);
    }
  }
  std::sort(left.begin(), left.end());
  left.erase(std::unique(left.begin(), left.end(),
                         [](const auto& a, const auto& b) { return place(a) == place(b); }),
             left.end());
  return left;
}

}  // namespace holdfast
