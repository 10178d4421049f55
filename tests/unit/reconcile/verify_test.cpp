// SPDX-License-Identifier: Apache-2.0
// Read-back: whatever somebody else wrote is found, named and mended; and a property over histories
// on a dataplane that fails at random.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "agent/dataplane/memory.h"
#include "agent/reconcile/reconciler.h"
#include "tests/unit/builders.h"
#include "tests/unit/plan/history.h"
#include "tests/unit/plan/oracle.h"
#include "tests/unit/plan/referee.h"

namespace holdfast {
namespace {

using testing::Contains;
using testing::Field;
using testing::IsEmpty;

class Verify : public testing::Test {
 protected:
  void SetUp() override {
    const auto song = build::service("song", {"10.96.0.1"}, {"10.1.0.1", "10.1.0.2"});
    const auto image = build::service("image", {"10.96.0.2"}, {"10.1.0.3"});
    services_ = {{image->key, image, "file"}, {song->key, song, "file"}};
    ASSERT_TRUE(reconciler_.start());
    ASSERT_TRUE(reconciler_.apply({1, services_}));
    before_ = maps_.image();
  }

  void mends(const char* map) {
    EXPECT_THAT(*reconciler_.differences(), Contains(Field(&Difference::map, map)));
    const auto mended = reconciler_.verify();
    ASSERT_TRUE(mended);
    EXPECT_GE(*mended, 1u);
    EXPECT_EQ(reconciler_.status().repairs, *mended);
    EXPECT_THAT(compare(before_, maps_.image()), IsEmpty());
    EXPECT_EQ(text(answered(maps_.image())), text(wanted(services_)));
    EXPECT_EQ(*reconciler_.verify(), 0u) << "once";
  }

  std::vector<CatalogChange> services_;
  MemoryDataplane maps_{{64, 16, 40, 512, 80, 200}};
  Reconciler reconciler_{maps_, [this] { return services_; }};
  Image before_;
};

TEST_F(Verify, FindsNothingInUntouchedMaps) {
  EXPECT_EQ(*reconciler_.verify(), 0u);
  EXPECT_THAT(*reconciler_.differences(), IsEmpty());
}

TEST_F(Verify, MendsADeletedFrontend) {
  maps_.image().frontends.erase(maps_.image().frontends.begin());
  mends("frontends");
}

TEST_F(Verify, MendsARedirectedFrontend) {
  maps_.image().frontends.begin()->second = 7;
  mends("frontends");
}

TEST_F(Verify, DeletesAFrontendThatShouldNotBe) {
  hf_frontend_key key{};
  key.port = 80;
  key.protocol = 6;
  maps_.image().frontends[key] = 1;
  mends("frontends");
}

TEST_F(Verify, MendsAZeroedPool) {
  maps_.image().pools.at(1) = {};
  mends("pools");
}

TEST_F(Verify, ZeroesAPoolThatShouldNotBe) {
  maps_.image().pools.resize(10);
  maps_.image().pools[9].word = hf_pool_word(1, 1, 1);
  mends("pools");
}

TEST_F(Verify, MendsASlot) {
  maps_.image().slots.at(1) ^= 3;
  mends("slots");
}

TEST_F(Verify, MendsAnEndpointThatPointsElsewhere) {
  maps_.image().endpoints.at(1).addr.word[3] ^= 1;
  mends("endpoints");
}

TEST_F(Verify, MendsARetiredEndpoint) {
  maps_.image().endpoints.at(1).incarnation = 0;
  mends("endpoints");
}

TEST_F(Verify, RetiresAnEndpointThatShouldNotBe) {
  maps_.image().endpoints.resize(20);
  maps_.image().endpoints[19].incarnation = 1;
  mends("endpoints");
}

TEST_F(Verify, MendsNamesAndTexts) {
  maps_.image().service_names.at(1).name.length = 1;
  maps_.image().pool_names.at(1).service = 9;
  maps_.image().endpoint_names.at(1).identity[0] ^= 1;
  maps_.image().strings.at(HF_STRING_CELL) ^= 1;
  mends("strings");
}

TEST_F(Verify, MendsTheGeneration) {
  maps_.image().meta.generation = 99;
  mends("meta");
}

TEST_F(Verify, MendsMapsWipedWhole) {
  const auto stats = maps_.image().stats;
  maps_.image() = {};
  mends("frontends");
}

// Operations and reads fail at random; the daemon retries, collects, verifies and restarts. No rule
// of updating is broken meanwhile, and once the faults end the maps are what they should be.
RC_GTEST_PROP(Reconciler, SurvivesRandomFaults, ()) {
  Catalog catalog({{"file"}}, 0);
  MemoryDataplane maps(kRoom);
  Referee referee;
  maps.watch([&](const Op& operation, const Image&) { referee.see(operation); });
  FaultyDataplane faulty(maps, *rc::gen::arbitrary<std::uint32_t>(), 0);
  std::optional<Reconciler> reconciler;
  const auto start = [&] {
    reconciler.emplace(
        faulty, [&] { return catalog.all(); }, Vantage{Text(kHere), {}});
    faulty.set_percent(0);
    RC_ASSERT(reconciler->start().has_value());
  };
  start();
  std::vector<Referee::State> states{{}};  // since the maps were last known to be right
  const auto settle = [&](const Result<>& done) {
    if (!done || reconciler->pending()) return;
    states = {catalog.all()};
    RC_ASSERT(text(answered(maps.image())) == text(wanted(catalog.all())));
  };
  for (int steps = *rc::gen::inRange(1, 15); steps > 0; --steps) {
    faulty.set_percent(*rc::gen::element(0u, 1u, 5u, 20u));
    const int what = *rc::gen::inRange(0, 8);
    if (what == 0) settle(reconciler->retry());
    if (what == 1) (void)reconciler->collect();
    if (what == 2 && !reconciler->pending()) (void)reconciler->verify();
    if (what > 2) {
      const Generation generation = random_change(catalog);
      states.push_back(catalog.all());
      referee.expect(states);
      if (!generation.changes.empty()) settle(reconciler->apply(generation));
    }
    for (const std::string& rule : referee.broken()) RC_FAIL(rule);
  }
  faulty.set_percent(0);
  if (reconciler->pending()) RC_ASSERT(reconciler->retry().has_value());
  RC_ASSERT(reconciler->collect().has_value());
  for (const std::string& rule : referee.broken()) RC_FAIL(rule);
  RC_ASSERT(text(answered(maps.image())) == text(wanted(catalog.all())));
  RC_ASSERT(*reconciler->verify() == 0u);
  RC_ASSERT(!reconciler->draining());
}

}  // namespace
}  // namespace holdfast
