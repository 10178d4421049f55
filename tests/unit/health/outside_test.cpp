// SPDX-License-Identifier: Apache-2.0
#include "agent/health/outside.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

class Outside : public testing::Test {
 protected:
  std::vector<ProbeTarget> take(const std::vector<ServicePtr>& services) {
    return outside(
        services, "self", [this](const ProbeTarget& one) { return traffic_of(one); },
        [this] { return std::uniform_real_distribution<double>(0, 1)(engine); },
        TimePoint{100'000s});
  }
  std::optional<hf_endpoint_stats> traffic_of(const ProbeTarget& target) const {
    const auto found = traffic.find(target.address);
    return found == traffic.end() ? hf_endpoint_stats{} : found->second;
  }
  std::minstd_rand engine{3};
  std::map<IpAddress, hf_endpoint_stats> traffic;
};

TEST_F(Outside, IsWhatNobodyDoubtsOnOtherNodes) {
  auto doubted = service("image", {{"10.0.1.1", "", true, false, 8080, "n2"}});
  doubted->pools[0].endpoints[0].held = doubted->pools[0].endpoints[0].doubted = true;
  const auto taken = take({service("song", {{"10.0.0.1", "", true, false, 8080, "self"},
                                            {"10.0.0.2", "", false, false, 8080, "n1"},
                                            {"10.0.0.3", "", true, true, 8080, "n1"},
                                            {"10.0.0.4", "", true, false, 8080, "n1"}}),
                           doubted});
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].address, ip("10.0.0.4"));
  EXPECT_FALSE(taken[0].reached);
}

TEST_F(Outside, IsFewOfManyAndThoseInUseFirst) {
  std::vector<ServicePtr> services;
  for (int one = 0; one < 2000; ++one) {
    services.push_back(service("s" + std::to_string(one),
                               {{fmt::format("10.1.{}.{}", one / 200, one % 200 + 1), "", true,
                                 false, 8080, "n" + std::to_string(one % 50)}}));
  }
  EXPECT_EQ(take(services).size(), 16u);
  services.resize(100);
  for (const char* const address : {"10.1.0.7", "10.1.0.9"}) traffic[ip(address)].established = 1;
  const auto taken = take(services);
  EXPECT_TRUE(taken.at(0).reached && taken.at(1).reached);
  EXPECT_FALSE(taken.at(2).reached);
}

TEST_F(Outside, WorkloadsThatMeetNothingButFailures) {
  const auto services = {ServicePtr(service("song", {{"10.0.0.4", ""}, {"10.0.0.5", ""}}))};
  const auto taken = take(services);
  WorkloadFailures failures;
  const auto look = [&] {
    return failures.only_failures(taken, [this](const auto& one) { return traffic_of(one); });
  };
  traffic[ip("10.0.0.4")].failures = 7;
  EXPECT_FALSE(look()) << "before this life";
  EXPECT_FALSE(look());
  ++traffic[ip("10.0.0.4")].abandoned;
  EXPECT_TRUE(look());
  EXPECT_FALSE(look());
  ++traffic[ip("10.0.0.4")].failures;
  ++traffic[ip("10.0.0.5")].established;
  EXPECT_FALSE(look()) << "one is down, not the network";
}

}  // namespace
}  // namespace holdfast::test
