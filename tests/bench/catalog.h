// SPDX-License-Identifier: Apache-2.0
// The catalog that the benchmarks load: services of equal size, every endpoint an address of its
// own, all on one port, so that one listener serves a million of them.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/model/service.h"

namespace holdfast::bench {

struct Size {
  std::uint32_t services = 10'000;
  std::uint32_t endpoints = 100;  // of each
};

// Where endpoints live: to be delivered to loopback.
inline constexpr const char* kEndpoints4 = "10.128.0.0/9";
inline constexpr const char* kEndpoints6 = "fd00:10::/64";
inline constexpr std::uint16_t kServicePort = 80;
inline constexpr std::uint32_t kNames = 1003;              // of nodes and zones
inline constexpr std::uint32_t kMostEndpoints = 1u << 22;  // half of kEndpoints4

IpAddress service_address(int family, std::uint32_t service);
// `index` counts over all services; what replaces an endpoint takes kMostEndpoints and up.
IpAddress endpoint_address(int family, std::uint32_t index);
Endpoint make_endpoint(int family, std::uint32_t index, std::uint16_t port);
// Service "bench/s<n>", or "bench/six<n>" of IPv6, with one TCP pool.
ServicePtr make_service(int family, std::uint32_t service, Size size, std::uint16_t port);
std::vector<ServicePtr> make_catalog(int family, Size size, std::uint16_t port);

}  // namespace holdfast::bench
