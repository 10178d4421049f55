// SPDX-License-Identifier: Apache-2.0
#include "agent/guard/state.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {

bool has_ready(const Service& service) {
  for (const Pool& pool : service.pools) {
    for (const Endpoint& endpoint : pool.endpoints) {
      if (endpoint.ready && !endpoint.terminating) return true;
    }
  }
  return false;
}

namespace {

// All endpoints that were ready are still listed, none terminating, none ready: nothing but
// readiness went.
bool lost_readiness(const Service& before, const Service& said) {
  if (!has_ready(before) || has_ready(said)) return false;
  std::size_t listed = 0;
  for (const Pool& pool : said.pools) {
    for (const Endpoint& endpoint : pool.endpoints) {
      if (endpoint.terminating) return false;
      ++listed;
    }
  }
  return listed > 0;
}

std::set<std::string> ready_nodes(const Service& service) {
  std::set<std::string> nodes;
  for (const Pool& pool : service.pools) {
    for (const Endpoint& endpoint : pool.endpoints) {
      if (endpoint.ready) nodes.insert(endpoint.node.get());
    }
  }
  return nodes;
}

// As before, with the endpoints that lost their readiness marked as held.
ServicePtr hold_readiness(const Service& before) {
  Service kept = before;
  for (Pool& pool : kept.pools) {
    for (Endpoint& endpoint : pool.endpoints) endpoint.held = endpoint.held || endpoint.ready;
  }
  return std::make_shared<const Service>(std::move(kept));
}

}  // namespace

ServicePtr AccidentWatch::settle(Guard::State& state, const ServiceChange& change, TimePoint now) {
  const auto entry = state.entries.find(change.key);
  ServicePtr before = entry == state.entries.end() ? nullptr : entry->second.admitted;
  const bool watched =
      state.settings.enabled && change.now && before && change.now->policy.guard == GuardMode::hold;
  const auto known = losses_.find(change.key);
  if (known != losses_.end() && watched && !has_ready(*change.now)) {
    known->second.said = change.now;
    return known->second.settling ? before : change.now;
  }
  if (known != losses_.end()) losses_.erase(known);  // ready again, or gone
  if (!watched || !lost_readiness(*before, *change.now)) return change.now;
  losses_[change.key] = {
      before, change.now, now, now + state.settings.last_ready_settle, ready_nodes(*before), true};
  return before;
}

bool AccidentWatch::complete(const GuardSettings& settings) const {
  std::set<std::string> nodes;
  for (const auto& [key, loss] : losses_) nodes.insert(loss.nodes.begin(), loss.nodes.end());
  return losses_.size() >= settings.accident_services && nodes.size() >= settings.accident_nodes;
}

std::vector<std::pair<ServiceKey, ServicePtr>> AccidentWatch::due(Guard::State& state,
                                                                  TimePoint now) {
  std::vector<std::pair<ServiceKey, ServicePtr>> result;
  std::erase_if(losses_, [&](const auto& item) {
    return !item.second.settling && now - item.second.at > state.settings.accident_window;
  });
  for (auto& [key, loss] : losses_) {
    if (!loss.settling || now < loss.until) continue;
    loss.settling = false;
    if (state.entries[key].reason.empty()) result.emplace_back(key, loss.said);
  }
  return result;
}

std::vector<Admitted> AccidentWatch::take_back(Guard::State& state, TimePoint now) {
  std::vector<Admitted> result;
  std::erase_if(losses_, [&](const auto& item) {
    return now - item.second.at > state.settings.accident_window;
  });
  if (!complete(state.settings)) return result;
  for (auto& [key, loss] : losses_) {
    Guard::State::Entry& entry = state.entries[key];
    if (!entry.reason.empty()) continue;
    entry.reason = fmt::format(
        "{} services on several nodes lost their last ready endpoint within {} s, "
        "with nothing terminating",
        losses_.size(), state.settings.accident_window.count());
    entry.accident = true;
    entry.since = now;
    entry.said = loss.said;
    entry.admitted = hold_readiness(*loss.before);
    loss.settling = false;
    result.push_back({key, entry.admitted, false});
  }
  return result;
}

std::optional<TimePoint> AccidentWatch::next() const {
  std::optional<TimePoint> next;
  for (const auto& [key, loss] : losses_) {
    if (loss.settling && (!next || loss.until < *next)) next = loss.until;
  }
  return next;
}

void AccidentWatch::forget(const ServiceKey& key) {
  losses_.erase(key);
}

void Guard::State::claim(const Service& service) {
  for (const Pool& pool : service.pools) {
    for (const Endpoint& endpoint : pool.endpoints) {
      if (!endpoint.identity.none()) claims_[{endpoint.address, endpoint.port}] = endpoint.identity;
    }
  }
}

bool Guard::State::claimed_by_another(const Endpoint& endpoint) const {
  const auto claim = claims_.find({endpoint.address, endpoint.port});
  return claim != claims_.end() && !endpoint.identity.none() && claim->second != endpoint.identity;
}

std::vector<ServiceKey> Guard::State::waiting() const {
  std::vector<ServiceKey> result;
  for (const auto& [key, entry] : entries) {
    if (!entry.reason.empty() || entry.restored) result.push_back(key);
  }
  return result;
}

}  // namespace holdfast
