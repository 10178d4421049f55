// SPDX-License-Identifier: Apache-2.0
// Failures at each operation, what somebody else wrote, and what an earlier life left.
#include "agent/reconcile/reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/reconcile/fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// Fails at the operation of this number, before or after performing it, and at none else.
class FailsAt : public MemoryDataplane {
 public:
  using MemoryDataplane::MemoryDataplane;
  Result<> apply(const Diff& diff) override {
    for (const Op& operation : diff.ops) {
      const bool now = at == count++;
      if (now && !after) return fail(Errc::unavailable, "on purpose");
      if (auto done = MemoryDataplane::apply(Diff{{operation}}); !done) return done;
      if (now && after) return fail(Errc::unavailable, "on purpose");
    }
    return {};
  }
  Result<Image> observe() override {
    if (blind) return fail(Errc::unavailable, "cannot be read");
    return MemoryDataplane::observe();
  }
  Result<Image> observe(Part part, std::uint32_t first, std::uint32_t elements) override {
    if (blind) return fail(Errc::unavailable, "cannot be read");
    return MemoryDataplane::observe(part, first, elements);
  }

  static constexpr std::size_t kNever = ~std::size_t{0};
  std::size_t at = kNever, count = 0;
  bool after = false, blind = false;
};

class ReconcilerTest : public ReconcileFixture<FailsAt> {
 protected:
  void SetUp() override { begin(kReconcileRoom); }

  void expect_right() {
    EXPECT_EQ(text(answered(maps_->image())), text(wanted(catalog_->all())));
    EXPECT_THAT(referee_.broken(), IsEmpty());
    EXPECT_EQ(reconciler_->status().applied_generation, catalog_->number());
    EXPECT_EQ(maps_->image().meta.generation, catalog_->number());
    EXPECT_FALSE(reconciler_->pending());
  }
};

ServicePtr song(std::vector<std::string> endpoints) {
  return build::service("song", {"10.96.0.1"}, std::move(endpoints));
}
ServicePtr image(std::vector<std::string> endpoints) {
  return build::service("image", {"10.96.0.2"}, std::move(endpoints));
}

TEST_F(ReconcilerTest, AppliesAndReports) {
  ASSERT_TRUE(say({song({"10.1.0.1"})}));
  expect_right();
  EXPECT_EQ(reconciler_->status().applies, 1u);
  EXPECT_EQ(reconciler_->status().last_error, "");
}

// When connects go by the new state, and what it gives back still waits for a grace period.
TEST_F(ReconcilerTest, TellsOfTheSwitchBeforeTheGracePeriods) {
  ASSERT_TRUE(say({song({"10.1.0.1", "10.1.0.2"}), image({"10.1.0.3"})}));
  std::vector<std::size_t> operations;
  bool right = false;
  reconciler_->on_switch([&] {
    operations.push_back(maps_->count);
    right = text(answered(maps_->image())) == text(wanted(catalog_->all()));
  });
  maps_->count = 0;
  ASSERT_TRUE(say({song({"10.1.0.1", "10.1.0.4"})}, {"image"}));
  ASSERT_EQ(operations.size(), 1u);
  EXPECT_TRUE(right);
  EXPECT_LT(operations[0], maps_->count);
  ASSERT_TRUE(reconciler_->collect());  // gives back, and switches nothing
  EXPECT_EQ(operations.size(), 1u);
}

TEST_F(ReconcilerTest, TrafficIsThisIncarnations) {
  ASSERT_TRUE(say({song({"10.1.0.1"})}));
  const Endpoint one = build::endpoint("10.1.0.1");
  const auto traffic = [&](const Identity& identity) {
    return reconciler_->traffic(one.address, one.port, Protocol::tcp, identity);
  };
  ASSERT_TRUE(traffic({}));
  EXPECT_EQ(traffic({})->connects, 0u);
  EXPECT_FALSE(traffic(Identity::from_text("another")));
  EXPECT_FALSE(reconciler_->traffic(one.address, 1, Protocol::tcp, {}));
  maps_->image().stats.resize(2);
  maps_->image().stats[1].connects = 5;
  maps_->image().stats[1].handshake_at = 77;
  maps_->image().endpoint_names[1].base_connects = 3;
  start();
  EXPECT_EQ(traffic({})->connects, 2u);
  EXPECT_EQ(traffic({})->handshake_at, 77u);
}

// A change of everything: an endpoint replaced, a service gone, another new, an address moved.
TEST_F(ReconcilerTest, AFailureAtAnyOperationIsMendedByARetry) {
  const auto change = [&] {
    return say({song({"10.1.0.1", "10.1.0.4"}),
                build::service("artist", {"10.96.0.2", "10.96.0.3"}, {"10.1.0.5"})},
               {"image"});
  };
  const auto first = [&] {
    begin({64, 16, 40, 512, 80, 200});
    ASSERT_TRUE(say({song({"10.1.0.1", "10.1.0.2"}), image({"10.1.0.3"})}));
    maps_->count = 0;
  };
  first();
  ASSERT_TRUE(change());
  const std::size_t operations = maps_->count;
  ASSERT_GT(operations, 15u);
  for (std::size_t at = 0; at < operations; ++at) {
    for (const bool after : {false, true}) {
      first();
      const std::uint64_t served = reconciler_->status().applied_generation;
      maps_->at = at;
      maps_->after = after;
      ASSERT_FALSE(change()) << at;
      EXPECT_TRUE(reconciler_->pending());
      EXPECT_THAT(reconciler_->status().last_error, HasSubstr("on purpose"));
      EXPECT_EQ(reconciler_->status().applied_generation, served);
      ASSERT_TRUE(reconciler_->retry()) << at;
      expect_right();
      EXPECT_EQ(reconciler_->status().last_error, "");
      ASSERT_TRUE(reconciler_->collect());
      EXPECT_EQ(reconciler_->usage().draining, 0u);
      EXPECT_EQ(reconciler_->usage().endpoints, 3u);
    }
  }
}

TEST_F(ReconcilerTest, TheNextGenerationMendsWhatAFailedOneLeft) {
  ASSERT_TRUE(say({song({"10.1.0.1"}), image({"10.1.0.3"})}));
  maps_->at = maps_->count + 3;
  ASSERT_FALSE(say({song({"10.1.0.2"})}, {"image"}));
  maps_->watch({});  // the property of verify_test.cpp judges the way, over all in between
  ASSERT_TRUE(say({build::service("artist", {"10.96.0.3"}, {"10.1.0.5"})}));
  EXPECT_EQ(text(answered(maps_->image())), text(wanted(catalog_->all())));
  EXPECT_FALSE(reconciler_->pending());
}

TEST_F(ReconcilerTest, MapsThatCannotBeReadAreTriedAgain) {
  ASSERT_TRUE(say({song({"10.1.0.1"})}));
  maps_->at = maps_->count;
  ASSERT_FALSE(say({song({"10.1.0.2"})}));
  maps_->blind = true;
  EXPECT_FALSE(reconciler_->retry());
  EXPECT_THAT(reconciler_->status().last_error, HasSubstr("cannot be read"));
  EXPECT_FALSE(reconciler_->verify());
  maps_->blind = false;
  ASSERT_TRUE(reconciler_->retry());
  expect_right();
}

TEST_F(ReconcilerTest, ANewLifeAdoptsAndTouchesNothing) {
  ASSERT_TRUE(say({song({"10.1.0.1", "10.1.0.2"}), image({"10.1.0.3"})}));
  const Image before = maps_->image();
  start();
  EXPECT_EQ(reconciler_->found().meta.generation, catalog_->number());
  EXPECT_EQ(reconciler_->status().applied_generation, catalog_->number());
  ASSERT_TRUE(reconciler_->apply({catalog_->number(), catalog_->all()}));
  EXPECT_THAT(compare(before, maps_->image()), IsEmpty());
  EXPECT_THAT(*reconciler_->differences(), IsEmpty());
}

TEST_F(ReconcilerTest, PruneDropsWhatTheSourceLeftAndDoesNotListAnyMore) {
  ASSERT_TRUE(say({song({"10.1.0.1"}), image({"10.1.0.3"})}));
  catalog_.emplace(std::vector<SourceRank>{{"file"}}, catalog_->number());
  start();
  ASSERT_TRUE(say({song({"10.1.0.1"})}));
  referee_.expect({{{{"default", "song"}, song({"10.1.0.1"}), "file"},
                    {{"default", "image"}, image({"10.1.0.3"}), "file"}},
                   catalog_->all()});
  ASSERT_TRUE(reconciler_->prune("kube"));
  EXPECT_EQ(answered(maps_->image()).size(), 2u) << "another source's word is not for it";
  ASSERT_TRUE(reconciler_->prune("file"));
  EXPECT_EQ(text(answered(maps_->image())), text(wanted(catalog_->all())));
}

TEST_F(ReconcilerTest, APruneThatFailsIsDoneByTheRetry) {
  ASSERT_TRUE(say({song({"10.1.0.1"}), image({"10.1.0.3"})}));
  catalog_.emplace(std::vector<SourceRank>{{"file"}}, catalog_->number());
  start();
  maps_->watch({});
  ASSERT_TRUE(say({song({"10.1.0.1"})}));
  maps_->at = maps_->count + 1;
  EXPECT_FALSE(reconciler_->prune("file"));
  EXPECT_TRUE(reconciler_->pending());
  ASSERT_TRUE(reconciler_->retry());
  EXPECT_EQ(text(answered(maps_->image())), text(wanted(catalog_->all())));
}

TEST_F(ReconcilerTest, ACollectionThatFailsIsTakenUpAgain) {
  ASSERT_TRUE(say({song({"10.1.0.1", "10.1.0.2", "10.1.0.3"})}));
  ASSERT_TRUE(say({song({"10.1.0.1"})}));
  maps_->at = maps_->count + 1;
  EXPECT_FALSE(reconciler_->collect());
  EXPECT_TRUE(reconciler_->pending()) << "so that whoever asks arms a retry";
  ASSERT_TRUE(reconciler_->retry());
  EXPECT_FALSE(reconciler_->pending());
  ASSERT_TRUE(reconciler_->collect());
  EXPECT_FALSE(reconciler_->draining());
  EXPECT_EQ(reconciler_->usage().endpoints, 1u);
  expect_right();
}

TEST_F(ReconcilerTest, AnEndpointInUseDrainsUntilItsLastConnectionEnds) {
  ASSERT_TRUE(say({song({"10.1.0.1", "10.1.0.2"})}));
  maps_->image().stats.resize(80);
  for (auto& stats : maps_->image().stats) stats.connects = 1;
  ASSERT_TRUE(say({song({"10.1.0.1"})}));
  ASSERT_TRUE(reconciler_->collect());
  EXPECT_TRUE(reconciler_->draining());
  for (auto& stats : maps_->image().stats) stats.closes = 1;
  ASSERT_TRUE(reconciler_->collect());
  EXPECT_FALSE(reconciler_->draining());
}

}  // namespace
}  // namespace holdfast
