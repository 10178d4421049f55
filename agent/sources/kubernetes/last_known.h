// SPDX-License-Identifier: Apache-2.0
// What stands in for objects that cannot be read (design.md 4.1): they are not said, and stay as
// they were last good. In this life that is the object itself, which whoever held it keeps. Of
// objects that were good in an earlier life only, it is what services this source was taken to have
// said then: what it knows of a service, port by port. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/sources/kubernetes/objects.h"

namespace holdfast::kubernetes {

// Where an object of `now` is not whole, and `before` had a good one of its name, that one stays,
// unless `now` has a good one beside it.
void keep_last_good(const Objects& before, Objects& now);

class LastKnown {
 public:
  // Of an earlier life, before anything else.
  void remember(const std::vector<ServicePtr>& services,
                const std::map<std::string, Node>& nodes = {});
  bool empty() const { return services_.empty(); }

  // The Service object that would say what was known of it; nullopt: nothing was.
  std::optional<ServiceObject> service(const ServiceObject& unreadable);
  std::vector<IpAddress> node_addresses(const std::string& node) const;
  // The services whose endpoints a slice may have held that cannot be read: its own, or where its
  // label cannot be read, those it may be named after.
  std::vector<ServiceKey> services_of(const SliceObject& unreadable) const;
  // Of a service with slices that cannot be read: its endpoints that no readable object has named
  // in this life, in the pool that is like `pool`.
  std::vector<Endpoint> endpoints(const ServiceKey& key, const Pool& pool);
  // A readable slice named it: from here on such slices alone say whether it is there.
  void named(const ServiceKey& key, const IpAddress& address, std::uint16_t port);

  // All objects there are have been seen: what none of them asked for is not needed any more.
  void forget_unused();

 private:
  struct Known {
    ServicePtr service;
    std::set<EndpointAddress> named;
    bool used = false;
  };
  std::map<ServiceKey, Known> services_;
  std::map<std::string, Node> nodes_;
};

}  // namespace holdfast::kubernetes
