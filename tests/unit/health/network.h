// SPDX-License-Identifier: Apache-2.0
// A prober in a network of the test's making: what is cut off is silent, routes are flushed, hosts
// refuse. With the guard of one source behind it, and model time.
#pragma once

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/health/schedule.h"
#include "tests/unit/guard/fixture.h"

namespace holdfast::test {

class Network {
 public:
  using Kind = ProbeOutcome::Kind;
  // What the network does with a probe of this address; nullopt: it answers.
  using Fault = std::function<std::optional<ProbeOutcome>(const ProbeTarget&)>;

  Network() { settings.per_second = 50; }

  // Services and their Specs, of a complete list.
  void say(const std::vector<ServicePtr>& services, const std::vector<std::string>& absent = {}) {
    world.now = now;
    world.admit(list(services, absent));
    retarget();
  }
  void controls(const std::vector<ProbeTarget>& outside) { schedule.set_controls(outside); }

  void run(TimePoint::duration time) {
    const TimePoint end = now + time;
    while (true) {
      const TimePoint next_probe = schedule.next(now).value_or(end);
      const TimePoint next_end = flying.empty() ? end : flying.begin()->first;
      const TimePoint next = std::min({next_probe, next_end, end});
      now = std::max(now, next);
      if (now >= end) return;
      while (!flying.empty() && flying.begin()->first <= now) land();
      for (const ProbeTarget& one : schedule.take(now)) send(one);
    }
  }
  // The worst that any endpoint's verdict was since the last call.
  std::map<Verdict, int> take_verdicts() { return std::exchange(verdicts, {}); }
  void restart() {
    const GuardMemory memory = world.guard.memory();
    world.guard = Guard("kube", {});
    world.now = now;
    world.carry(world.guard.restore(memory, now));
    schedule = make();
    flying.clear();
    retarget();
  }

  ProbeSettings settings;
  TimePoint now{10'000s};
  World world;
  Fault fault;
  std::set<IpAddress> probed;
  bool believe_silence = false;  // the sabotage: silence is taken for a refusal, as it once was

 private:
  ProbeSchedule make() {
    return {settings, [this] { return std::uniform_real_distribution<double>(0, 1)(engine); },
            "self"};
  }
  void send(const ProbeTarget& target) {
    probed.insert(target.address);
    ProbeOutcome outcome{Kind::answered, 0, 1ms};
    if (fault) outcome = fault(target).value_or(outcome);
    const auto took = outcome.kind == Kind::silent ? settings.timeout : 1ms;
    flying.emplace(now + took, std::pair(target, outcome));
  }
  void land() {
    auto [target, outcome] = flying.begin()->second;
    flying.erase(flying.begin());
    if (believe_silence && outcome.kind == Kind::silent) outcome = {Kind::refused, ECONNREFUSED};
    const auto finding = schedule.finish(target, outcome, now);
    if (!finding) return;
    ++verdicts[finding->verdict];
    world.now = now;
    world.carry(world.guard.evidence({*finding}, now).admitted);
    retarget();
  }
  void retarget() { schedule.set_targets(world.guard.suspects(), now); }

  std::minstd_rand engine{7};
  std::multimap<TimePoint, std::pair<ProbeTarget, ProbeOutcome>> flying;
  std::map<Verdict, int> verdicts;

 public:
  ProbeSchedule schedule = make();
};

inline ProbeOutcome silence() {
  return {ProbeOutcome::Kind::silent, 0, {}};
}
inline ProbeOutcome unsent(int error) {
  return {ProbeOutcome::Kind::failed, error, {}};
}

}  // namespace holdfast::test
