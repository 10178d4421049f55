// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/memory_cost.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
// What stays free: for a change that passes unasked, a snapshot being written, requests, probes.
constexpr std::uint64_t kMargin = 6 * kMiB;

// Measured with the daemon (docs/files.md), x86-64, glibc 2.36: anonymous memory at its peak, for
// 20,000 services without endpoints, 10,000 with 10, 100 with 1,000.
constexpr std::uint64_t kObject = 750, kObjectEndpoint = 130;
constexpr std::uint64_t kService = 2000, kPort = 1200, kEndpoint = 500;
// The part of it that is gone again when a plan is done, and not there yet while maps grow.
constexpr std::uint64_t kPassing = 4;
// Of the values of a parsed text, a byte of it: 21 to 24.
constexpr std::uint64_t kValues = 24;
// Of maps at first: eight frontends, four pools and four texts a service, eight slots an endpoint
// (capacity_for()). Of maps that grow: what is used of them, twice (grown()).
constexpr std::uint64_t kMapService = 1229, kMapEndpoint = 192;
constexpr std::uint64_t kGrownService = 32, kGrownPort = 210;
constexpr std::size_t kLeastServices = 4096, kLeastEndpoints = 65536;

std::size_t without(std::size_t from, std::size_t what) {
  return from - std::min(from, what);
}

std::uint64_t whole_mib(std::uint64_t bytes) {
  return (bytes + kMiB - 1) / kMiB;
}

}  // namespace

Amount& Amount::operator+=(const Amount& other) {
  services += other.services;
  ports += other.ports;
  endpoints += other.endpoints;
  return *this;
}

Amount& Amount::operator-=(const Amount& other) {
  services = without(services, other.services);
  ports = without(ports, other.ports);
  endpoints = without(endpoints, other.endpoints);
  return *this;
}

std::uint64_t cost_of_objects(const Amount& amount) {
  return amount.services * kObject + amount.endpoints * kObjectEndpoint;
}

std::uint64_t cost_to_come(const Amount& fresh, const MapsRoom& maps, const Amount& all) {
  const std::uint64_t cost =
      fresh.services * kService + fresh.ports * kPort + fresh.endpoints * kEndpoint;
  if (maps.services == 0) {
    return cost + std::max(2 * all.services, kLeastServices) * kMapService +
           std::max(2 * all.endpoints, kLeastEndpoints) * kMapEndpoint;
  }
  std::uint64_t more = 0;
  if (all.services > maps.services)
    more += 2 * (all.services * kGrownService + all.ports * kGrownPort);
  if (all.endpoints > maps.endpoints) more += 2 * all.endpoints * kMapEndpoint;
  if (more == 0) return cost;
  // The old ones are there until the new ones are filled; what a plan makes comes after that.
  return cost + more + without(maps.bytes, cost / kPassing);
}

std::uint64_t cost_of_values(std::size_t text) {
  return text * kValues;
}

bool fits(const std::optional<MemoryRoom>& room, std::uint64_t needed) {
  return !room || needed + kMargin <= room->left();
}

Refusal refuse(const MemoryRoom& before, std::uint64_t needed, bool seen) {
  if (seen) needed = std::max(needed, without(before.left() + kMiB, kMargin));
  constexpr std::uint64_t kRound = 8;
  const std::uint64_t limit =
      (whole_mib(before.used + needed + kMargin) + kRound - 1) / kRound * kRound;
  return {needed,
          fmt::format("not read, for lack of memory: it needs about {} MiB, and {} MiB are left "
                      "below the limit of {} MiB ({}). What it said before stays. Set the limit "
                      "(limits.memory of the pod) to at least {}Mi",
                      whole_mib(needed), before.left() / kMiB, before.limit / kMiB, before.where,
                      limit)};
}

}  // namespace holdfast
