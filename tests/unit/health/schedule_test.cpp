// SPDX-License-Identifier: Apache-2.0
#include "agent/health/schedule.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <random>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using Kind = ProbeOutcome::Kind;

ProbeTarget target(unsigned number, TimePoint since, Protocol protocol = Protocol::tcp) {
  ProbeTarget result;
  result.address = IpAddress::parse("10.0.0.0").value();
  result.address.bytes[14] = static_cast<std::uint8_t>(number >> 8);
  result.address.bytes[15] = static_cast<std::uint8_t>(number);
  result.port = 8080;
  result.protocol = protocol;
  result.since = since;
  return result;
}

class Schedule : public testing::Test {
 protected:
  std::vector<ProbeTarget> many(unsigned count) const {
    std::vector<ProbeTarget> result;
    for (unsigned one = 0; one < count; ++one) result.push_back(target(one, start));
    return result;
  }
  // Runs one probe of the only target to its finding.
  std::optional<Evidence> probe(const ProbeOutcome& outcome) {
    for (int step = 0; step < 100; ++step) {
      const auto next = schedule.next(now);
      if (!next) return std::nullopt;
      now = *next;
      const auto taken = schedule.take(now);
      if (!taken.empty()) return schedule.finish(taken[0], outcome, now);
    }
    return std::nullopt;
  }

  std::minstd_rand engine{1};
  TimePoint start{1000s};
  TimePoint now = start;
  ProbeSettings settings;
  ProbeSchedule schedule{settings,
                         [this] { return std::uniform_real_distribution<double>(0, 1)(engine); }};
};

TEST_F(Schedule, NeverMoreThanTheRateInAnySecond) {
  schedule.set_targets(many(1000), now);
  std::vector<TimePoint> sent;
  for (; now < start + 10s; now += 5ms) {
    for (const ProbeTarget& one : schedule.take(now)) {
      sent.push_back(now);
      schedule.finish(one, {Kind::answered, 0, 1ms}, now);
    }
  }
  EXPECT_GT(sent.size(), 400u);
  for (std::size_t first = 0; first < sent.size(); ++first) {
    std::size_t last = first;
    while (last < sent.size() && sent[last] < sent[first] + 1s) ++last;
    ASSERT_LE(last - first, settings.per_second + settings.per_second / 10);
  }
}

TEST_F(Schedule, NeverMoreInFlightThanAllowed) {
  schedule.set_targets(many(1000), now);
  std::vector<ProbeTarget> flying;
  for (; now < start + 10s; now += 5ms) {
    for (const ProbeTarget& one : schedule.take(now)) flying.push_back(one);
    ASSERT_LE(schedule.in_flight(), settings.in_flight);
  }
  EXPECT_EQ(flying.size(), settings.in_flight);
  EXPECT_FALSE(schedule.next(now));
  schedule.finish(flying[0], {Kind::silent, 0, {}}, now);
  EXPECT_EQ(schedule.take(now + 1s).size(), 1u);
}

TEST_F(Schedule, EveryTargetHasItsTurn) {
  schedule.set_targets(many(200), now);
  std::set<IpAddress> probed;
  while (now < start + 6s) {
    const auto next = schedule.next(now);
    ASSERT_TRUE(next);
    now = *next;
    for (const ProbeTarget& one : schedule.take(now)) {
      probed.insert(one.address);
      schedule.finish(one, {Kind::answered, 0, 1ms}, now);
    }
  }
  EXPECT_EQ(probed.size(), 200u);
}

TEST_F(Schedule, PausesGrowWithTheAgeOfTheHoldAndAreJittered) {
  schedule.set_targets(many(1), now);
  TimePoint last = now;
  std::set<TimePoint::duration> young, old;
  while (now < start + 3600s) {
    ASSERT_TRUE(probe({Kind::answered, 0, 1ms}));
    const auto pause = now - last;
    last = now;
    if (now < start + 8s && pause > 1s) young.insert(pause);
    if (now > start + 600s) old.insert(pause);
  }
  ASSERT_FALSE(young.empty());
  EXPECT_LE(*young.rbegin(), 2500ms);
  EXPECT_GE(*old.begin(), 45s);
  EXPECT_LE(*old.rbegin(), 76s);
  EXPECT_GT(old.size(), 10u);  // no two alike
}

TEST_F(Schedule, AnsweredIsAliveRefusedIsDead) {
  schedule.set_targets(many(1), now);
  const auto alive = probe({Kind::answered, 0, 3ms});
  ASSERT_TRUE(alive);
  EXPECT_EQ(alive->verdict, Verdict::alive);
  EXPECT_EQ(alive->words, "answered the prober in 3 ms");
  EXPECT_FALSE(probe({Kind::refused, ECONNREFUSED, {}})) << "told the second time";
  const auto dead = probe({Kind::refused, ECONNREFUSED, {}});
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->verdict, Verdict::dead);
  EXPECT_EQ(dead->words, "refused the prober: Connection refused");
}

TEST_F(Schedule, SilenceIsToldTheSecondTimeAndAloneProvesNothing) {
  schedule.set_targets(many(1), now);
  EXPECT_FALSE(probe({Kind::silent, 0, {}}));
  auto finding = probe({Kind::silent, 0, {}});
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->verdict, Verdict::unknown);
  ASSERT_TRUE(probe({Kind::answered, 0, 1ms}));
  EXPECT_FALSE(probe({Kind::silent, 0, {}})) << "one lost packet kills nobody";
  ASSERT_TRUE(probe({Kind::answered, 0, 1ms}));
  EXPECT_FALSE(probe({Kind::silent, 0, {}}));
  finding = probe({Kind::silent, 0, {}});
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->verdict, Verdict::unknown) << "nothing else was asked";
}

TEST_F(Schedule, ThisNodesOwnTroubleSaysNothing) {
  schedule.set_targets(many(1), now);
  ASSERT_TRUE(probe({Kind::answered, 0, 1ms}));
  const auto finding = probe({Kind::failed, ENETUNREACH, {}});
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->verdict, Verdict::unknown);
}

TEST_F(Schedule, UdpIsDeadByIcmpAndUnknownElse) {
  schedule.set_targets({target(1, start, Protocol::udp)}, now);
  EXPECT_EQ(probe({Kind::silent, 0, {}})->verdict, Verdict::unknown);
  EXPECT_EQ(probe({Kind::silent, 0, {}})->verdict, Verdict::unknown);
  EXPECT_EQ(probe({Kind::replied, 0, {}})->verdict, Verdict::unknown);
  EXPECT_FALSE(probe({Kind::refused, ECONNREFUSED, {}}));
  EXPECT_EQ(probe({Kind::refused, ECONNREFUSED, {}})->verdict, Verdict::dead);
}

TEST_F(Schedule, UdpThatRefusesNoMoreIsUnknownAgain) {
  schedule.set_targets({target(1, start, Protocol::udp)}, now);
  EXPECT_FALSE(probe({Kind::refused, ECONNREFUSED, {}}));
  EXPECT_EQ(probe({Kind::refused, ECONNREFUSED, {}})->verdict, Verdict::dead);
  EXPECT_FALSE(probe({Kind::silent, 0, {}})->withdraws) << "hosts send few ICMP messages a second";
  EXPECT_TRUE(probe({Kind::silent, 0, {}})->withdraws);
}

TEST_F(Schedule, WhatIsNotHeldAnyMoreIsForgotten) {
  schedule.set_targets(many(2), now);
  now += 1s;
  const auto flying = schedule.take(now);
  ASSERT_EQ(flying.size(), 2u);
  schedule.set_targets({}, now);
  EXPECT_EQ(schedule.targets(), 0u);
  EXPECT_FALSE(schedule.finish(flying[0], {Kind::refused, ECONNREFUSED, {}}, now));
  EXPECT_FALSE(schedule.finish(flying[0], {Kind::refused, ECONNREFUSED, {}}, now));
  // Held again while its old probe flies: not probed twice at once.
  schedule.set_targets(many(2), now);
  now += 1s;
  EXPECT_EQ(schedule.take(now).size(), 1u);
  EXPECT_EQ(schedule.in_flight(), 2u);
  EXPECT_TRUE(schedule.finish(flying[1], {Kind::answered, 0, 1ms}, now));
  EXPECT_FALSE(schedule.next(now + 1h) == std::nullopt);
}

TEST_F(Schedule, ATargetNamedTwiceIsOne) {
  auto twice = many(1);
  twice.push_back(twice[0]);
  schedule.set_targets(twice, now);
  EXPECT_EQ(schedule.targets(), 1u);
  now += 1s;
  EXPECT_EQ(schedule.take(now).size(), 1u);
  EXPECT_FALSE(schedule.next(now));
}

TEST_F(Schedule, DisabledOrSctpProbesNothing) {
  schedule.set_targets({target(1, start, Protocol::sctp)}, now);
  EXPECT_FALSE(schedule.next(now));
  ProbeSettings off;
  off.enabled = false;
  ProbeSchedule disabled(off, [] { return 0.5; });
  disabled.set_targets(many(3), now);
  EXPECT_FALSE(disabled.next(now));
}

}  // namespace
}  // namespace holdfast
