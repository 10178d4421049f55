// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/well_formed.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace holdfast::fuzz {
namespace {

// Sorted, and none twice.
template <class List, class Key>
bool ordered(const List& list, Key key) {
  return std::adjacent_find(list.begin(), list.end(), [&](const auto& a, const auto& b) {
           return !(key(a) < key(b));
         }) == list.end();
}

bool has(const Service& service, const EndpointAddress& address) {
  return std::any_of(service.pools.begin(), service.pools.end(), [&](const Pool& pool) {
    return std::any_of(pool.endpoints.begin(), pool.endpoints.end(), [&](const Endpoint& one) {
      return one.address == address.address && one.port == address.port;
    });
  });
}

void expect_well_formed(const Pool& pool) {
  expect(pool.service_port != 0, "a pool has a service port");
  expect(pool.family == 4 || pool.family == 6, "a pool has a family");
  expect(ordered(pool.frontends, [](const Frontend& one) { return one; }), "frontends are sorted");
  expect(
      ordered(pool.endpoints, [](const Endpoint& one) { return std::tie(one.address, one.port); }),
      "endpoints are sorted by address and port");
  for (const Frontend& one : pool.frontends) expect(one.port != 0, "a frontend has a port");
  for (const Endpoint& one : pool.endpoints) {
    expect(one.port != 0, "an endpoint has a port");
    expect(one.weight <= 1000, "a weight is at most 1000");
    expect(!one.held, "only the guard holds");
  }
}

}  // namespace

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: does not hold: %s\n", what);
  __builtin_trap();
}

void expect_well_formed(const Service& service) {
  expect(!service.key.name.empty() && !service.key.name_space.empty(), "a service has a name");
  expect(ordered(service.pools, [](const Pool& one) { return one.key(); }),
         "pools are sorted by port, protocol, family and traffic policy");
  for (const Pool& pool : service.pools) expect_well_formed(pool);
}

void expect_well_formed(const SourceUpdate& update, std::map<ServiceKey, ServicePtr>& known) {
  expect(ordered(update.changes, [](const ServiceChange& one) { return one.key; }),
         "changes are sorted by key");
  for (const ServiceChange& change : update.changes) {
    const auto before = known.find(change.key);
    expect(change.now || before != known.end(), "what was never said cannot go");
    expect(ordered(change.explained_endpoints, [](const EndpointAddress& one) { return one; }),
           "explained endpoints are sorted");
    if (!change.now) {
      known.erase(before);
      continue;
    }
    expect(change.now->key == change.key, "a change is of the service that it names");
    expect_well_formed(*change.now);
    for (const EndpointAddress& one : change.explained_endpoints) {
      const bool stays = has(*change.now, one);
      expect(!stays || (before != known.end() && has(*before->second, one)),
             "what is explained was there");
    }
    known[change.key] = change.now;
  }
}

}  // namespace holdfast::fuzz
