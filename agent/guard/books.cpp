// SPDX-License-Identifier: Apache-2.0
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <tuple>

#include "agent/guard/state.h"

namespace holdfast {

std::uint64_t endpoint_hash(const IpAddress& address, std::uint16_t port, Protocol protocol) {
  return XXH3_64bits_withSeed(address.bytes.data(), address.bytes.size(),
                              std::uint64_t{port} << 8 | static_cast<std::uint8_t>(protocol));
}

void Absences::add(const GuardSettings& settings, TimePoint now) {
  if (count > 0 && now - counted < settings.absence_spacing) return;
  ++count;
  counted = now;
}

void Guard::State::count_hold(const Entry& entry, int by) {
  if (!entry.hold) return;
  held_by_reason[static_cast<std::size_t>(entry.hold->cause.reason)] +=
      static_cast<std::size_t>(by);
}

HeldFacts* HoldBook::find(const Endpoint& endpoint, Protocol protocol) {
  const auto wanted = std::tie(endpoint.address, endpoint.port, protocol);
  const auto key = [](const HeldFacts& facts) {
    return std::tie(facts.address, facts.port, facts.protocol);
  };
  const auto found =
      std::lower_bound(endpoints.begin(), endpoints.end(), wanted,
                       [&](const HeldFacts& facts, const auto& want) { return key(facts) < want; });
  return found != endpoints.end() && key(*found) == wanted ? &*found : nullptr;
}

void RemovalWindow::add(const ServiceKey& key, std::size_t endpoints, bool service, TimePoint now) {
  removals_.push_back({now, key, endpoints, service});
  endpoints_ += endpoints;
  services_ += service ? 1 : 0;
}

std::vector<ServiceKey> RemovalWindow::exceeded(const GuardSettings& settings,
                                                std::size_t all_endpoints, std::size_t all_services,
                                                TimePoint now) {
  // A source that takes the same things away again and again fills no memory.
  const std::size_t most = 64 + 4 * all_services;
  while (!removals_.empty() &&
         (now - removals_.front().at > settings.hold_window || removals_.size() > most)) {
    endpoints_ -= removals_.front().endpoints;
    services_ -= removals_.front().service ? 1 : 0;
    removals_.pop_front();
    named_ -= named_ > 0 ? 1 : 0;
  }
  const bool many_endpoints = endpoints_ >= settings.hold_endpoints_least &&
                              100 * endpoints_ > settings.hold_endpoints_percent * all_endpoints;
  const bool many_services = services_ >= settings.hold_services_least &&
                             100 * services_ > settings.hold_services_percent * all_services;
  std::vector<ServiceKey> result;
  if (!many_endpoints && !many_services) return result;
  for (; named_ < removals_.size(); ++named_) result.push_back(removals_[named_].key);
  return result;
}

void Guard::State::claim(Entry& entry, const ServicePtr& said) {
  if (entry.claimed == said) return;
  claims.list(entry.claimed.get(), said.get());
  entry.claimed = said;
}

void Guard::State::set_restored(const ServiceKey& key, Entry& entry, bool value) {
  if (entry.restored == value) return;
  entry.restored = value;
  if (value)
    restored.insert(key);
  else
    restored.erase(key);
}

}  // namespace holdfast
