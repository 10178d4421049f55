// SPDX-License-Identifier: Apache-2.0
// Who claims an address (design.md 4.4). Private to agent/guard.
//
// A claim is an identity at an address and port. It counts how many services list it, and lives as
// long as one does, or a held endpoint was it, or a headless slice told of it (the latest of these
// only, bounded). Time is the number of the update in which a claim arrived.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/guard/guard.h"

namespace holdfast {

class Claims {
 public:
  using Moment = std::uint32_t;

  Claims() { claims_.max_load_factor(2); }  // of a million claims the buckets take 4 MB, not 8

  void begin_update() { ++now_; }
  Moment now() const { return now_; }

  // So many claims are about to come: a table that grows to a million by doubling is filled twice.
  void expect(std::size_t more) { claims_.reserve(claims_.size() + more); }
  // A service lists `after` where it listed `before`; either may be nullptr.
  void list(const Service* before, const Service* after);
  void headless(const AddressClaim& claim);
  void hold(const Endpoint& endpoint, int change);  // +1: held by one service more, or -1

  // Another identity has the address of an endpoint that is absent since after `gone_at`. The same
  // port: any claim newer than the endpoint's own. Another port: node addresses are shared by
  // pods of the host's network, so only one that came after the absence, at an address where
  // nobody else was.
  bool taken(const Endpoint& endpoint, Moment gone_at) const;

  // Addresses of held endpoints that another identity claimed since the last call.
  std::vector<IpAddress> take_contested();
  void sweep();  // forgets what nobody lists, holds or told of any more
  std::size_t size() const { return claims_.size(); }

 private:
  // One for each endpoint there is: packed, so that with its address and a table's node it takes 64
  // bytes. More than 16 million pools are in no catalog.
  struct Claim {
    Identity identity;
    std::uint64_t port : 16 = 0;
    std::uint64_t headless : 1 = 0;
    std::uint64_t held : 23 = 0;
    std::uint64_t listed : 24 = 0;  // by so many pools
    Moment arrived = 0;
    Moment seen = 0;  // said again
  };
  static_assert(sizeof(Claim) == 32);
  struct Hash {
    std::size_t operator()(const IpAddress& address) const noexcept;
  };
  using Table = std::unordered_multimap<IpAddress, Claim, Hash>;

  Claim* find(const IpAddress& address, std::uint16_t port, const Identity& identity);
  Claim& arrive(const IpAddress& address, std::uint16_t port, const Identity& identity);
  void add(const Endpoint& endpoint);
  void drop(const Endpoint& endpoint);

  Table claims_;
  Moment now_ = 0;
  std::deque<AddressClaim> told_;  // headless ones, oldest first
  std::vector<IpAddress> contested_, stale_;
};

}  // namespace holdfast
