// SPDX-License-Identifier: Apache-2.0
// What does not fit stops nothing else: removals apply, the rest is served, and what waits comes as
// soon as there is room.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/unit/plan/history.h"
#include "tests/unit/reconcile/fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// Has no memory for a larger set until it is given some.
class Poor : public MemoryDataplane {
 public:
  using MemoryDataplane::MemoryDataplane;
  std::unique_ptr<Growth> growth(const Capacity& room) override {
    ++growths;
    if (poor) return std::make_unique<FailedGrowth>("Cannot allocate memory");
    return MemoryDataplane::growth(room);
  }
  bool poor = true;
  int growths = 0;
};

class Fit : public ReconcileFixture<Poor> {
 protected:
  std::vector<std::string> unfit() const {
    std::vector<std::string> names;
    for (const Unfit& one : reconciler_->status().unfit) names.push_back(one.key.name);
    return names;
  }
  // Every endpoint has so many connections open.
  void connect(std::uint32_t count) {
    maps_->image().stats.resize(200);
    for (auto& stats : maps_->image().stats) stats.connects += count;
  }

  std::vector<std::string> broken() const {
    std::vector<std::string> rules = referee_.broken();
    std::erase_if(rules, about_room);
    return rules;
  }
};

ServicePtr song(std::vector<std::string> endpoints) {
  return build::service("song", {"10.96.0.1"}, std::move(endpoints));
}
ServicePtr image(std::vector<std::string> endpoints) {
  return build::service("image", {"10.96.0.2"}, std::move(endpoints));
}
ServicePtr of_ports(int count) {
  std::vector<Pool> pools;
  for (int port = 0; port < count; ++port) {
    pools.push_back(build::pool({"10.96.0.9"}, {build::endpoint("10.1.0.9")}));
    pools.back().service_port = static_cast<std::uint16_t>(1000 + port);
    pools.back().frontends[0].port = pools.back().service_port;
  }
  return build::service("big", pools);
}
std::vector<std::string> addresses(int first, int last) {
  std::vector<std::string> result;
  for (int one = first; one <= last; ++one) result.push_back("10.1.0." + std::to_string(one));
  return result;
}

TEST_F(Fit, AServiceThatDoesNotFitFreezesNoOther) {
  begin({80, 11, 41, 800, 101, 200});
  ASSERT_TRUE(say({song(addresses(1, 2))}));
  ASSERT_TRUE(say({of_ports(200)}));
  EXPECT_EQ(unfit(), std::vector<std::string>{"big"});
  EXPECT_THAT(reconciler_->status().unfit[0].lacking, HasSubstr("'pools' is full"));
  EXPECT_FALSE(reconciler_->pending()) << "what fits is applied, and verified";
  ASSERT_TRUE(say({song(addresses(1, 1))}));
  EXPECT_EQ(serving(), "10.96.0.1:80 -> 10.1.0.1:8080 x1\n");
  ASSERT_TRUE(say({build::service("small", {"10.96.0.3"}, {"10.1.0.1"})}));
  EXPECT_THAT(serving(), HasSubstr("10.96.0.3:80 -> 10.1.0.1:8080"));
  ASSERT_TRUE(say({}, {"song"}));
  EXPECT_THAT(serving(), testing::Not(HasSubstr("10.96.0.1:80")));
  ASSERT_TRUE(say({of_ports(3)}));
  EXPECT_THAT(unfit(), IsEmpty());
  EXPECT_EQ(serving(), desired());
  EXPECT_THAT(broken(), IsEmpty());
}

// In the generation itself, too: what shrinks or goes does so, whatever comes with it.
TEST_F(Fit, RemovalsOfTheSameGenerationApply) {
  begin({8, 16, 40, 512, 6, 200});
  ASSERT_TRUE(say({song(addresses(1, 2)), image({"10.1.0.3"})}));
  const auto huge = build::service("artist", {"10.96.0.3"}, addresses(11, 19));
  ASSERT_TRUE(say({song(addresses(1, 1)), huge}, {"image"}));
  EXPECT_EQ(serving(), "10.96.0.1:80 -> 10.1.0.1:8080 x1\n");
  EXPECT_EQ(unfit(), std::vector<std::string>{"artist"});
}

// Of a service that grows beyond the room what left it leaves, and new ones come as far as they
// can.
TEST_F(Fit, AServiceThatGrowsTooFarLosesWhatLeftIt) {
  begin({8, 16, 40, 512, 6, 200});
  ASSERT_TRUE(say({song(addresses(1, 3))}));
  ASSERT_TRUE(say({song(addresses(3, 12))}));
  EXPECT_EQ(unfit(), std::vector<std::string>{"song"});
  EXPECT_THAT(serving(), HasSubstr("10.1.0.3:8080"));
  EXPECT_THAT(serving(), HasSubstr("10.1.0.4:8080"));
  EXPECT_THAT(serving(), testing::Not(HasSubstr("10.1.0.1:8080")));
  EXPECT_THAT(referee_.broken(), IsEmpty());
}

TEST_F(Fit, WhatWaitsComesWhenSomethingLeaves) {
  begin({8, 16, 40, 512, 6, 200});
  ASSERT_TRUE(say({song(addresses(1, 4))}));
  ASSERT_TRUE(say({image(addresses(5, 7))}));
  EXPECT_EQ(unfit(), std::vector<std::string>{"image"});
  ASSERT_TRUE(say({song(addresses(1, 2))}));
  ASSERT_TRUE(reconciler_->collect());
  EXPECT_THAT(unfit(), IsEmpty());
  EXPECT_EQ(serving(), desired());
  EXPECT_EQ(reconciler_->status().forced, 0u) << "nothing was in use";
}

TEST_F(Fit, WhatAGenerationLeavesIsRoomAtOnce) {
  begin({80, 11, 4, 800, 101, 200});
  ASSERT_TRUE(say({song(addresses(1, 1)), image(addresses(2, 2))}));
  ASSERT_TRUE(say({of_ports(2)}));
  EXPECT_EQ(unfit(), std::vector<std::string>{"big"});
  ASSERT_TRUE(say({}, {"image"}));
  EXPECT_THAT(unfit(), IsEmpty());
  EXPECT_EQ(serving(), desired());
}

// 8 of at most 10 replaced, with connections to the old ones: these give way, and no moment is
// empty.
TEST_F(Fit, ReplacingMostOfTheEndpointsForcesTheDrainingOnes) {
  begin({80, 11, 41, 80, 11, 200});
  ASSERT_TRUE(say({song(addresses(1, 8))}));
  connect(10);
  ASSERT_TRUE(say({song(addresses(11, 18))}));
  EXPECT_THAT(unfit(), IsEmpty());
  EXPECT_EQ(serving(), desired());
  EXPECT_THAT(referee_.broken(), IsEmpty());
  EXPECT_GE(reconciler_->status().forced, 6u);
  const auto traffic =
      reconciler_->traffic(build::endpoint("10.1.0.18").address, 8080, Protocol::tcp, {});
  ASSERT_TRUE(traffic);
  EXPECT_EQ(traffic->connects, 0u) << "what was counted of an id before is of another endpoint";
}

// With no id to spare at all there is a bridge of one, or, for a service of one, no other way than
// through none.
TEST_F(Fit, ReplacingAllThereIsRoomFor) {
  begin({80, 11, 41, 80, 5, 200});
  ASSERT_TRUE(say({song(addresses(1, 4))}));
  connect(1);
  ASSERT_TRUE(say({song(addresses(11, 14))}));
  EXPECT_THAT(unfit(), IsEmpty());
  EXPECT_EQ(serving(), desired());
  EXPECT_THAT(referee_.broken(), IsEmpty());
  begin({80, 11, 41, 80, 2, 200});
  ASSERT_TRUE(say({song({"10.1.0.1"})}));
  ASSERT_TRUE(say({song({"10.1.0.2"})}));
  EXPECT_THAT(unfit(), IsEmpty());
  EXPECT_EQ(serving(), desired());
}

// A service that waits whole takes nobody's connections for a room that would not do.
TEST_F(Fit, NothingIsForcedInVain) {
  begin({80, 11, 41, 80, 6, 200});
  ASSERT_TRUE(say({song(addresses(1, 3))}));
  connect(1);
  ASSERT_TRUE(say({song(addresses(1, 2))}));
  ASSERT_TRUE(say({image(addresses(11, 16))}));
  EXPECT_EQ(unfit(), std::vector<std::string>{"image"});
  EXPECT_EQ(reconciler_->status().forced, 0u);
  EXPECT_EQ(reconciler_->usage().draining, 1u);
}

// A draining one serves where nobody else does; it takes no id from one that is ready.
TEST_F(Fit, ScarceIdsGoToWhatIsPicked) {
  begin({80, 11, 41, 80, 3, 200});
  ASSERT_TRUE(say({song(addresses(1, 1))}));
  std::vector<Endpoint> members;
  for (int last = 2; last < 6; ++last) {
    members.push_back(build::endpoint("10.1.0." + std::to_string(last)));
    members.back().terminating = last < 5;
  }
  ASSERT_TRUE(say({build::service("song", {build::pool({"10.96.0.1"}, members)})}));
  EXPECT_EQ(unfit(), std::vector<std::string>{"song"});
  EXPECT_THAT(serving(), HasSubstr("10.96.0.1:80 -> 10.1.0.5:8080 x1"));
}

// Slots are all in use, so there is no range beside the one in use: it is written over.
TEST_F(Fit, APoolShrinksWhereNoSlotIsFree) {
  begin({80, 11, 41, 5, 11, 200});
  ASSERT_TRUE(say({song(addresses(1, 4))}));
  ASSERT_TRUE(say({song(addresses(1, 3))}));
  EXPECT_THAT(serving(), testing::Not(HasSubstr("10.1.0.4")));
  EXPECT_THAT(referee_.broken(), IsEmpty());
  ASSERT_TRUE(say({song({})}));
  EXPECT_EQ(serving(), desired());
}

// No growth by each event: a whole set is built for it.
TEST_F(Fit, AGrowthThatFailsIsTriedAgainWhenAskedFor) {
  begin({80, 11, 41, 80, 6, 200}, {800, 110, 410, 8000, 600, 2000});
  ASSERT_TRUE(say({song(addresses(1, 2))}));
  ASSERT_TRUE(say({image(addresses(11, 19))}));
  EXPECT_EQ(maps_->growths, 1);
  EXPECT_THAT(reconciler_->status().unfit.at(0).lacking, HasSubstr("Cannot allocate memory"));
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(say({song(addresses(1, 1 + round % 2))}));
    ASSERT_TRUE(say({image(addresses(11, 20 + round))}));
    ASSERT_TRUE(reconciler_->collect());
    EXPECT_EQ(*reconciler_->verify(), 0u);
  }
  EXPECT_EQ(maps_->growths, 1);
  ASSERT_TRUE(reconciler_->retry_unfit());
  EXPECT_EQ(maps_->growths, 2);
  maps_->poor = false;
  ASSERT_TRUE(reconciler_->retry_unfit());
  EXPECT_THAT(unfit(), IsEmpty());
  EXPECT_EQ(serving(), desired());
  EXPECT_THAT(broken(), IsEmpty());
}

TEST_F(Fit, ANewLifeKnowsWhatWaits) {
  begin({8, 16, 40, 512, 6, 200});
  ASSERT_TRUE(say({song(addresses(1, 4)), image(addresses(5, 7))}));
  reconciler_.emplace(*maps_, [this] { return catalog_->all(); });
  ASSERT_TRUE(reconciler_->start());
  ASSERT_TRUE(reconciler_->apply({catalog_->number(), catalog_->all()}));
  EXPECT_EQ(reconciler_->status().unfit.size(), 1u);
  ASSERT_TRUE(say({image({"10.1.0.5"})}));
  ASSERT_TRUE(reconciler_->collect());
  EXPECT_THAT(unfit(), IsEmpty());
  EXPECT_EQ(serving(), desired());
}

// Whatever the room and the history: who is not named as unfit is served right, nobody is sent
// where his service has no endpoint any more, and nothing leaks.
class Narrow {
 public:
  Narrow()
      : room(random_room()),
        maps(room),
        reconciler(maps, [this] { return catalog.all(); }, {Text(kHere), {}}) {
    maps.watch([this](const Op& operation, const Image&) { referee.see(operation); });
    RC_ASSERT(reconciler.start().has_value());
  }

  static Capacity random_room() {
    return {*rc::gen::inRange(2u, 9u),  *rc::gen::inRange(2u, 6u),  *rc::gen::inRange(2u, 9u),
            *rc::gen::inRange(4u, 90u), *rc::gen::inRange(2u, 14u), *rc::gen::inRange(8u, 50u)};
  }

  void change() {
    const auto before = catalog.all();
    const Generation generation = random_change(catalog);
    if (generation.changes.empty()) return;
    referee.expect(before, catalog.all());
    RC_ASSERT(reconciler.apply(generation).has_value());
  }

  // As the programs count: nothing of an id that is free, nor the end of a connection to an
  // endpoint that was retired meanwhile.
  void traffic(bool ends) {
    Image& image = maps.image();
    image.stats.resize(20);
    for (std::size_t id = 1; id < image.endpoints.size(); ++id) {
      if (image.endpoints[id].incarnation == 0) continue;
      hf_endpoint_stats& stats = image.stats[id];
      const hf_endpoint_name& base = image.endpoint_names[id];
      if (!ends && *rc::gen::arbitrary<bool>()) ++stats.connects;
      if (ends || *rc::gen::arbitrary<bool>())
        stats.closes = base.base_closes + stats.connects - base.base_connects;
    }
  }

  void check() {
    for (const std::string& rule : referee.broken()) {
      if (!about_room(rule)) RC_FAIL(rule);
    }
    std::set<ServiceKey> unfit;
    for (const Unfit& one : reconciler.status().unfit) unfit.insert(one.key);
    std::vector<CatalogChange> fit;
    for (const CatalogChange& one : catalog.all()) {
      if (!unfit.contains(one.key)) fit.push_back(one);
    }
    const Answers have = answered(maps.image()), must = wanted(fit);
    for (const auto& [frontend, answer] : must) {
      RC_ASSERT(have.contains(frontend));
      RC_ASSERT(names(have.at(frontend)) == names(answer));
    }
    const auto owner = owners(catalog.all());
    const auto serve = able(catalog.all());
    for (const auto& [frontend, answer] : have) {
      RC_ASSERT(owner.contains(frontend));
      const auto& allowed = serve.at(owner.at(frontend));
      for (const std::string& one : names(answer)) RC_ASSERT(allowed.contains(one));
    }
    RC_ASSERT(*reconciler.verify() == 0u);
  }

  void end() {
    traffic(true);
    std::vector<Admitted> gone;
    for (const CatalogChange& one : catalog.all()) gone.push_back({one.key, nullptr, true});
    const auto before = catalog.all();
    const Generation nothing = catalog.apply("file", gone);
    referee.expect(before, {});
    if (!nothing.changes.empty()) RC_ASSERT(reconciler.apply(nothing).has_value());
    RC_ASSERT(reconciler.collect().has_value());
    const Usage usage = reconciler.usage();
    RC_ASSERT(usage.frontends + usage.services + usage.pools == 0u);
    RC_ASSERT(usage.slots == 0u);
    RC_ASSERT(usage.endpoints == 0u);
    RC_ASSERT(usage.strings == 0u);
    RC_ASSERT(!reconciler.unfit());
  }

 private:
  static std::set<std::string> names(const Answer& answer) {
    std::set<std::string> result;
    for (const auto& [endpoint, slots] : answer.endpoints) result.insert(endpoint);
    return result;
  }

 public:
  Catalog catalog{{{"file"}}, 0};
  Capacity room;
  MemoryDataplane maps;
  Referee referee{{}, true};
  Reconciler reconciler;
};

RC_GTEST_PROP(FitHistory, WhatFitsIsServedRight, ()) {
  Narrow world;
  for (int steps = *rc::gen::inRange(1, 20); steps > 0; --steps) {
    const int what = *rc::gen::inRange(0, 8);
    if (what == 0) world.traffic(false);
    if (what == 1) RC_ASSERT(world.reconciler.collect().has_value());
    if (what == 2) RC_ASSERT(world.reconciler.retry_unfit().has_value());
    if (what > 2) world.change();
    world.check();
  }
  world.end();
}

}  // namespace
}  // namespace holdfast
