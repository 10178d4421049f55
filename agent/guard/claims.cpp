// SPDX-License-Identifier: Apache-2.0
#include "agent/guard/claims.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <tuple>

namespace holdfast {
namespace {

// Headless slices never take a claim back: only so many are remembered.
constexpr std::size_t kMostTold = 65536;

auto order(const Endpoint& endpoint) {
  return std::tie(endpoint.address, endpoint.port, endpoint.identity);
}

// Calls `work` with each endpoint that is in a pool of `service` and not in that pool of `other`.
template <class Work>
void for_each_only_in(const Service* service, const Service* other, Work work) {
  if (!service) return;
  for (const Pool& pool : service->pools) {
    const Pool* const mate = counterpart(other, pool);
    auto at = mate ? mate->endpoints.begin() : pool.endpoints.end();
    const auto end = mate ? mate->endpoints.end() : pool.endpoints.end();
    for (const Endpoint& endpoint : pool.endpoints) {
      if (mate) {
        while (at != end && order(*at) < order(endpoint)) ++at;
        if (at != end && order(*at) == order(endpoint)) continue;
      }
      work(endpoint);
    }
  }
}

}  // namespace

std::size_t Claims::Hash::operator()(const IpAddress& address) const noexcept {
  return static_cast<std::size_t>(XXH3_64bits(address.bytes.data(), address.bytes.size()));
}

Claims::Claim* Claims::find(const IpAddress& address, std::uint16_t port,
                            const Identity& identity) {
  const auto [first, last] = claims_.equal_range(address);
  const auto found = std::find_if(first, last, [&](const auto& item) {
    return item.second.port == port && item.second.identity == identity;
  });
  return found == last ? nullptr : &found->second;
}

Claims::Claim& Claims::arrive(const IpAddress& address, std::uint16_t port,
                              const Identity& identity) {
  const auto [first, last] = claims_.equal_range(address);
  bool contested = false;
  for (auto at = first; at != last; ++at) {
    Claim& claim = at->second;
    if (claim.port == port && claim.identity == identity) return claim;
    contested = contested || (claim.held > 0 && claim.identity != identity);
  }
  if (contested) contested_.push_back(address);
  Claim claim;
  claim.identity = identity;
  claim.port = port;
  claim.arrived = now_;
  return claims_.emplace(address, claim)->second;
}

void Claims::add(const Endpoint& endpoint) {
  if (endpoint.identity.none()) return;
  Claim& claim = arrive(endpoint.address, endpoint.port, endpoint.identity);
  // Only remembered for a hold until now: the identity is back.
  if (claim.listed == 0 && !claim.headless) claim.arrived = now_;
  ++claim.listed;
  claim.seen = now_;
}

void Claims::drop(const Endpoint& endpoint) {
  if (endpoint.identity.none()) return;
  Claim* const claim = find(endpoint.address, endpoint.port, endpoint.identity);
  if (!claim || claim->listed == 0) return;
  if (--claim->listed == 0) stale_.push_back(endpoint.address);
}

void Claims::list(const Service* before, const Service* after) {
  for_each_only_in(after, before, [this](const Endpoint& endpoint) { add(endpoint); });
  for_each_only_in(before, after, [this](const Endpoint& endpoint) { drop(endpoint); });
}

void Claims::headless(const AddressClaim& told) {
  if (told.identity.none()) return;
  Claim& claim = arrive(told.address, told.port, told.identity);
  claim.seen = now_;
  if (claim.headless) return;
  claim.headless = 1;
  told_.push_back(told);
  if (told_.size() <= kMostTold) return;
  const AddressClaim& oldest = told_.front();
  if (Claim* const forgotten = find(oldest.address, oldest.port, oldest.identity)) {
    forgotten->headless = 0;
    stale_.push_back(oldest.address);
  }
  told_.pop_front();
}

void Claims::hold(const Endpoint& endpoint, int change) {
  if (endpoint.identity.none()) return;
  if (change > 0) {
    ++arrive(endpoint.address, endpoint.port, endpoint.identity).held;
  } else if (Claim* const claim = find(endpoint.address, endpoint.port, endpoint.identity)) {
    if (claim->held > 0 && --claim->held == 0) stale_.push_back(endpoint.address);
  }
}

bool Claims::taken(const Endpoint& endpoint, Moment gone_at) const {
  if (endpoint.identity.none()) return false;
  const auto [first, last] = claims_.equal_range(endpoint.address);
  const auto own = std::find_if(first, last, [&](const auto& item) {
    return item.second.port == endpoint.port && item.second.identity == endpoint.identity;
  });
  const Moment since = own == last ? 0 : own->second.arrived;
  bool came = false, shared = false;
  for (auto at = first; at != last; ++at) {
    const Claim& claim = at->second;
    if (claim.identity == endpoint.identity || (claim.listed == 0 && !claim.headless)) continue;
    if (claim.port == endpoint.port) {
      if (claim.arrived > since) return true;
    } else if (claim.arrived > gone_at) {
      came = true;
    } else if (claim.listed > 0 || claim.seen >= since) {
      shared = true;
    }
  }
  return came && !shared;
}

std::vector<IpAddress> Claims::take_contested() {
  return std::exchange(contested_, {});
}

void Claims::sweep() {
  for (const IpAddress& address : std::exchange(stale_, {})) {
    auto [at, last] = claims_.equal_range(address);
    while (at != last) {
      const Claim& claim = at->second;
      const bool needed = claim.listed > 0 || claim.held > 0 || claim.headless;
      at = needed ? std::next(at) : claims_.erase(at);
    }
  }
}

}  // namespace holdfast
