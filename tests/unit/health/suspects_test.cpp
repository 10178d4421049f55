// SPDX-License-Identifier: Apache-2.0
#include "agent/health/suspects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimePoint kNow{100'000s};

std::uint32_t units(TimePoint at) {
  const std::chrono::nanoseconds since = at.time_since_epoch();
  return static_cast<std::uint32_t>(since.count() >> HF_HANDSHAKE_SHIFT);
}

// So many connects that ended, of which the latest to be established was dialled then.
hf_endpoint_stats ended(std::uint32_t connects, TimePoint dialled) {
  hf_endpoint_stats stats{};
  stats.connects = stats.closes = stats.established = connects;
  stats.handshake_at = units(dialled);
  return stats;
}

TEST(Used, ByAConnectionOrAHandshakeOfTheLastTenMinutes) {
  EXPECT_FALSE(used({}, kNow));
  EXPECT_TRUE(used(ended(1, kNow - 1s), kNow));
  EXPECT_TRUE(used(ended(1, kNow - 9min), kNow));
  EXPECT_FALSE(used(ended(1, kNow - 11min), kNow));
  hf_endpoint_stats open = ended(1, kNow - 60min);
  ++open.connects;
  EXPECT_TRUE(used(open, kNow));
}

TEST(ShakenHands, OnlyByAConnectDialledSince) {
  const TimePoint since = kNow - 100s;
  EXPECT_FALSE(shaken_hands({}, since));
  EXPECT_FALSE(shaken_hands(ended(5, since - 5s), since)) << "dialled before, ended after";
  EXPECT_FALSE(shaken_hands(ended(5, since), since)) << "of the same unit: not known";
  EXPECT_TRUE(shaken_hands(ended(5, since + 3s), since));
  EXPECT_FALSE(shaken_hands(ended(0, since + 3s), since)) << "of another incarnation";
}

class SuspectsTest : public testing::Test {
 protected:
  static ProbeTarget target(std::uint8_t number, bool picked) {
    ProbeTarget result;
    result.address = *IpAddress::parse("10.1.0." + std::to_string(number));
    result.port = 8080;
    result.since = kNow;
    result.picked = picked;
    return result;
  }
  std::vector<Evidence> look(std::size_t most = 100, TimePoint now = kNow) {
    return suspects.look(
        most,
        [this](const ProbeTarget& one) -> std::optional<hf_endpoint_stats> {
          ++looks;
          const auto found = traffic.find(one.address.bytes[15]);
          if (found == traffic.end()) return std::nullopt;
          return found->second;
        },
        now);
  }
  std::vector<int> probed() const {
    std::vector<int> result;
    for (const ProbeTarget& one : suspects.worth_probing()) result.push_back(one.address.bytes[15]);
    return result;
  }

  Suspects suspects;
  std::map<std::uint8_t, hf_endpoint_stats> traffic;
  std::size_t looks = 0;
};

TEST_F(SuspectsTest, OnlyWhatIsPickedOrUsedIsProbed) {
  traffic[2] = ended(1, kNow - 60s);
  traffic[3] = ended(1, kNow - 3600s);
  suspects.set({target(1, true), target(2, false), target(3, false), target(4, false)});
  const auto found = look();
  EXPECT_THAT(probed(), ElementsAre(1, 2));
  ASSERT_EQ(found.size(), 2u) << "of those that are not, it is said once";
  EXPECT_EQ(found[0].verdict, Verdict::unknown);
  EXPECT_THAT(look(), IsEmpty());
  const auto revision = suspects.revision();
  look(100, kNow + 15min);
  EXPECT_THAT(probed(), ElementsAre(1));
  EXPECT_NE(suspects.revision(), revision);
}

TEST_F(SuspectsTest, AHandshakeSinceIsEvidenceOnce) {
  suspects.set({target(1, true), target(2, true)});
  traffic[1] = ended(7, kNow - 5s);
  EXPECT_THAT(look(), IsEmpty());
  traffic[1] = ended(8, kNow + 5s);
  const auto found = look(100, kNow + 6s);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].address, *IpAddress::parse("10.1.0.1"));
  EXPECT_EQ(found[0].verdict, Verdict::alive);
  EXPECT_THAT(look(100, kNow + 7s), IsEmpty());
  traffic[1] = ended(9, kNow + 9s);
  EXPECT_EQ(look(100, kNow + 10s).size(), 1u) << "another one is";
}

TEST_F(SuspectsTest, WhatIsKnownIsKeptOverAChange) {
  traffic[2] = ended(1, kNow + 5s);
  suspects.set({target(1, false), target(2, false)});
  EXPECT_EQ(look(100, kNow + 6s).size(), 2u);
  suspects.set({target(0, false), target(2, false), target(2, true)});
  EXPECT_THAT(probed(), ElementsAre(2));
  EXPECT_EQ(look(100, kNow + 6s).size(), 1u) << "of the new one alone";
  suspects.set({});
  EXPECT_TRUE(suspects.empty());
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(SuspectsTest, WhatWasPickedIsProbedForTenMinutesMore) {
  suspects.set({target(1, true)});
  look();
  suspects.set({target(1, false)});
  EXPECT_THAT(probed(), ElementsAre(1));
  look(100, kNow + 9min);
  EXPECT_THAT(probed(), ElementsAre(1));
  look(100, kNow + 11min);
  EXPECT_THAT(probed(), IsEmpty());
}

TEST_F(SuspectsTest, WhatFellSilentIsProbedUntilItIsFound) {
  ProbeTarget silent = target(1, false), dead = target(2, false);
  silent.verdict = Verdict::silent;
  dead.verdict = Verdict::dead;
  suspects.set({silent, dead, target(3, false)});
  look(100, kNow + 24h);
  EXPECT_THAT(probed(), ElementsAre(1, 2));
}

TEST_F(SuspectsTest, WhomAWorkloadReachedIsKnownToHaveBeenAlive) {
  traffic[1] = ended(1, kNow - 60min);
  suspects.set({target(1, true), target(2, true)});
  look();
  const auto worth = suspects.worth_probing();
  ASSERT_EQ(worth.size(), 2u);
  EXPECT_TRUE(worth[0].reached);
  EXPECT_FALSE(worth[1].reached);
}

TEST_F(SuspectsTest, TakeTurnsWhereTheyAreMany) {
  std::vector<ProbeTarget> many;
  for (std::uint8_t number = 0; number < 10; ++number) {
    many.push_back(target(number, false));
    traffic[number] = ended(1, kNow);
  }
  suspects.set(many);
  for (int turn = 0; turn < 4; ++turn) look(3);
  EXPECT_EQ(looks, 12u);
  EXPECT_EQ(probed().size(), 10u);
}

}  // namespace
}  // namespace holdfast
