// SPDX-License-Identifier: Apache-2.0
// Which endpoints a service has: from its slices, and from what is last known of those that cannot
// be read.
#include <fmt/format.h>

#include <algorithm>

#include "agent/sources/kubernetes/assembler.h"

namespace holdfast::kubernetes {
namespace {

// By port name, as Kubernetes matches them. A slice for all ports serves the service's own.
std::optional<std::uint16_t> port_of(const SliceObject& slice, const Pool& pool) {
  if (slice.all_ports) return pool.service_port;
  for (const SlicePort& port : slice.ports) {
    if (port.name == pool.port_name && port.protocol == pool.protocol) {
      return port.port.value_or(pool.service_port);
    }
  }
  return std::nullopt;
}

Endpoint endpoint_of(const SliceObject& slice, const ServiceObject& object,
                     const SliceEndpoint& one, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.address = one.address;
  endpoint.port = port;
  endpoint.weight = slice.weight.value_or(object.weight.value_or(100));
  endpoint.ready = one.ready;
  endpoint.serving = one.serving;
  endpoint.terminating = one.terminating;
  endpoint.identity = one.identity;
  endpoint.node = one.node();
  endpoint.zone = one.zone();
  endpoint.origin = slice.origin;
  return endpoint;
}

// Of two slices that name one endpoint while it moves between them, the more hopeful is believed.
int usefulness(const Endpoint& endpoint) {
  return endpoint.ready ? 2 : endpoint.serving ? 1 : 0;
}

// Whether it names the port, for whatever service.
bool names_port(const SliceObject& slice, std::uint16_t port) {
  return slice.all_ports ||
         std::any_of(slice.ports.begin(), slice.ports.end(),
                     [&](const SlicePort& one) { return one.port.value_or(port) == port; });
}

}  // namespace

void Assembler::forget_unread(const ServiceKey& slice) {
  for (auto at = unread_.begin(); at != unread_.end();) {
    at->second.erase(slice);
    at = at->second.empty() ? unread_.erase(at) : std::next(at);
  }
}

// Any slice may name an address of what cannot be read.
void Assembler::touch_unread() {
  for (const auto& [key, slices] : unread_) touched_.insert(key);
}

void Assembler::note_claims() {
  claims_.clear();
  if (unread_.empty()) return;
  for (const auto& [name, slice] : slices_) {
    if (!slice.whole || slice.kept) continue;
    for (const SliceEndpoint& one : slice.endpoints) {
      if (!one.identity.none()) claims_.insert({one.address, {one.identity, &slice}});
    }
  }
}

// What is kept unread is no proof that an address is still whose it was (design.md 4.4).
bool Assembler::contested(const IpAddress& address, std::uint16_t port,
                          const Identity& identity) const {
  if (identity.none()) return false;
  const auto [first, last] = claims_.equal_range(address);
  return std::any_of(first, last, [&](const auto& claim) {
    return claim.second.first != identity && names_port(*claim.second.second, port);
  });
}

bool Assembler::is_loop(const SliceObject& slice, const Place& place, const Endpoint& endpoint,
                        const Pool& pool, std::vector<Problem>& problems) const {
  const bool own = frontends_.contains({endpoint.address, endpoint.port, pool.protocol}) ||
                   (node_ports_.contains({endpoint.port, pool.protocol}) &&
                    node_addresses_.contains(endpoint.address));
  if (!own) return false;
  Problem loop{slice.origin.get(), place.line, place.column,
               "EndpointSlice " + ServiceKey{slice.name_space, slice.name}.to_string(),
               fmt::format("endpoint {} is a service's own address: a loop; it is left out",
                           format_host_port(endpoint.address, endpoint.port))};
  // Said once, of however many pools.
  if (std::find(problems.begin(), problems.end(), loop) == problems.end())
    problems.push_back(std::move(loop));
  return true;
}

// In order of belief: what can be read, what was last good, what an earlier life knew, and the
// parts that could be read of what could not be.
void Assembler::add_endpoints(const ServiceObject& object, Service& service,
                              std::vector<Problem>& problems) const {
  std::vector<const SliceObject*> read, kept, unread, parts;
  if (const auto names = slices_of_.find(service.key); names != slices_of_.end()) {
    for (const ServiceKey& name : names->second) {
      const SliceObject& slice = slices_.at(name);
      (slice.kept ? kept : slice.whole ? read : parts).push_back(&slice);
    }
  }
  if (const auto names = unread_.find(service.key); names != unread_.end()) {
    for (const ServiceKey& name : names->second) {
      if (const SliceObject& slice = slices_.at(name); !slice.whole) unread.push_back(&slice);
    }
  }
  for (Pool& pool : service.pools) {
    Unique unique;
    const auto add_all = [&](const std::vector<const SliceObject*>& list) {
      for (const SliceObject* slice : list) {
        if (slice->family == pool.family) add_slice(*slice, object, pool, unique, problems);
      }
    };
    add_all(read);
    add_all(kept);
    if (!unread.empty()) {
      for (const auto& [address, endpoint] : unique)
        last_known_->named(service.key, address.first, address.second);
    }
    for (const SliceObject* slice : unread)
      add_last_known(service.key, *slice, pool, unique, problems);
    add_all(parts);
    pool.endpoints.reserve(unique.size());
    for (auto& [address, endpoint] : unique) pool.endpoints.push_back(std::move(endpoint));
  }
  note_hints(object, problems);
}

void Assembler::add_slice(const SliceObject& slice, const ServiceObject& object, const Pool& pool,
                          Unique& unique, std::vector<Problem>& problems) const {
  const auto target = port_of(slice, pool);
  if (!target) return;
  for (const SliceEndpoint& one : slice.endpoints) {
    if (slice.kept && contested(one.address, *target, one.identity)) continue;
    Endpoint endpoint = endpoint_of(slice, object, one, *target);
    if (is_loop(slice, one.place(), endpoint, pool, problems)) continue;
    const auto [known, fresh] = unique.try_emplace({one.address, *target}, endpoint);
    const bool believed =
        slice.whole && !slice.kept && usefulness(known->second) < usefulness(endpoint);
    if (!fresh && believed) known->second = std::move(endpoint);
  }
}

// A slice that cannot be read and was good in an earlier life only: what the service had then and
// no readable slice has named since may be of it.
void Assembler::add_last_known(const ServiceKey& key, const SliceObject& unread, const Pool& pool,
                               Unique& unique, std::vector<Problem>& problems) const {
  if (unread.family != 0 && unread.family != pool.family) return;
  for (Endpoint endpoint : last_known_->endpoints(key, pool)) {
    const std::string& origin = endpoint.origin.get();
    if (!origin.empty() && origin != unread.origin.get()) continue;
    if (contested(endpoint.address, endpoint.port, endpoint.identity)) continue;
    endpoint.origin = unread.origin;
    endpoint.held = endpoint.doubted = false;
    if (is_loop(unread, unread.place, endpoint, pool, problems)) continue;
    const std::pair address{endpoint.address, endpoint.port};
    unique.try_emplace(address, std::move(endpoint));
  }
}

// Hints in slices ask for near endpoints by themselves (KEP-4444); said once a service.
void Assembler::note_hints(const ServiceObject& object, std::vector<Problem>& problems) const {
  if (object.topology_noted) return;
  const auto names = slices_of_.find(object.key);
  if (names == slices_of_.end()) return;
  for (const ServiceKey& name : names->second) {
    const SliceObject& slice = slices_.at(name);
    if (!slice.hinted) continue;
    problems.push_back({slice.origin.get(), slice.place.line, slice.place.column,
                        "Service " + object.key.to_string(),
                        "hints in its slices are not honoured in this version: all endpoints are "
                        "used, of whatever zone and node",
                        Problem::Kind::note});
    return;
  }
}

}  // namespace holdfast::kubernetes
