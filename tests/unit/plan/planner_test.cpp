// SPDX-License-Identifier: Apache-2.0
// The order of operations, the reuse of ids, the cost of a change.
#include "agent/plan/inspect.h"
#include "tests/unit/plan/planner_fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(PlannerTest, AddingWritesWhatIsNamedBeforeWhatNamesIt) {
  const auto diff = change({song({"10.1.0.1", "10.1.0.2"})});
  EXPECT_THAT(kinds(*diff), HasSubstr("string endpoint service poolname slots pool insert meta"));
  EXPECT_TRUE(kinds(*diff).starts_with("string ")) << kinds(*diff);
}

TEST_F(PlannerTest, ReplacingAnEndpointIsOneSwitch) {
  change({song({"10.1.0.1", "10.1.0.2"})});
  const auto diff = change({song({"10.1.0.1", "10.1.0.3"})});
  EXPECT_EQ(kinds(*diff), "endpoint service poolname slots pool grace meta");
  EXPECT_EQ(all_of<op::StorePool>(*diff).size(), 1u);
}

TEST_F(PlannerTest, RemovingIsTheReverseWithAGracePeriodForEachStep) {
  change({song({"10.1.0.1"})});
  EXPECT_EQ(kinds(*change({}, {"song"})), "delete grace pool grace poolname service meta");
}

TEST_F(PlannerTest, WhatDoesNotChangeCostsNothing) {
  change({song({"10.1.0.1"})});
  EXPECT_EQ(kinds(*change({song({"10.1.0.1"})})), "meta");
  EXPECT_EQ(kinds(*change({}, {"never-known"})), "meta");
}

TEST_F(PlannerTest, AnAddressComesToAPoolThatEmptiesWhenItHas) {
  ASSERT_TRUE(change({build::service("song", {"10.96.0.1"}, {"10.1.0.1"}),
                      build::service("image", {"10.96.0.2"}, {"10.1.0.2"})}));
  const auto diff =
      change({build::service("song", {"10.96.0.1", "10.96.0.2", "10.96.0.3"}, {})}, {"image"});
  ASSERT_TRUE(diff);
  EXPECT_THAT(kinds(*diff), testing::HasSubstr("pool insert update grace"));
}

TEST_F(PlannerTest, AnAddressMovesToAnotherServiceByOneUpdate) {
  const auto with = [](const char* name, bool address, const char* endpoint) {
    std::vector<std::string> frontends{name == std::string("song") ? "10.96.0.2" : "10.96.0.3"};
    if (address) frontends.push_back("10.96.0.1");
    return build::service(name, frontends, {endpoint});
  };
  change({with("song", true, "10.1.0.1"), with("image", false, "10.1.0.2")});
  const auto diff = change({with("song", false, "10.1.0.1"), with("image", true, "10.1.0.2")});
  EXPECT_EQ(all_of<op::UpdateFrontend>(*diff).size(), 1u);
  EXPECT_THAT(all_of<op::DeleteFrontend>(*diff), IsEmpty());
  EXPECT_THAT(kinds(*diff), HasSubstr("update"));
}

TEST_F(PlannerTest, AnIdIsReusedOnlyWhenNothingIsInFlightAndWithAnotherIncarnation) {
  change({song({"10.1.0.1", "10.1.0.2"})});
  const std::uint32_t old = id_of("10.1.0.2");
  change({song({"10.1.0.1"})});
  EXPECT_TRUE(planner_->draining());
  EXPECT_TRUE(collect(false).empty()) << "a connection lives";
  change({song({"10.1.0.1", "10.1.0.3"})});
  EXPECT_NE(id_of("10.1.0.3"), old);
  EXPECT_EQ(kinds(collect(true)), "retire grace name");
  EXPECT_FALSE(planner_->draining());
  const std::uint32_t before = referee_.image().endpoint_names[old].incarnation;
  change({song({"10.1.0.1", "10.1.0.3", "10.1.0.4"})});
  EXPECT_EQ(id_of("10.1.0.4"), old);
  EXPECT_EQ(referee_.image().endpoints[old].incarnation, before + 1);
}

TEST_F(PlannerTest, StatsThatAreNotKnownAreNotIdle) {
  change({song({"10.1.0.1"})});
  change({song({})});
  EXPECT_TRUE(planner_->collect([](std::uint32_t) { return std::nullopt; }).empty());
  EXPECT_TRUE(planner_->draining());
}

// One that is busy keeps no other from its turn, and a turn has an end.
TEST_F(PlannerTest, AFewAtATimeAreLookedAtInTurns) {
  change({song({"10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"})});
  const std::uint32_t busy = id_of("10.1.0.1");
  change({song({})});
  std::vector<std::uint32_t> asked;
  const auto stats = [&](std::uint32_t id) {
    asked.push_back(id);
    hf_endpoint_stats known{};
    known.connects = id == busy;
    return known;
  };
  EXPECT_FALSE(planner_->collecting());
  for (const std::size_t looked_at : {2u, 4u, 5u}) {
    referee_.see(planner_->collect(stats, 0, {}, 2));
    EXPECT_EQ(asked.size(), looked_at);
    EXPECT_EQ(planner_->collecting(), looked_at < 5);
  }
  EXPECT_EQ(planner_->usage().draining, 1u);
  EXPECT_THAT(kinds(planner_->collect(stats, 0, {}, 2)), "");
  EXPECT_EQ(asked.back(), busy);
  EXPECT_THAT(referee_.broken(), IsEmpty());
}

TEST_F(PlannerTest, InFlightCountsFromWhereTheIncarnationBegan) {
  change({song({"10.1.0.1"})});
  const std::uint32_t id = id_of("10.1.0.1");
  change({song({})});
  hf_endpoint_stats stats{};
  stats.connects = 7;
  stats.closes = 7;
  referee_.see(planner_->collect([&](std::uint32_t) { return stats; }));
  change({song({"10.1.0.2"})});
  ASSERT_EQ(id_of("10.1.0.2"), id);
  EXPECT_EQ(referee_.image().endpoint_names[id].base_connects, 7u);
  change({song({})});
  stats.connects = 8;
  EXPECT_TRUE(planner_->collect([&](std::uint32_t) { return stats; }).empty());
  stats.closes = 8;
  EXPECT_FALSE(planner_->collect([&](std::uint32_t) { return stats; }).empty());
}

// Connections made before the maps grew have their ends alone in the stats of the new set. An id
// that is free by then keeps them over a restart: else its next endpoint begins below zero, or is
// taken for idle with as many connections open.
TEST_F(PlannerTest, CountsOfAFreeIdAreKeptOverARestartWhicheverTheyAre) {
  const auto base_of = [&](void (*count)(hf_endpoint_stats&)) {
    start(kRoomy);
    change({song({"10.1.0.1"})});
    const std::uint32_t id = id_of("10.1.0.1");
    change({song({})});
    collect(true);
    Image image = referee_.image();
    image.stats.resize(id + 1);
    count(image.stats[id]);
    planner_.emplace(*Planner::adopt(image, kRoomy));
    change({song({"10.1.0.2"})});
    EXPECT_EQ(id_of("10.1.0.2"), id);
    return referee_.image().endpoint_names[id];
  };
  EXPECT_EQ(base_of([](hf_endpoint_stats& stats) { stats.connects = 2; }).base_connects, 2u);
  EXPECT_EQ(base_of([](hf_endpoint_stats& stats) { stats.closes = 2; }).base_closes, 2u);
  EXPECT_EQ(base_of([](hf_endpoint_stats& stats) { stats.established = 2; }).base_established, 2u);
  EXPECT_EQ(base_of([](hf_endpoint_stats& stats) { stats.failures = 2; }).base_failures, 2u);
  EXPECT_EQ(base_of([](hf_endpoint_stats& stats) { stats.abandoned = 2; }).base_abandoned, 2u);
}

TEST_F(PlannerTest, AnEndpointThatReturnsWhileItDrainsIsTheSame) {
  change({song({"10.1.0.1", "10.1.0.2"})});
  const std::uint32_t id = id_of("10.1.0.2");
  const std::uint32_t incarnation = referee_.image().endpoints[id].incarnation;
  change({song({"10.1.0.1"})});
  change({song({"10.1.0.1", "10.1.0.2"})});
  EXPECT_EQ(id_of("10.1.0.2"), id);
  EXPECT_EQ(referee_.image().endpoints[id].incarnation, incarnation);
  EXPECT_TRUE(collect(true).empty());
}

TEST_F(PlannerTest, AnotherIdentityAtTheSameAddressIsAnotherEndpoint) {
  const auto with = [](const char* uid) {
    return build::service("song", {build::pool({"10.96.0.1"}, {build::endpoint("10.1.0.1", uid)})});
  };
  change({with("uid-1")});
  const auto diff = change({with("uid-2")});
  EXPECT_EQ(all_of<op::PutEndpoint>(*diff).size(), 1u);
  EXPECT_EQ(planner_->usage().endpoints, 2u);
  EXPECT_EQ(planner_->usage().draining, 1u);
}

TEST_F(PlannerTest, AnEndpointOfTwoServicesIsStoredOnceAndStaysUntilBothLetGo) {
  const auto image = build::service("image", {"10.96.0.2"}, {"10.1.0.1"});
  change({song({"10.1.0.1"}), image});
  EXPECT_EQ(planner_->usage().endpoints, 1u);
  change({}, {"song"});
  EXPECT_FALSE(planner_->draining());
  change({}, {"image"});
  EXPECT_TRUE(planner_->draining());
}

TEST_F(PlannerTest, ANewNodeOrZoneIsANameAndNoSwitch) {
  const auto on = [](const char* node) {
    Endpoint one = build::endpoint("10.1.0.1");
    one.node = Text(node);
    return build::service("song", {build::pool({"10.96.0.1"}, {one})});
  };
  change({on("node-1")});
  const auto diff = change({on("node-2")});
  EXPECT_THAT(all_of<op::StorePool>(*diff), IsEmpty());
  EXPECT_EQ(all_of<op::PutEndpointName>(*diff).size(), 1u);
  const Image& image = referee_.image();
  EXPECT_EQ(image.text(image.endpoint_names[id_of("10.1.0.1")].node), "node-2");
}

TEST_F(PlannerTest, TheSameTextIsStoredOnceAndGoesWithItsLastUser) {
  std::vector<Endpoint> endpoints;
  for (int last = 1; last < 9; ++last) {
    endpoints.push_back(build::endpoint("10.1.0." + std::to_string(last)));
    endpoints.back().node = Text("node-1");
    endpoints.back().zone = Text(std::string(100, 'z'));
  }
  change({build::service("song", {build::pool({"10.96.0.1"}, endpoints)})});
  EXPECT_EQ(planner_->usage().strings, 7u) << "default song file http node-1, and two cells of z";
  change({}, {"song"});
  collect(true);
  EXPECT_EQ(planner_->usage().strings, 0u);
}

TEST_F(PlannerTest, APortMayHaveAPoolOfEachTrafficPolicy) {
  Pool all =
      build::pool({"203.0.113.7"}, {build::endpoint("10.1.0.1"), build::endpoint("10.1.0.2")});
  Pool local = build::pool({"10.96.0.1"}, {build::endpoint("10.1.0.1")});
  local.traffic = TrafficPolicy::local;
  ASSERT_TRUE(change({build::service("song", {all, local})}));
  const auto view = services_of(planner_->expected()).at(0);
  ASSERT_EQ(view.pools.size(), 2u);
  EXPECT_EQ(view.pools[0].endpoints.size(), 2u);
  EXPECT_EQ(view.pools[1].pool.traffic, TrafficPolicy::local);
  EXPECT_EQ(view.pools[1].endpoints.size(), 1u);
  EXPECT_EQ(*to_service(view), *services_.at(0).now);
  // Adopted, and then without the policy: the address moves to the other pool.
  planner_.emplace(*Planner::adopt(planner_->expected(), kRoomy));
  Pool both = all;
  both.frontends.push_back(local.frontends[0]);
  std::sort(both.frontends.begin(), both.frontends.end());
  const auto diff = change({build::service("song", {both})});
  ASSERT_TRUE(diff);
  EXPECT_EQ(all_of<op::DeleteFrontend>(*diff).size(), 0u);
}

// A service of 1,000 ports would write 1,000 addresses for an annotation.
TEST_F(PlannerTest, AnotherTrafficPolicyForAllAddressesIsOneWordAPool) {
  const auto of = [](TrafficPolicy policy, const std::vector<std::string>& endpoints) {
    std::vector<Endpoint> members;
    for (const std::string& one : endpoints) members.push_back(build::endpoint(one));
    Pool pool = build::pool({"10.96.0.1", "10.96.0.2"}, members);
    pool.traffic = policy;
    return build::service("song", {pool});
  };
  change({of(TrafficPolicy::cluster, {"10.1.0.1", "10.1.0.2"})});
  for (const TrafficPolicy policy : {TrafficPolicy::local, TrafficPolicy::cluster}) {
    const auto diff = change({of(policy, {"10.1.0.1"})});
    ASSERT_TRUE(diff);
    EXPECT_THAT(all_of<op::UpdateFrontend>(*diff), IsEmpty());
    EXPECT_THAT(all_of<op::InsertFrontend>(*diff), IsEmpty());
    EXPECT_THAT(all_of<op::DeleteFrontend>(*diff), IsEmpty());
    EXPECT_EQ(planner_->usage().pools, 1u);
    const auto view = services_of(planner_->expected()).at(0);
    EXPECT_EQ(view.pools.at(0).pool.traffic, policy);
    EXPECT_EQ(*to_service(view), *services_.at(0).now);
  }
}

TEST_F(PlannerTest, OnlyTcpPoolsWithAFrontendAreProgrammed) {
  Pool udp = build::pool({"10.96.0.1"}, {build::endpoint("10.1.0.1")});
  udp.protocol = Protocol::udp;
  const auto diff =
      change({build::service("song", {build::pool({}, {build::endpoint("10.1.0.2")}), udp})});
  EXPECT_EQ(kinds(*diff), "meta");
  EXPECT_EQ(planner_->usage().services, 0u);
}

TEST_F(PlannerTest, ThePoolsGenerationGrowsWithEachSwitchAndIsNeverZero) {
  std::uint32_t last = 0;
  for (int round = 0; round < 70000; ++round) {
    Generation generation{
        1, {{{"default", "song"}, song({round % 2 ? "10.1.0.1" : "10.1.0.2"}), "file"}}};
    const auto diff = planner_->plan(generation);
    ASSERT_TRUE(diff);
    const std::uint32_t now = hf_pool_generation(all_of<op::StorePool>(*diff).at(0).value.word);
    ASSERT_NE(now, 0u);
    ASSERT_NE(now, last);
    last = now;
  }
}

TEST_F(PlannerTest, TheCostFollowsTheChangeNotTheCatalog) {
  std::vector<std::size_t> costs;
  for (const int others : {10, 1000}) {
    start(capacity_for(2000, 2000));
    Generation many{1, {}};
    for (int other = 0; other < others; ++other) {
      const std::string low = std::to_string(other / 200) + "." + std::to_string(other % 200 + 1);
      const auto one =
          build::service("other-" + std::to_string(other), {"10.97." + low}, {"10.2." + low});
      many.changes.push_back({one->key, one, "file"});
    }
    const auto one = song({"10.1.0.1", "10.1.0.2"});
    many.changes.push_back({one->key, one, "file"});
    ASSERT_TRUE(planner_->plan(many));
    const auto diff = planner_->plan({2, {{one->key, song({"10.1.0.1", "10.1.0.3"}), "file"}}});
    ASSERT_TRUE(diff);
    costs.push_back(diff->ops.size());
  }
  EXPECT_EQ(costs[0], costs[1]);
  EXPECT_LE(costs[0], 8u);
}

TEST_F(PlannerTest, StrangersAreWhatASourceLeftAndDoesNotList) {
  change({song({"10.1.0.1"}), build::service("image", {"10.96.0.2"}, {"10.1.0.2"})});
  const auto keep = [](const ServiceKey& key) { return key.name == "image"; };
  ASSERT_EQ(planner_->strangers("file", keep).size(), 1u);
  EXPECT_EQ(planner_->strangers("file", keep)[0].name, "song");
  EXPECT_THAT(planner_->strangers("kube", keep), IsEmpty());
}

TEST_F(PlannerTest, MapsThatContradictThemselvesAreRefused) {
  change({song({"10.1.0.1"}), build::service("image", {"10.96.0.2"}, {"10.1.0.2"})});
  Image image = referee_.image();
  image.pools.at(2).word = image.pools.at(1).word;  // one range of slots, two pools
  const auto adopted = Planner::adopt(image, kRoomy);
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, Errc::incompatible);
  EXPECT_THAT(adopted.error().what, HasSubstr("slots of pool 2"));
}

}  // namespace
}  // namespace holdfast
