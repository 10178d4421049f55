// SPDX-License-Identifier: Apache-2.0
#include "agent/health/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostReached = 65536;
constexpr auto kFirstProbe = 500ms;  // new targets spread over this
constexpr auto kSecondTry = 200ms;   // after a silence
constexpr int kAgeShare = 5;         // a hold is probed again after a fifth of its age

}  // namespace

ProbeSchedule::ProbeSchedule(ProbeSettings settings, std::function<double()> chance)
    : settings_(settings), chance_(std::move(chance)) {}

ProbeSchedule::Key ProbeSchedule::key_of(const ProbeTarget& target) {
  return {target.address, target.port, target.protocol};
}

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
    Entry entry{target, now + wait, flying_.contains(key), false};
    if (!entry.flying) due_.insert({entry.due, key});
    entries.emplace(key, entry);
  }
  for (const auto& [key, entry] : entries_) {
    if (!entries.contains(key)) due_.erase({entry.due, key});
  }
  entries_ = std::move(entries);
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

std::vector<ProbeTarget> ProbeSchedule::take(TimePoint now) {
  std::vector<ProbeTarget> result;
  refill(now);
  while (!due_.empty() && due_.begin()->first <= now && tokens_ >= 1 &&
         in_flight_ < settings_.in_flight) {
    const Key key = due_.begin()->second;
    due_.erase(due_.begin());
    Entry& entry = entries_.at(key);
    entry.flying = true;
    flying_.insert(key);
    ++in_flight_;
    tokens_ -= 1;
    result.push_back(entry.target);
  }
  return result;
}

TimePoint::duration ProbeSchedule::jittered(TimePoint::duration around) {
  return std::chrono::duration_cast<TimePoint::duration>(around * (0.75 + chance_() / 2));
}

TimePoint::duration ProbeSchedule::pause(const Entry& entry, TimePoint now) {
  const TimePoint::duration share = (now - entry.target.since) / kAgeShare;
  return jittered(
      std::clamp<TimePoint::duration>(share, settings_.interval, settings_.longest_interval));
}

void ProbeSchedule::remember(const Key& key) {
  if (!reached_.insert(key).second) return;
  reached_order_.push_back(key);
  if (reached_order_.size() <= kMostReached) return;
  reached_.erase(reached_order_.front());
  reached_order_.pop_front();
}

std::optional<Evidence> ProbeSchedule::finish(const ProbeTarget& target,
                                              const ProbeOutcome& outcome, TimePoint now) {
  const Key key = key_of(target);
  if (flying_.erase(key) == 0) return std::nullopt;
  --in_flight_;
  if (outcome.kind == ProbeOutcome::Kind::answered) remember(key);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  Entry& entry = found->second;
  entry.flying = false;
  const bool silent = outcome.kind == ProbeOutcome::Kind::silent;
  const bool was_silent = std::exchange(entry.silent, silent);
  const bool again = silent && !was_silent && target.protocol == Protocol::tcp;
  entry.due = now + (again ? jittered(kSecondTry) : pause(entry, now));
  due_.insert({entry.due, key});
  if (again) return std::nullopt;
  return judge(entry, outcome);
}

Evidence ProbeSchedule::judge(const Entry& entry, const ProbeOutcome& outcome) {
  const bool tcp = entry.target.protocol == Protocol::tcp;
  Evidence finding{entry.target.address, entry.target.port, entry.target.protocol, {}, {}};
  switch (outcome.kind) {
    case ProbeOutcome::Kind::answered:
      finding.verdict = Verdict::alive;
      finding.words = fmt::format("answered the prober in {} ms", outcome.took.count());
      break;
    case ProbeOutcome::Kind::refused:
      finding.verdict = Verdict::dead;
      finding.words = fmt::format("refused the prober: {}", std::strerror(outcome.error));
      break;
    case ProbeOutcome::Kind::silent:
      if (tcp && reached(key_of(entry.target))) {
        finding.verdict = Verdict::dead;
        finding.words =
            fmt::format("silent for {} ms, twice; it answered before", settings_.timeout.count());
      } else {
        finding.words = tcp ? fmt::format("silent for {} ms, twice; it never answered this node",
                                          settings_.timeout.count())
                            : "silent, as UDP may be";
      }
      break;
    case ProbeOutcome::Kind::replied:
      finding.words = "a datagram came back: its host lives";
      break;
    case ProbeOutcome::Kind::failed:
      finding.words = fmt::format("this node cannot probe it: {}", std::strerror(outcome.error));
      break;
  }
  return finding;
}

std::optional<TimePoint> ProbeSchedule::next(TimePoint now) const {
  if (due_.empty() || in_flight_ >= settings_.in_flight) return std::nullopt;
  TimePoint at = std::max(due_.begin()->first, now);
  if (tokens_ < 1 && refilled_) {
    const std::chrono::duration<double> wait((1 - tokens_) /
                                             static_cast<double>(settings_.per_second));
    // Rounded up: never a call that finds the token not quite there.
    at = std::max(at, *refilled_ + std::chrono::ceil<TimePoint::duration>(wait) + 1us);
  }
  return at;
}

}  // namespace holdfast
