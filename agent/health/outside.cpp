// SPDX-License-Identifier: Apache-2.0
#include "agent/health/outside.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/model/ready.h"

namespace holdfast {
namespace {

constexpr std::size_t kSampled = 512;         // looked at: a system call each
constexpr std::size_t kFew = 16;              // of one family
constexpr std::size_t kOutsideOfOneNode = 2;  // of these

bool fits(const Pool& pool, const Endpoint& one, const std::string& own_node) {
  // What is on other nodes of a local pool is nobody's here.
  const bool away =
      pool.traffic != TrafficPolicy::local && (own_node.empty() || one.node.get() != own_node);
  return pool.protocol == Protocol::tcp && away && is_ready(one) && !one.held && !one.doubted &&
         one.weight > 0;
}

ProbeTarget target_of(const Pool& pool, const Endpoint& one) {
  ProbeTarget target;
  target.address = one.address;
  target.port = one.port;
  target.protocol = pool.protocol;
  target.identity = one.identity;
  target.node = one.node;
  target.picked = true;
  return target;
}

// So many of each service that all of a small catalog are seen, and one of each in a large one; of
// more services than that, by chance.
std::vector<ProbeTarget> sample(const std::vector<ServicePtr>& services,
                                const std::string& own_node,
                                const std::function<double()>& chance) {
  std::vector<ProbeTarget> result;
  const auto random = [&](std::size_t below) {
    return std::min(below - 1, static_cast<std::size_t>(chance() * static_cast<double>(below)));
  };
  const std::size_t of_each = std::max<std::size_t>(1, kSampled / (services.size() + 1));
  std::size_t seen = 0;
  for (const ServicePtr& service : services) {
    for (const Pool& pool : service->pools) {
      const std::size_t count = pool.endpoints.size(), looks = std::min(count, of_each);
      const std::size_t first = count > 0 ? random(count) : 0;
      for (std::size_t look = 0; look < looks; ++look) {
        const Endpoint& one = pool.endpoints[(first + look) % count];
        if (!fits(pool, one, own_node)) continue;
        ++seen;
        if (result.size() < kSampled) {
          result.push_back(target_of(pool, one));
        } else if (const std::size_t place = random(seen); place < kSampled) {
          result[place] = target_of(pool, one);
        }
      }
    }
  }
  return result;
}

}  // namespace

std::vector<ProbeTarget> outside(const std::vector<ServicePtr>& services,
                                 const std::string& own_node, const Suspects::TrafficOf& traffic_of,
                                 const std::function<double()>& chance, TimePoint now) {
  std::vector<ProbeTarget> all = sample(services, own_node, chance);
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t index = 0; index < all.size(); ++index) {
    const auto traffic = traffic_of(all[index]);
    all[index].reached = traffic && traffic->established != 0;
    const int rank = !all[index].reached ? 2 : used(*traffic, now) ? 0 : 1;
    order.emplace_back(rank + chance(), index);
  }
  std::sort(order.begin(), order.end());
  std::vector<ProbeTarget> result;
  std::array<std::size_t, 2> taken{};
  std::map<std::pair<bool, std::string>, std::size_t> of_node;
  std::map<ProbeKey, bool> known;
  for (const auto& [rank, index] : order) {
    const ProbeTarget& one = all[index];
    const bool v4 = one.address.is_v4();
    if (taken[v4] >= kFew || !known.emplace(key_of(one), true).second) continue;
    const std::string& node = one.node.get();
    if (!node.empty() && of_node[{v4, node}]++ >= kOutsideOfOneNode) continue;
    ++taken[v4];
    result.push_back(one);
  }
  return result;
}

bool WorkloadFailures::only_failures(const std::vector<ProbeTarget>& outside,
                                     const Suspects::TrafficOf& traffic_of) {
  std::map<ProbeKey, Counts> now;
  bool failed = false, established = false;
  for (const ProbeTarget& one : outside) {
    const auto traffic = traffic_of(one);
    if (!traffic) continue;
    const Counts counts{traffic->failures + traffic->abandoned, traffic->established};
    now[key_of(one)] = counts;
    const auto before = last_.find(key_of(one));
    if (before == last_.end()) continue;
    failed = failed || counts.failed != before->second.failed;
    established = established || counts.established != before->second.established;
  }
  last_ = std::move(now);
  return failed && !established;
}

}  // namespace holdfast
