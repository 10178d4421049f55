// SPDX-License-Identifier: Apache-2.0
// Of any objects: the same services whatever the order, and what every consumer relies on.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/kubernetes/objects.h"

namespace holdfast::kubernetes {
namespace {

using namespace test;

IpAddress address(int family, int low) {
  const std::string text = std::to_string(low);
  return *IpAddress::parse(family == 4 ? "10.1.0." + text : "fd00::" + text);
}

rc::Gen<SliceObject> any_slice(int number) {
  return rc::gen::exec([number] {
    SliceObject slice;
    slice.name_space = "default";
    slice.name = "s" + std::to_string(number);
    slice.service = {"default", *rc::gen::element<std::string>("a", "b", "c")};
    slice.family = *rc::gen::element(4, 6);
    slice.all_ports = *rc::gen::weightedElement<bool>({{1, true}, {5, false}});
    if (!slice.all_ports)
      slice.ports = {{*rc::gen::element<std::string>("", "p"), 80, Protocol::tcp}};
    const int count = *rc::gen::inRange(0, 6);
    for (int one = 0; one < count; ++one) {
      SliceEndpoint endpoint;
      endpoint.address = address(slice.family, *rc::gen::inRange(1, 8));
      endpoint.ready = *rc::gen::arbitrary<bool>();
      endpoint.serving = endpoint.ready || *rc::gen::arbitrary<bool>();
      endpoint.terminating = !endpoint.ready && endpoint.serving;
      endpoint.where = Whereabouts(Text(*rc::gen::element<std::string>("n1", "n2")), Text());
      slice.endpoints.push_back(std::move(endpoint));
    }
    return slice;
  });
}

// Few names, addresses and ports, so that the objects meet: duplicates, loops, both families.
rc::Gen<Objects> any_objects() {
  return rc::gen::exec([] {
    Objects objects;
    int low = 5;  // a service's address may be an endpoint's: a loop
    for (const char* name : {"a", "b", "c"}) {
      ServiceObject service;
      service.key = {"default", name};
      service.ours = *rc::gen::weightedElement<bool>({{1, false}, {5, true}});
      service.local_only = *rc::gen::weightedElement<bool>({{5, false}, {1, true}});
      service.cluster_ips = {address(4, low), address(6, low)};
      service.ports = {{*rc::gen::element<std::string>("", "p"), 80, 0, Protocol::tcp}};
      if (*rc::gen::arbitrary<bool>())
        service.ports.push_back({"q", 81, static_cast<std::uint16_t>(30000 + low), Protocol::udp});
      if (*rc::gen::arbitrary<bool>()) service.external_ips = {address(4, low + 20)};
      ++low;
      objects.services.push_back(std::move(service));
    }
    const int slices = *rc::gen::inRange(0, 9);
    for (int one = 0; one < slices; ++one) objects.slices.push_back(*any_slice(one));
    objects.nodes.resize(2);
    objects.nodes[0].name = "n1";
    objects.nodes[0].addresses = {address(4, 200)};
    objects.nodes[1].name = "n2";
    objects.nodes[1].addresses = {address(4, 201)};
    return objects;
  });
}

std::vector<Service> values(const Assembled& assembled) {
  std::vector<Service> result;
  for (const ServicePtr& one : assembled.services) result.push_back(*one);
  return result;
}

RC_GTEST_PROP(Assemble, DoesNotDependOnTheOrderOfObjects, ()) {
  const Objects objects = *any_objects();
  const auto expected = values(assemble_objects({&objects}));
  Objects shuffled = objects;
  const auto rotate = [](auto& list) {
    if (list.empty()) return;
    std::rotate(list.begin(), list.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(list)),
                list.end());
    if (*rc::gen::arbitrary<bool>()) std::reverse(list.begin(), list.end());
  };
  rotate(shuffled.services);
  rotate(shuffled.slices);
  rotate(shuffled.nodes);
  RC_ASSERT(values(assemble_objects({&shuffled})) == expected);
  // Nor on how they lie in files.
  Objects services, slices;
  services.services = shuffled.services;
  slices.slices = shuffled.slices;
  slices.nodes = shuffled.nodes;
  RC_ASSERT(values(assemble_objects({&slices, &services})) == expected);
}

RC_GTEST_PROP(Assemble, KeepsWhatTheModelPromises, ()) {
  const Objects objects = *any_objects();
  const Assembled assembled = assemble_objects({&objects});
  std::set<std::tuple<IpAddress, std::uint16_t, Protocol>> frontends;
  for (const ServicePtr& service : assembled.services) {
    for (const Pool& pool : service->pools) {
      for (const Frontend& one : pool.frontends)
        RC_ASSERT(
            (frontends.insert({one.address, one.port, pool.protocol}).second || one.host_scope));
    }
  }
  std::vector<ServiceKey> keys;
  for (const ServicePtr& service : assembled.services) {
    keys.push_back(service->key);
    for (const Pool& pool : service->pools) {
      RC_ASSERT(!pool.frontends.empty());
      RC_ASSERT(std::is_sorted(pool.frontends.begin(), pool.frontends.end()));
      const auto before = [](const Endpoint& a, const Endpoint& b) {
        return std::tie(a.address, a.port) < std::tie(b.address, b.port);
      };
      RC_ASSERT(std::is_sorted(pool.endpoints.begin(), pool.endpoints.end(), before));
      for (std::size_t one = 0; one < pool.endpoints.size(); ++one) {
        const Endpoint& endpoint = pool.endpoints[one];
        RC_ASSERT(endpoint.address.family() == pool.family);
        RC_ASSERT(!frontends.contains({endpoint.address, endpoint.port, pool.protocol}));
        // Taken apart by the macro, an || without its own parentheses has no short cut.
        RC_ASSERT((one == 0 || before(pool.endpoints[one - 1], endpoint)));
      }
    }
  }
  RC_ASSERT(std::is_sorted(keys.begin(), keys.end()));
}

}  // namespace
}  // namespace holdfast::kubernetes
