// SPDX-License-Identifier: Apache-2.0
// The endpoints that left a service: what a follower of generations ends, counts or remembers.
// Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/model/ruling.h"
#include "agent/model/service.h"

namespace holdfast {

// No pool of the service has it any more. What is held has not left.
struct Departure {
  IpAddress address;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  Ruling why = Ruling::stays;

  auto operator<=>(const Departure&) const = default;
};

// What `before` has and `now` (nullptr: the service is gone) has not, each once, sorted by address,
// port and protocol. `known`: why, as far as somebody has said so; `otherwise`: why else.
std::vector<Departure> departures(const Service& before, const Service* now,
                                  std::vector<Departure> known, Ruling otherwise);

}  // namespace holdfast
