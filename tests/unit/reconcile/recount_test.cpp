// SPDX-License-Identifier: Apache-2.0
// A close that no program counted keeps an id only until the sockets are counted.
#include <gmock/gmock.h>

#include "tests/unit/reconcile/fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

// Cannot count where the kernel cannot.
class Old : public MemoryDataplane {
 public:
  using MemoryDataplane::MemoryDataplane;
  Result<std::vector<std::uint32_t>> live(const std::vector<EndpointHandle>& asked) override {
    ++counted;
    if (old) return fail(Errc::incompatible, "the kernel has no such iterator");
    return MemoryDataplane::live(asked);
  }
  bool old = false;
  int counted = 0;
};

class Recount : public ReconcileFixture<Old> {
 protected:
  void SetUp() override {
    begin(kReconcileRoom);
    ASSERT_TRUE(say({song({"10.1.0.1", "10.1.0.2"})}));
    first_ = id("10.1.0.1");
    maps_->image().stats.resize(20);
    maps_->image().stats[first_].connects = 3;
  }

  static ServicePtr song(std::vector<std::string> endpoints) {
    return build::service("song", {"10.96.0.1"}, std::move(endpoints));
  }
  std::uint32_t id(const std::string& address) {
    const auto& endpoints = maps_->image().endpoints;
    for (std::uint32_t one = 1; one < endpoints.size(); ++one) {
      if (IpAddress::from_abi(endpoints[one].addr) == build::endpoint(address).address) return one;
    }
    return 0;
  }
  void close() { ++maps_->image().stats[first_].closes; }
  void lose() { maps_->lose_close(first_); }
  std::uint32_t draining() const { return reconciler_->usage().draining; }
  void minutes(int count) {
    for (; count > 0; --count) ASSERT_TRUE(reconciler_->recount());
  }

  std::uint32_t first_ = 0;
};

TEST_F(Recount, AnIdWhoseClosesWereLostIsFreeAfterTwoMinutes) {
  ASSERT_TRUE(say({song({"10.1.0.2"})}));
  close();
  lose();
  lose();
  ASSERT_TRUE(reconciler_->collect());
  minutes(1);
  EXPECT_EQ(draining(), 1u) << "it may have begun to drain just now";
  EXPECT_EQ(maps_->counted, 0);
  minutes(1);
  EXPECT_EQ(draining(), 0u);
  EXPECT_EQ(reconciler_->status().lost_closes, 2u);
  EXPECT_EQ(reconciler_->status().forced, 0u);
  ASSERT_TRUE(say({song({"10.1.0.2", "10.1.0.3"})}));
  ASSERT_EQ(id("10.1.0.3"), first_) << "the id is given out again";
  const auto traffic =
      reconciler_->traffic(build::endpoint("10.1.0.3").address, 8080, Protocol::tcp, {});
  ASSERT_TRUE(traffic);
  EXPECT_EQ(traffic->connects, 0u);
  EXPECT_EQ(traffic->closes, 0u);
}

TEST_F(Recount, WhoseSocketsAreConnectedDrainsOn) {
  ASSERT_TRUE(say({song({"10.1.0.2"})}));
  lose();
  minutes(5);
  EXPECT_EQ(draining(), 1u) << "two are open";
  close();
  close();
  minutes(2);
  EXPECT_EQ(draining(), 0u);
  EXPECT_EQ(reconciler_->status().lost_closes, 1u);
}

TEST_F(Recount, NobodyIsCountedWhereNothingDrains) {
  lose();
  minutes(3);
  EXPECT_EQ(maps_->counted, 0);
}

TEST_F(Recount, OneThatServesAgainIsNotAskedFor) {
  ASSERT_TRUE(say({song({"10.1.0.2"})}));
  minutes(1);
  ASSERT_TRUE(say({song({"10.1.0.1", "10.1.0.2"})}));
  lose();
  lose();
  lose();
  minutes(3);
  EXPECT_EQ(maps_->counted, 0);
  EXPECT_EQ(id("10.1.0.1"), first_);
}

// More than are asked for at once, most of them connected: the others have their turn.
TEST_F(Recount, ThoseThatAreConnectedKeepNobodyFromItsTurn) {
  begin({64, 16, 40, 4096, 2000, 200});
  std::vector<std::string> many;
  for (int one = 0; one < 1500; ++one)
    many.push_back("10.2." + std::to_string(one / 250) + "." + std::to_string(one % 250 + 1));
  ASSERT_TRUE(say({song(many)}));
  maps_->image().stats.resize(2000);
  for (std::uint32_t one = 1; one <= 1500; ++one) maps_->image().stats[one].connects = 1;
  ASSERT_TRUE(say({song({"10.1.0.1"})}));
  for (std::uint32_t one = 1; one <= 200; ++one) {
    maps_->lose_close(one);
    maps_->lose_close(1500 - one);
  }
  minutes(4);
  EXPECT_EQ(reconciler_->status().lost_closes, 400u);
  EXPECT_EQ(draining(), 1100u);
}

TEST_F(Recount, AKernelThatCannotCountSaysSoAndDrainsOn) {
  maps_->old = true;
  ASSERT_TRUE(say({song({"10.1.0.2"})}));
  minutes(1);
  const auto counted = reconciler_->recount();
  ASSERT_FALSE(counted);
  EXPECT_THAT(counted.error().what, HasSubstr("no such iterator"));
  EXPECT_EQ(draining(), 1u);
  EXPECT_FALSE(reconciler_->pending());
}

}  // namespace
}  // namespace holdfast
