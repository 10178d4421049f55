// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/catalog.h"

#include <arpa/inet.h>

#include <cstring>
#include <string>

namespace holdfast::bench {
namespace {

constexpr std::uint32_t kZones = 3, kNodes = kNames - kZones;

IpAddress ipv4(std::uint32_t host_order) {
  hf_addr address{};
  address.word[2] = HF_V4_MAPPED_WORD;
  address.word[3] = htonl(host_order);
  return IpAddress::from_abi(address);
}

IpAddress ipv6(std::uint32_t prefix, std::uint32_t host) {
  hf_addr address{};
  address.word[0] = htonl(prefix);
  address.word[3] = htonl(host);
  return IpAddress::from_abi(address);
}

}  // namespace

IpAddress service_address(int family, std::uint32_t service) {
  return family == 4 ? ipv4(0x0a600001 + service) : ipv6(0xfd000096, 1 + service);  // 10.96.0.1
}

IpAddress endpoint_address(int family, std::uint32_t index) {
  return family == 4 ? ipv4(0x0a800001 + index) : ipv6(0xfd000010, 1 + index);  // 10.128.0.1
}

Endpoint make_endpoint(int family, std::uint32_t index, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.address = endpoint_address(family, index);
  endpoint.port = port;
  std::memcpy(endpoint.identity.bytes.data(), &index, sizeof index);
  endpoint.identity.bytes[15] = static_cast<std::uint8_t>(family);
  endpoint.node = Text("node-" + std::to_string(index % kNodes));
  endpoint.zone = Text("zone-" + std::to_string(index % kZones));
  return endpoint;
}

ServicePtr make_service(int family, std::uint32_t service, Size size, std::uint16_t port) {
  auto made = std::make_shared<Service>();
  made->key = {"bench", (family == 4 ? "s" : "six") + std::to_string(service)};
  made->created_at = 1'700'000'000;
  Pool& pool = made->pools.emplace_back();
  pool.port_name = "http";
  pool.service_port = kServicePort;
  pool.family = static_cast<std::uint8_t>(family);
  pool.frontends.push_back({service_address(family, service), kServicePort});
  pool.endpoints.reserve(size.endpoints);
  for (std::uint32_t one = 0; one < size.endpoints; ++one) {
    pool.endpoints.push_back(make_endpoint(family, service * size.endpoints + one, port));
  }
  return made;
}

std::vector<ServicePtr> make_catalog(int family, Size size, std::uint16_t port) {
  std::vector<ServicePtr> catalog;
  catalog.reserve(size.services);
  for (std::uint32_t one = 0; one < size.services; ++one) {
    catalog.push_back(make_service(family, one, size, port));
  }
  return catalog;
}

}  // namespace holdfast::bench
