// SPDX-License-Identifier: Apache-2.0
// Who left a service, and why.
#include "agent/model/departure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/builders.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> lines(const std::vector<Departure>& left) {
  std::vector<std::string> result;
  for (const Departure& one : left)
    result.push_back(one.address.to_string() + " " + std::string(to_string(one.why)));
  return result;
}

ServicePtr song(const std::vector<std::string>& endpoints) {
  return build::service("song", {"10.96.0.1"}, endpoints);
}

TEST(Departures, AreWhatIsInNoPoolAnyMore) {
  const auto before = song({"10.1.0.1", "10.1.0.2", "10.1.0.3"});
  const auto now = song({"10.1.0.2", "10.1.0.4"});
  EXPECT_THAT(lines(departures(*before, now.get(), {}, Ruling::trusted)),
              ElementsAre("10.1.0.1 trusted", "10.1.0.3 trusted"));
  EXPECT_THAT(departures(*before, before.get(), {}, Ruling::trusted), IsEmpty());
  EXPECT_EQ(departures(*before, nullptr, {}, Ruling::explained).size(), 3u);
}

TEST(Departures, KeepTheReasonOfWhoWasJudgedAlone) {
  const auto before = song({"10.1.0.1", "10.1.0.2"});
  const Pool& pool = before->pools.at(0);
  const Endpoint& second = pool.endpoints.at(1);
  const std::vector<Departure> known = {
      {second.address, second.port, pool.protocol, Ruling::address_taken}};
  EXPECT_THAT(lines(departures(*before, nullptr, known, Ruling::explained)),
              ElementsAre("10.1.0.1 explained", "10.1.0.2 address_taken"));
}

// Two ports of a service with one target port: it leaves when both pools have lost it.
TEST(Departures, OfTwoPoolsAreOne) {
  Service before = *song({"10.1.0.1", "10.1.0.2"});
  before.pools.push_back(before.pools.at(0));
  before.pools.at(1).service_port = 81;
  Service now = before;
  now.pools.at(0).endpoints.clear();
  EXPECT_THAT(departures(before, &now, {}, Ruling::trusted), IsEmpty());
  now.pools.at(1).endpoints.erase(now.pools.at(1).endpoints.begin());
  EXPECT_THAT(lines(departures(before, &now, {}, Ruling::trusted)),
              ElementsAre("10.1.0.1 trusted"));
}

TEST(Departures, OfTheOtherProtocolAreOthers) {
  Service before = *song({"10.1.0.1"});
  before.pools.push_back(before.pools.at(0));
  before.pools.at(1).protocol = Protocol::udp;
  Service now = before;
  now.pools.pop_back();
  const auto left = departures(before, &now, {}, Ruling::port_gone);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].protocol, Protocol::udp);
}

TEST(Rulings, HaveACodeEach) {
  std::set<std::string_view> codes;
  for (std::size_t index = 0; index < kRulings; ++index)
    codes.insert(to_string(static_cast<Ruling>(index)));
  EXPECT_EQ(codes.size(), kRulings);
  EXPECT_FALSE(codes.contains("?"));
  for (const Ruling why : kDepartureRulings) EXPECT_NE(why, Ruling::stays);
}

}  // namespace
}  // namespace holdfast
