// SPDX-License-Identifier: Apache-2.0
#include "agent/guard/accident.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/model/ready.h"

namespace holdfast {
namespace {

// Endpoints are still listed, none terminating, none ready: nothing but readiness went.
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

}  // namespace

ServicePtr AccidentWatch::settle(const GuardSettings& settings, const ServicePtr& before,
                                 const ServiceChange& change, TimePoint now) {
  const bool watched =
      settings.enabled && change.now && before && change.now->policy.guard == GuardMode::hold;
  const auto known = losses_.find(change.key);
  if (known != losses_.end() && watched && !has_ready(*change.now)) {
    known->second.said = change.now;
    return known->second.settling ? before : change.now;
  }
  if (known != losses_.end()) losses_.erase(known);  // ready again, or gone
  // A list explains no loss of readiness: it is held without any signature.
  if (!watched || change.basis == Basis::list || !lost_readiness(*before, *change.now))
    return change.now;
  losses_[change.key] = {
      before, change.now, now, now + settings.last_ready_settle, ready_nodes(*before), true, false};
  return before;
}

bool AccidentWatch::complete(const GuardSettings& settings) const {
  if (losses_.size() < settings.accident_services) return false;
  std::set<std::string> nodes;
  return std::any_of(losses_.begin(), losses_.end(), [&](const auto& item) {
    nodes.insert(item.second.nodes.begin(), item.second.nodes.end());
    return nodes.size() >= settings.accident_nodes;
  });
}

void AccidentWatch::prune(const GuardSettings& settings, TimePoint now) {
  std::erase_if(losses_, [&](const auto& item) {
    return !item.second.settling && now - item.second.at > settings.accident_window;
  });
}

std::vector<std::pair<ServiceKey, ServicePtr>> AccidentWatch::due(const GuardSettings& settings,
                                                                  TimePoint now) {
  std::vector<std::pair<ServiceKey, ServicePtr>> result;
  prune(settings, now);
  for (auto& [key, loss] : losses_) {
    if (!loss.settling || now < loss.until) continue;
    loss.settling = false;
    result.emplace_back(key, loss.said);
  }
  return result;
}

std::vector<AccidentWatch::Taken> AccidentWatch::take_back(const GuardSettings& settings,
                                                           TimePoint now) {
  std::vector<Taken> result;
  prune(settings, now);
  if (!complete(settings)) return result;
  for (auto& [key, loss] : losses_) {
    if (std::exchange(loss.taken, true)) continue;
    loss.settling = false;
    result.push_back(
        {key,
         loss.before,
         loss.said,
         {HoldReason::accident,
          fmt::format("{} services on several nodes lost their last ready endpoint within {} s",
                      losses_.size(), settings.accident_window.count())}});
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

}  // namespace holdfast
