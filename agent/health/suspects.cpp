// SPDX-License-Identifier: Apache-2.0
#include "agent/health/suspects.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/health/controls.h"

namespace holdfast {
namespace {

using namespace std::chrono_literals;

constexpr auto kRecently = 10min;

std::uint32_t handshake_units(TimePoint::duration time) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
  return static_cast<std::uint32_t>(ns >> HF_HANDSHAKE_SHIFT);
}

bool fallen(const ProbeTarget& target) {
  return target.verdict == Verdict::silent || target.verdict == Verdict::dead;
}

Evidence evidence(const ProbeTarget& target, Verdict verdict, std::string words) {
  return {target.address, target.port, target.protocol, verdict, std::move(words)};
}

}  // namespace

bool used(const hf_endpoint_stats& traffic, TimePoint now) {
  if (traffic.connects != traffic.closes) return true;
  const std::uint32_t at = traffic.handshake_at, today = handshake_units(now.time_since_epoch());
  return at != 0 && today - at <= handshake_units(kRecently);
}

// Of the same unit it may have been dialled before.
bool shaken_hands(const hf_endpoint_stats& traffic, TimePoint since) {
  return traffic.established != 0 &&
         traffic.handshake_at > handshake_units(since.time_since_epoch());
}

void Suspects::set(const std::vector<ProbeTarget>& targets) {
  std::vector<Suspect> now;
  now.reserve(targets.size());
  for (const ProbeTarget& target : targets) now.push_back({target, false, {}, false, 0});
  std::sort(now.begin(), now.end(), [](const Suspect& a, const Suspect& b) {
    return std::pair(key_of(a.target), b.target.since) <
           std::pair(key_of(b.target), a.target.since);
  });
  std::vector<Suspect> merged;
  auto known = all_.begin();
  for (Suspect& one : now) {
    if (!merged.empty() && key_of(merged.back().target) == key_of(one.target)) {
      merged.back().target.picked = merged.back().target.picked || one.target.picked;
      merged.back().target.verdict = std::max(merged.back().target.verdict, one.target.verdict);
      continue;
    }
    while (known != all_.end() && key_of(known->target) < key_of(one.target)) ++known;
    if (known != all_.end() && key_of(known->target) == key_of(one.target)) {
      one.used = known->used;
      one.target.reached = known->target.reached && known->target.identity == one.target.identity;
      one.picked_at = known->picked_at;
      one.told_idle = known->told_idle;
      one.told = known->told;
    }
    merged.push_back(one);
  }
  all_ = std::move(merged);
  ++revision_;
}

void Suspects::look_at(Suspect& suspect, const TrafficOf& traffic_of, TimePoint now,
                       std::vector<Evidence>& found) {
  ProbeTarget& target = suspect.target;
  const auto traffic = traffic_of(target);
  const bool reached = traffic && traffic->established != 0;
  if (std::exchange(target.reached, reached) != reached) ++revision_;
  if (target.picked) suspect.picked_at = now;
  const bool lately = suspect.picked_at != TimePoint{} && now - suspect.picked_at <= kRecently;
  const bool uses = lately || (traffic && used(*traffic, now));
  if (std::exchange(suspect.used, uses) != uses && !target.picked) ++revision_;
  const bool idle = !uses && !target.picked && !fallen(target);
  if (idle && !suspect.told_idle) {
    found.push_back(evidence(target, Verdict::unknown,
                             "not probed: not picked, and not used by this node for 10 minutes"));
  }
  suspect.told_idle = idle;
  if (!traffic || !shaken_hands(*traffic, target.since)) return;
  if (suspect.told == traffic->handshake_at) return;
  suspect.told = traffic->handshake_at;
  found.push_back(evidence(target, Verdict::alive, "a workload has shaken hands with it since"));
}

std::vector<Evidence> Suspects::look(std::size_t most, const TrafficOf& traffic_of, TimePoint now) {
  std::vector<Evidence> found;
  for (std::size_t left = std::min(most, all_.size()); left > 0; --left) {
    turn_ = turn_ + 1 < all_.size() ? turn_ + 1 : 0;
    look_at(all_[turn_], traffic_of, now, found);
  }
  return found;
}

std::vector<ProbeTarget> Suspects::worth_probing() const {
  std::vector<ProbeTarget> result;
  for (const Suspect& one : all_) {
    if (one.target.picked || one.used || fallen(one.target)) result.push_back(one.target);
  }
  return result;
}

}  // namespace holdfast
