// SPDX-License-Identifier: Apache-2.0
#include "agent/health/schedule.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using Kind = ProbeOutcome::Kind;

constexpr std::size_t kMostReached = 65536;
constexpr std::size_t kLooks = 256;  // for what is alive, in one turn
constexpr auto kFirstProbe = 500ms;  // new targets spread over this
constexpr auto kSecondTry = 200ms;   // after a first probe that speaks against an endpoint
constexpr auto kReturn = 300ms;      // what was silent is tried again within this, once others are
constexpr int kAgeShare = 5;         // the pause: a fifth of the age of the hold, or of the silence

bool v4(const ProbeTarget& target) {
  return target.address.is_v4();
}

// Errors of connect() itself that are about routes and links; others are about this process.
bool about_network(int error) {
  return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN ||
         error == EADDRNOTAVAIL || error == EINVAL || error == EACCES;
}

bool good(const ProbeOutcome& outcome) {
  return outcome.kind == Kind::answered || outcome.kind == Kind::replied;
}

bool speaks_against(const ProbeTarget& target, const ProbeOutcome& outcome) {
  return outcome.kind == Kind::refused || outcome.kind == Kind::unreachable ||
         (outcome.kind == Kind::silent && target.protocol == Protocol::tcp);
}

Echo echo_of(const ProbeTarget& target, const ProbeOutcome& outcome) {
  if (outcome.local) return Echo::unheard;
  if (good(outcome)) return Echo::answered;
  if (outcome.kind == Kind::refused) return Echo::refused;
  if (outcome.kind == Kind::failed) {
    return about_network(outcome.error) ? Echo::none : Echo::unheard;
  }
  return speaks_against(target, outcome) ? Echo::none : Echo::unheard;
}

}  // namespace

ProbeSchedule::ProbeSchedule(ProbeSettings settings, std::function<double()> chance,
                             std::string own_node)
    : settings_(settings),
      chance_(std::move(chance)),
      controls_(std::move(own_node), settings.timeout, chance_) {}

void ProbeSchedule::set_targets(const std::vector<ProbeTarget>& targets, TimePoint now) {
  std::map<Key, Entry> entries;
  if (!settings_.enabled) return;
  for (const ProbeTarget& target : targets) {
    if (target.protocol == Protocol::sctp) continue;
    const Key key = key_of(target);
    if (entries.contains(key)) continue;  // held of two services
    const auto known = entries_.find(key);
    if (known != entries_.end()) {
      Entry entry = known->second;
      entry.target = target;
      entries.emplace(key, entry);
      continue;
    }
    const auto wait = std::chrono::duration_cast<TimePoint::duration>(kFirstProbe * chance_());
    Entry entry;
    entry.target = target;
    entry.due = now + wait;
    entry.flying = flying_.contains(key);
    if (!entry.flying) due_.insert({entry.due, key});
    entries.emplace(key, entry);
  }
  for (const auto& [key, entry] : entries_) {
    if (!entries.contains(key)) due_.erase({entry.due, key});
  }
  entries_ = std::move(entries);
  controls_.keep([this](const Key& key) { return entries_.contains(key); });
}

void ProbeSchedule::doubt_network() {
  if (!settings_.enabled) return;
  controls_.want(true);
  controls_.want(false);
}

// At most a tenth of a second's worth at once.
void ProbeSchedule::refill(TimePoint now) {
  const auto rate = static_cast<double>(settings_.per_second);
  const double most = std::max(1.0, rate / 10);
  if (!refilled_) tokens_ = most;
  if (refilled_) {
    tokens_ += rate * std::chrono::duration<double>(now - *refilled_).count();
    tokens_ = std::min(tokens_, most);
  }
  refilled_ = now;
}

void ProbeSchedule::fly(const Key& key, const ProbeTarget& target, TimePoint now) {
  flying_[key] = now;
  tokens_ -= 1;
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  due_.erase({found->second.due, key});
  found->second.flying = true;
  found->second.target.reached = found->second.target.reached || target.reached;
}

// Of what is in question, who answered when last probed; some of them, in turns.
std::vector<ProbeTarget> ProbeSchedule::alive_ones() {
  std::vector<ProbeTarget> result;
  auto at = entries_.upper_bound(turn_);
  for (std::size_t left = std::min(kLooks, entries_.size()); left > 0; --left) {
    if (at == entries_.end()) at = entries_.begin();
    if (at->second.answered && !at->second.local) result.push_back(at->second.target);
    turn_ = at->first;
    ++at;
  }
  return result;
}

std::vector<ProbeTarget> ProbeSchedule::take(TimePoint now) {
  std::vector<ProbeTarget> result;
  refill(now);
  while (tokens_ >= 1 && in_flight() < settings_.in_flight) {
    if (asking_.empty() && controls_.due(now)) {
      const auto asked = controls_.ask(alive_ones(), now);
      asking_.assign(asked.begin(), asked.end());
    }
    if (!asking_.empty()) {
      const ProbeTarget control = std::move(asking_.front());
      asking_.pop_front();
      if (flying_.contains(key_of(control))) continue;
      controls_.sent(control, reached(control), now);
      fly(key_of(control), control, now);
      result.push_back(control);
      continue;
    }
    if (due_.empty() || due_.begin()->first > now) break;
    const Key key = due_.begin()->second;
    const Entry& entry = entries_.at(key);
    // The controls go first: theirs are the same seconds.
    if (entry.failed > 0 && controls_.asked(v4(entry.target)) != now) {
      controls_.want(v4(entry.target));
      if (controls_.due(now)) continue;
    }
    result.push_back(entry.target);
    fly(key, entry.target, now);
  }
  return result;
}

TimePoint::duration ProbeSchedule::jittered(TimePoint::duration around) {
  return std::chrono::duration_cast<TimePoint::duration>(around * (0.75 + chance_() / 2));
}

TimePoint::duration ProbeSchedule::pause(const Entry& entry, TimePoint now) {
  const TimePoint since = entry.failed > 1 ? entry.failed_at : entry.target.since;
  return jittered(std::clamp<TimePoint::duration>((now - since) / kAgeShare, settings_.interval,
                                                  settings_.longest_interval));
}

bool ProbeSchedule::reached(const ProbeTarget& target) const {
  return target.reached || reached_.contains(key_of(target));
}

void ProbeSchedule::remember(const Key& key) {
  if (!reached_.insert(key).second) return;
  reached_order_.push_back(key);
  if (reached_order_.size() <= kMostReached) return;
  reached_.erase(reached_order_.front());
  reached_order_.pop_front();
}

// Something that was silent answers again: so may all that were.
void ProbeSchedule::hasten(TimePoint now) {
  for (auto& [key, entry] : entries_) {
    if (entry.failed == 0 || entry.flying) continue;
    const auto due = now + std::chrono::duration_cast<TimePoint::duration>(kReturn * chance_());
    if (due >= entry.due) continue;
    due_.erase({entry.due, key});
    entry.due = due;
    due_.insert({due, key});
  }
}

// Whether it is tried again soon, before anything is told.
bool ProbeSchedule::count(Entry& entry, const ProbeOutcome& outcome, TimePoint sent,
                          TimePoint now) {
  if (good(outcome)) {
    const bool fallen = entry.failed > 1;
    entry.failed = entry.quiet = 0;
    entry.answered = outcome.kind == Kind::answered;
    if (fallen) hasten(now);
    return false;
  }
  entry.answered = false;
  if (outcome.kind == Kind::failed) {
    if (about_network(outcome.error)) controls_.want(v4(entry.target));
    return false;
  }
  if (!speaks_against(entry.target, outcome)) {
    entry.quiet += entry.failed > 0 ? 1 : 0;
    return false;
  }
  entry.quiet = 0;
  if (entry.failed++ > 0) return false;
  entry.failed_at = sent;
  if (outcome.kind != Kind::silent) controls_.want(v4(entry.target));
  return true;
}

std::optional<Evidence> ProbeSchedule::finish(const ProbeTarget& target,
                                              const ProbeOutcome& outcome, TimePoint now) {
  const Key key = key_of(target);
  const auto flight = flying_.find(key);
  if (flight == flying_.end()) return std::nullopt;
  const TimePoint sent = flight->second;
  flying_.erase(flight);
  if (good(outcome)) remember(key);
  const auto found = entries_.find(key);
  const bool entered = found != entries_.end();
  const bool known = reached(entered ? found->second.target : target);
  const bool counts = outcome.kind == Kind::failed || (entered && found->second.failed > 0);
  if (controls_.heard(target, sent, echo_of(target, outcome), known, counts, now)) hasten(now);
  if (!entered) return std::nullopt;
  Entry& entry = found->second;
  entry.flying = false;
  entry.local = outcome.local;
  const bool cut_off =
      speaks_against(target, outcome) && sent < controls_.returned(v4(entry.target));
  const bool again = cut_off || count(entry, outcome, sent, now);
  entry.due = now + (again ? jittered(kSecondTry) : pause(entry, now));
  due_.insert({entry.due, key});
  if (again) return std::nullopt;
  return judge(entry, outcome, sent, now);
}

std::optional<TimePoint> ProbeSchedule::next(TimePoint now) const {
  if (in_flight() >= settings_.in_flight) return std::nullopt;
  std::optional<TimePoint> at = controls_.due();
  if (!asking_.empty()) at = now;
  if (!due_.empty()) at = at ? std::min(*at, due_.begin()->first) : due_.begin()->first;
  if (!at) return std::nullopt;
  at = std::max(*at, now);
  if (tokens_ < 1 && refilled_) {
    const std::chrono::duration<double> wait((1 - tokens_) /
                                             static_cast<double>(settings_.per_second));
    // Rounded up: never a call that finds the token not quite there.
    at = std::max(*at, *refilled_ + std::chrono::ceil<TimePoint::duration>(wait) + 1us);
  }
  return at;
}

}  // namespace holdfast
