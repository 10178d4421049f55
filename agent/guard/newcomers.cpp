// SPDX-License-Identifier: Apache-2.0
// Additions that only an older answer lists (design.md 4.10): they apply, and are used last until
// an undoubted answer lists them, or evidence finds them alive.
#include <algorithm>

#include "agent/guard/state.h"

namespace holdfast {
namespace {

bool doubts_all(const SourceUpdate& update) {
  return std::any_of(update.doubts.begin(), update.doubts.end(),
                     [](const Doubt& doubt) { return doubt.origin.empty(); });
}

bool any_doubted(const Service* service) {
  if (!service) return false;
  return std::any_of(service->pools.begin(), service->pools.end(), [](const Pool& pool) {
    return std::any_of(pool.endpoints.begin(), pool.endpoints.end(),
                       [](const Endpoint& one) { return one.doubted; });
  });
}

bool found_alive(const Grounds& grounds, const Endpoint& endpoint, Protocol protocol) {
  return grounds.alive && grounds.alive->contains({endpoint.address, endpoint.port, protocol});
}

}  // namespace

bool from_older_answer(const Grounds& grounds) {
  return grounds.update && grounds.basis == Basis::list && doubts_all(*grounds.update);
}

ServicePtr mark_newcomers(const ServicePtr& said, const Service* before, const Grounds& grounds) {
  const bool older = from_older_answer(grounds);
  if (!older && !any_doubted(before)) return said;
  const bool confirmed = grounds.update && !doubts_all(*grounds.update);
  const auto doubted = [&](const Endpoint* was, const Endpoint& now, Protocol protocol) {
    if (!was || was->identity != now.identity) return older;
    if (was->held) return was->doubted && older;  // it is back, by an answer that proves nothing
    return was->doubted && !confirmed && !found_alive(grounds, now, protocol);
  };
  std::shared_ptr<Service> marked;
  for (std::size_t index = 0; index < said->pools.size(); ++index) {
    const Pool& pool = said->pools[index];
    const Pool* const old = counterpart(before, pool);
    for (std::size_t at = 0; at < pool.endpoints.size(); ++at) {
      const Endpoint& now = pool.endpoints[at];
      if (!doubted(find_endpoint(old, now), now, pool.protocol)) continue;
      if (!marked) marked = std::make_shared<Service>(*said);
      marked->pools[index].endpoints[at].doubted = true;
    }
  }
  return marked ? marked : said;
}

bool has_newcomers(const Service& service) {
  return std::any_of(service.pools.begin(), service.pools.end(), [](const Pool& pool) {
    return std::any_of(pool.endpoints.begin(), pool.endpoints.end(),
                       [](const Endpoint& one) { return one.doubted && !one.held; });
  });
}

}  // namespace holdfast
