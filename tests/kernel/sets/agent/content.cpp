// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/sets/agent/content.h"

#include <fmt/format.h>

#include "agent/reconcile/reconciler.h"

namespace holdfast::test {
namespace {

Pool pool(std::uint8_t family, const std::string& frontend, const std::string& endpoint,
          std::uint16_t port) {
  Pool result;
  result.service_port = 80;
  result.family = family;
  result.frontends.push_back({*IpAddress::parse(frontend), 80, FrontendKind::cluster_ip, false});
  Endpoint one;
  one.address = *IpAddress::parse(endpoint);
  one.port = port;
  one.node = Text("node-a");
  result.endpoints.push_back(one);
  return result;
}

ServicePtr service(std::uint32_t number, std::uint16_t port) {
  Service result;
  result.key = {"default", fmt::format("service-{:05}", number)};
  const std::string endpoint = fmt::format("127.1.{}.{}", number / 256, number % 256);
  result.pools = {pool(4, frontend4(number), endpoint, port),
                  pool(6, frontend6(number), "::1", port)};
  return std::make_shared<const Service>(std::move(result));
}

}  // namespace

std::string frontend4(std::uint32_t number) {
  return fmt::format("10.96.{}.{}", number / 256, number % 256);
}

std::string frontend6(std::uint32_t number) {
  return fmt::format("fd96::{:x}:{:x}", number / 256 + 1, number % 256);
}

Result<> fill(Dataplane& dataplane, std::uint32_t services, std::uint16_t port) {
  std::vector<CatalogChange> all;
  for (std::uint32_t number = 0; number < services; ++number) {
    const ServicePtr one = service(number, port);
    all.push_back({one->key, one, "test"});
  }
  Reconciler reconciler(dataplane, [&] { return all; });
  if (auto started = reconciler.start(); !started) return started;
  if (auto applied = reconciler.apply({reconciler.found().meta.generation + 1, all}); !applied)
    return applied;
  const std::vector<Unfit> unfit = reconciler.status().unfit;
  if (unfit.empty()) return {};
  return fail(Errc::exhausted,
              std::to_string(unfit.size()) + " do not fit, as: " + unfit[0].lacking);
}

}  // namespace holdfast::test
