// SPDX-License-Identifier: Apache-2.0
// What is in question, and what evidence of it changes (design.md 4.2).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <tuple>
#include <utility>

#include "agent/guard/state.h"
#include "agent/model/picked.h"

namespace holdfast {
namespace {

// The steps from one verdict to another (docs/guard.md). Whether it is another one now, or final.
bool step(const GuardSettings& settings, HeldFacts& facts, Evidence& found, TimePoint now) {
  const bool learned = found.verdict != Verdict::unknown;
  const bool withdrawn = found.withdraws && facts.verdict != Verdict::alive;
  if (!learned && !withdrawn) {  // that nothing could be learned takes back nothing
    if (facts.verdict == Verdict::unknown) facts.words = Text(found.words);
    return false;
  }
  if (facts.verdict == Verdict::dead && learned && found.verdict != Verdict::alive) {
    // A host that shuts down refuses first, and is silent then: that does not make it younger.
    if (found.verdict == Verdict::dead) facts.words = Text(found.words);
    if (facts.over || now - facts.refused_at < settings.refused_for) return false;
    found.words += fmt::format("; first {} s ago, and it never answered since: it leaves",
                               (now - facts.refused_at) / std::chrono::seconds(1));
    return facts.over = true;
  }
  facts.words = Text(found.words);
  facts.over = false;
  if (found.verdict == Verdict::dead) facts.refused_at = now;
  return std::exchange(facts.verdict, found.verdict) != found.verdict;
}

bool learn(const GuardSettings& settings, Guard::State::Entry& entry, Evidence& found,
           TimePoint now) {
  Endpoint sought;
  sought.address = found.address;
  sought.port = found.port;
  HeldFacts* const facts = entry.hold ? entry.hold->find(sought, found.protocol) : nullptr;
  if (facts) return step(settings, *facts, found, now);
  bool newcomer = false;
  for_each_suspect(entry.admitted.get(), [&](const Endpoint& one, Protocol protocol) {
    newcomer = newcomer || (one.address == found.address && one.port == found.port &&
                            protocol == found.protocol);
  });
  return newcomer && found.verdict == Verdict::alive;
}

auto key_of(const ProbeTarget& target) {
  return std::tie(target.address, target.port, target.protocol);
}

// Each once: picked if one service picks it, in question since the latest.
std::vector<ProbeTarget> merged(std::vector<ProbeTarget> targets) {
  std::sort(targets.begin(), targets.end(), [](const ProbeTarget& a, const ProbeTarget& b) {
    return std::pair(key_of(a), b.since) < std::pair(key_of(b), a.since);
  });
  std::vector<ProbeTarget> result;
  for (const ProbeTarget& one : targets) {
    if (result.empty() || key_of(result.back()) != key_of(one)) {
      result.push_back(one);
    } else {
      result.back().picked = result.back().picked || one.picked;
      result.back().verdict = std::max(result.back().verdict, one.verdict);
    }
  }
  return result;
}

}  // namespace

Judged Guard::evidence(const std::vector<Evidence>& found, TimePoint now) {
  Judged result;
  std::set<ServiceKey> concerned;
  for (const Evidence& one : found) {
    bool news = false;
    Evidence told = one;
    const auto hash = endpoint_hash(one.address, one.port, one.protocol);
    const auto [first, last] = state_->suspected.equal_range(hash);
    for (auto at = first; at != last; ++at) {
      if (!learn(state_->settings, state_->entries[*at->second], told, now)) continue;
      concerned.insert(*at->second);
      news = true;
    }
    if (news) result.news.push_back(std::move(told));
  }
  Alive alive;
  for (const Evidence& one : found) {
    if (one.verdict == Verdict::alive) alive.emplace(one.address, one.port, one.protocol);
  }
  Grounds grounds;
  grounds.alive = &alive;
  for (const ServiceKey& key : concerned) {
    auto admitted = judge_service(*state_, key, state_->entries[key].said, grounds, now);
    if (admitted) result.admitted.push_back(std::move(*admitted));
  }
  state_->claims.sweep();
  return result;
}

std::set<std::string> Guard::undecided_origins() const {
  std::set<std::string> result;
  for (const ServiceKey& key : state_->held) {
    const State::Entry& entry = state_->entries[key];
    if (entry.hold->rejected) continue;
    if (entry.absent) result.insert(entry.admitted->origin.get());
    for_each_suspect(entry.admitted.get(), [&](const Endpoint& one, Protocol) {
      if (one.held) result.insert(one.origin.get());
    });
  }
  return result;
}

std::vector<ProbeTarget> Guard::suspects() const {
  std::vector<ProbeTarget> result;
  std::set<ServiceKey> keys = state_->held;
  keys.insert(state_->newcomers.begin(), state_->newcomers.end());
  for (const ServiceKey& key : keys) {
    const State::Entry& entry = state_->entries[key];
    if (!entry.admitted) continue;
    for (const Pool& pool : entry.admitted->pools) {
      const std::vector<bool> flags = picked(pool, state_->vantage);
      for (std::size_t index = 0; index < pool.endpoints.size(); ++index) {
        const Endpoint& one = pool.endpoints[index];
        if (!one.held && !one.doubted) continue;
        const HeldFacts* const facts = entry.hold ? entry.hold->find(one, pool.protocol) : nullptr;
        const TimePoint since = facts ? facts->since : entry.newcomers.value_or(TimePoint{});
        const Verdict verdict = facts ? facts->verdict : Verdict::unknown;
        result.push_back({one.address, one.port, pool.protocol, since, one.identity, flags[index],
                          one.node, verdict});
      }
    }
  }
  return merged(std::move(result));
}

}  // namespace holdfast
