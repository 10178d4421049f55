// SPDX-License-Identifier: Apache-2.0
// Services as a source would say them, short enough to read in a test.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/model/service.h"

namespace holdfast::build {

inline Endpoint endpoint(std::string_view address, std::string_view identity = "",
                         std::uint16_t weight = 100) {
  Endpoint result;
  result.address = IpAddress::parse(address).value();
  result.port = 8080;
  result.identity = Identity::from_text(identity);
  result.weight = weight;
  return result;
}

inline Frontend frontend(std::string_view address, std::uint16_t port = 80) {
  return {IpAddress::parse(address).value(), port, FrontendKind::cluster_ip, false};
}

// One pool on port 80; the family is that of the first frontend.
inline Pool pool(const std::vector<std::string>& frontends, std::vector<Endpoint> endpoints) {
  Pool result;
  result.port_name = "http";
  result.service_port = 80;
  for (const std::string& one : frontends) result.frontends.push_back(frontend(one));
  std::sort(result.frontends.begin(), result.frontends.end());
  if (!frontends.empty() && !result.frontends[0].address.is_v4()) result.family = 6;
  result.endpoints = std::move(endpoints);
  std::sort(result.endpoints.begin(), result.endpoints.end(), [](const auto& a, const auto& b) {
    return std::pair(a.address, a.port) < std::pair(b.address, b.port);
  });
  return result;
}

inline ServicePtr service(std::string_view name, std::vector<Pool> pools,
                          std::int64_t created_at = 0) {
  Service result;
  result.key = {"default", std::string(name)};
  result.created_at = created_at;
  result.pools = std::move(pools);
  return std::make_shared<const Service>(std::move(result));
}

inline ServicePtr service(std::string_view name, const std::vector<std::string>& frontends,
                          const std::vector<std::string>& endpoints, std::int64_t created_at = 0) {
  std::vector<Endpoint> members;
  for (const std::string& one : endpoints) members.push_back(endpoint(one));
  return service(name, {pool(frontends, std::move(members))}, created_at);
}

}  // namespace holdfast::build
