// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/plan/oracle.h"

#include <algorithm>
#include <numeric>

namespace holdfast {
namespace {

bool programmed(const Pool& pool) {
  return pool.protocol == Protocol::tcp && !pool.frontends.empty();
}

Answer answer_of(const Service& service, const Pool& pool) {
  std::vector<Endpoint> picked;
  const auto pick = [&](auto eligible) {
    std::copy_if(pool.endpoints.begin(), pool.endpoints.end(), std::back_inserter(picked),
                 [&](const Endpoint& one) {
                   const std::string& node = one.node.get();
                   const bool far =
                       pool.traffic == TrafficPolicy::local && !node.empty() && node != kHere;
                   return one.weight > 0 && !far && eligible(one);
                 });
  };
  pick([](const Endpoint& one) { return one.ready && !one.terminating; });
  if (picked.empty()) pick([](const Endpoint& one) { return one.serving && one.terminating; });
  int trusted = 0, doubted = 0;
  for (const Endpoint& one : picked) (one.doubted ? doubted : trusted) += one.weight;
  if (trusted >= doubted) std::erase_if(picked, [](const Endpoint& one) { return one.doubted; });
  Answer answer;
  std::uint32_t divisor = 0;
  for (const Endpoint& one : picked) divisor = std::gcd(divisor, one.weight);
  for (const Endpoint& one : picked)
    answer.endpoints[format_host_port(one.address, one.port)] = one.weight / divisor;
  if (picked.empty()) answer.empty = service.policy.no_endpoints;
  return answer;
}

std::string name_of(const Service& service, const Pool& pool) {
  return service.key.to_string() + ":" + std::to_string(pool.service_port) + "/" +
         std::to_string(static_cast<int>(pool.protocol)) + "v" + std::to_string(pool.family) +
         std::string(to_string(pool.traffic));
}

std::string reached(const Image& image, std::uint32_t slot) {
  const std::uint32_t id = slot < image.slots.size() ? image.slots[slot] : 0;
  if (id == 0 || id >= image.endpoints.size()) return "missing";
  const hf_endpoint& endpoint = image.endpoints[id];
  if (endpoint.incarnation == 0) return "retired";
  return format_host_port(IpAddress::from_abi(endpoint.addr), host_port(endpoint.port));
}

}  // namespace

std::map<std::string, std::string> owners(const std::vector<CatalogChange>& services) {
  std::map<std::string, std::string> result;
  for (const CatalogChange& one : services) {
    for (const Pool& pool : one.now->pools) {
      if (!programmed(pool)) continue;
      for (const Frontend& frontend : pool.frontends)
        result[format_host_port(frontend.address, frontend.port)] = name_of(*one.now, pool);
    }
  }
  return result;
}

std::map<std::string, Answer> pools(const std::vector<CatalogChange>& services) {
  std::map<std::string, Answer> result;
  for (const CatalogChange& one : services) {
    for (const Pool& pool : one.now->pools)
      result[name_of(*one.now, pool)] = answer_of(*one.now, pool);
  }
  return result;
}

std::map<std::string, std::set<std::string>> able(const std::vector<CatalogChange>& services) {
  std::map<std::string, std::set<std::string>> result;
  for (const CatalogChange& one : services) {
    for (const Pool& pool : one.now->pools) {
      std::set<std::string>& names = result[name_of(*one.now, pool)];
      for (const Endpoint& endpoint : pool.endpoints) {
        if (endpoint.weight > 0 && (endpoint.terminating ? endpoint.serving : endpoint.ready))
          names.insert(format_host_port(endpoint.address, endpoint.port));
      }
    }
  }
  return result;
}

Answers wanted(const std::vector<CatalogChange>& services) {
  Answers answers;
  const auto by_pool = pools(services);
  for (const auto& [frontend, pool] : owners(services)) answers[frontend] = by_pool.at(pool);
  return answers;
}

Answers answered(const Image& image) {
  Answers answers;
  for (const auto& [key, word] : image.frontends) {
    Answer& answer = answers[format_host_port(IpAddress::from_abi(key.addr), host_port(key.port))];
    const std::uint32_t id = hf_frontend_pool(word);
    const hf_pool pool = id < image.pools.size() ? image.pools[id] : hf_pool{};
    if (pool.word == 0) answer.endpoints["missing"] = 1;
    for (std::uint32_t slot = 0; slot < hf_pool_count(pool.word); ++slot)
      ++answer.endpoints[reached(image, hf_pool_first(pool.word) + slot)];
    if (answer.endpoints.empty()) answer.empty = hf_policy_empty(pool.policy);
  }
  return answers;
}

std::string text(const Answers& answers) {
  std::string result;
  for (const auto& [frontend, answer] : answers) {
    result += frontend + " ->";
    for (const auto& [endpoint, slots] : answer.endpoints)
      result += " " + endpoint + " x" + std::to_string(slots);
    if (answer.endpoints.empty()) result += " empty, policy " + std::to_string(answer.empty);
    result += "\n";
  }
  return result;
}

ServicePtr as_in_maps(const Service& service) {
  Service copy = service;
  copy.created_at = 0;
  copy.origin = Text();
  copy.policy.guard = GuardMode::hold;
  std::erase_if(copy.pools, [](const Pool& pool) { return !programmed(pool); });
  for (Pool& pool : copy.pools) {
    for (Endpoint& endpoint : pool.endpoints) endpoint.origin = Text();
  }
  if (copy.pools.empty()) return nullptr;
  return std::make_shared<const Service>(std::move(copy));
}

}  // namespace holdfast
