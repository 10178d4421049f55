// SPDX-License-Identifier: Apache-2.0
// Maps that grow beside the loop: what is desired meanwhile waits and is there afterwards, nothing
// is written that the larger set would not hold, and a growth that fails costs nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "tests/unit/plan/history.h"
#include "tests/unit/reconcile/fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr Capacity kSmall{16, 4, 8, 64, 16, 60};

// Grows when it is let, or fails: before the larger set serves, or after.
class Gated : public MemoryDataplane {
 public:
  enum class Failure { none, before, after };
  using MemoryDataplane::MemoryDataplane;

  std::unique_ptr<Growth> growth(const Capacity& room) override {
    ++begun;
    passed = false;
    asked = room;
    return std::make_unique<Gate>(*this, MemoryDataplane::growth(room));
  }

  std::atomic<bool> open{true}, passed{false};
  Failure failure = Failure::none;
  int begun = 0;
  Capacity asked;

 private:
  class Gate : public Growth {
   public:
    Gate(Gated& maps, std::unique_ptr<Growth> inner) : maps_(maps), inner_(std::move(inner)) {}
    Result<Image> run() override {
      while (!maps_.open) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      maps_.passed = true;
      if (maps_.failure == Failure::before) return fail(Errc::unavailable, "no memory");
      auto image = inner_->run();
      if (maps_.failure == Failure::after) return fail(Errc::unavailable, "too late");
      return image;
    }
    void finish() override {
      if (maps_.failure != Failure::before) inner_->finish();
    }

   private:
    Gated& maps_;
    std::unique_ptr<Growth> inner_;
  };
};

class World {
 public:
  explicit World(std::launch how, Capacity limit = kRoom, std::size_t step = Backlog::kMost)
      : catalog({{"file"}}, 0), maps(kSmall, limit) {
    maps.watch([this](const Op& operation, const Image&) {
      ++written;
      referee.see(operation);
    });
    reconciler.emplace(
        maps, [this] { return catalog.all(); }, Vantage{Text(kHere), {}}, step, how);
    states = {catalog.all()};
  }

  Result<> begin(const Generation& generation) {
    states.push_back(catalog.all());
    referee.expect(states);
    return ended(reconciler->begin(generation));
  }
  Result<> say(const std::vector<ServicePtr>& services) {
    std::vector<Admitted> admitted;
    for (const ServicePtr& one : services) admitted.push_back({one->key, one, false});
    return begin(catalog.apply("file", admitted));
  }
  Result<> ended(Result<> applied) {
    if (applied && !reconciler->pending()) states = {catalog.all()};
    return applied;
  }
  Result<> finish() {
    maps.open = true;
    Result<> applied;
    while (applied && reconciler->unfinished()) applied = ended(reconciler->step());
    return applied;
  }
  bool right() { return text(answered(maps.image())) == text(wanted(catalog.all())); }

  Catalog catalog;
  Gated maps;
  Referee referee{{}, true};
  std::vector<Referee::State> states;
  std::atomic<int> written{0};
  std::optional<Reconciler> reconciler;
};

ServicePtr wide(const std::string& name, int last, int endpoints) {
  std::vector<std::string> members;
  for (int one = 1; one <= endpoints; ++one)
    members.push_back("10.1." + std::to_string(last) + "." + std::to_string(one));
  return build::service(name, {"10.96.0." + std::to_string(last)}, members);
}

class BesideTheLoop : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world.reconciler->start());
    ASSERT_TRUE(world.say({wide("song", 1, 2), wide("image", 2, 2)}));
    ASSERT_FALSE(world.reconciler->pending());
    world.maps.open = false;
  }
  void grow() {
    ASSERT_TRUE(world.say({wide("song", 1, 20)}));
    ASSERT_TRUE(world.reconciler->growing());
  }

  World world{std::launch::async};
};

TEST_F(BesideTheLoop, NothingIsWrittenUntilItIsDoneAndThenAllThatWasSaid) {
  grow();
  const int written = world.written;
  const auto before = text(answered(world.maps.image()));
  ASSERT_TRUE(world.say({wide("image", 2, 1), wide("artist", 3, 1)}));
  ASSERT_TRUE(world.reconciler->step());
  ASSERT_TRUE(world.reconciler->collect());
  ASSERT_TRUE(world.reconciler->recount());
  ASSERT_TRUE(world.reconciler->retry_unfit());
  EXPECT_TRUE(world.reconciler->pending());
  EXPECT_EQ(world.written, written);
  EXPECT_EQ(text(answered(world.maps.image())), before);
  ASSERT_TRUE(world.finish());
  EXPECT_TRUE(world.right());
  EXPECT_FALSE(world.reconciler->pending());
  EXPECT_EQ(world.reconciler->status().growths, 1u);
  EXPECT_EQ(world.maps.begun, 1);
  EXPECT_THAT(world.referee.broken(), IsEmpty());
}

TEST_F(BesideTheLoop, OneThatFailedLeavesTheOldMapsToBeWritten) {
  grow();
  world.maps.failure = Gated::Failure::before;
  ASSERT_TRUE(world.finish());
  EXPECT_EQ(world.maps.capacity(), kSmall);
  const ReconcileStatus status = world.reconciler->status();
  ASSERT_EQ(status.unfit.size(), 1u);
  EXPECT_THAT(status.unfit[0].lacking, HasSubstr("no memory"));
  EXPECT_EQ(status.growths, 0u);
  ASSERT_TRUE(world.say({wide("image", 2, 1)}));
  EXPECT_EQ(world.maps.begun, 1) << "not by each change";
  EXPECT_EQ(answered(world.maps.image()).at("10.96.0.2:80").endpoints.size(), 1u);
  world.maps.failure = Gated::Failure::none;
  ASSERT_TRUE(world.reconciler->retry_unfit());
  ASSERT_TRUE(world.finish());
  EXPECT_TRUE(world.right());
}

TEST_F(BesideTheLoop, OneThatFailedWhenItServedIsTakenOverByTheRetry) {
  grow();
  world.maps.failure = Gated::Failure::after;
  EXPECT_FALSE(world.finish());
  EXPECT_TRUE(world.reconciler->pending());
  EXPECT_FALSE(world.reconciler->unfinished());
  ASSERT_TRUE(world.ended(world.reconciler->retry()));
  ASSERT_TRUE(world.finish());
  EXPECT_TRUE(world.right());
  EXPECT_THAT(world.referee.broken(), IsEmpty());
}

TEST_F(BesideTheLoop, AnEndAmidItWaits) {
  grow();
  std::thread later([&] { world.maps.open = true; });
  world.reconciler.reset();
  later.join();
  EXPECT_EQ(world.maps.set(), 1u);
}

// For all of a large catalog, and before any of it is written.
TEST(Growth, IsOnceForAllThatWaits) {
  World world(std::launch::deferred, {1024, 256, 512, 16384, 2048, 4096}, 8);
  ASSERT_TRUE(world.reconciler->start());
  std::vector<ServicePtr> services;
  for (int one = 1; one <= 60; ++one) services.push_back(wide("s" + std::to_string(one), one, 5));
  ASSERT_TRUE(world.say(services));
  EXPECT_TRUE(world.reconciler->growing());
  EXPECT_EQ(world.written, 1) << "a grace period, at the start";
  ASSERT_TRUE(world.finish());
  EXPECT_EQ(world.maps.begun, 1);
  EXPECT_GE(world.maps.asked.endpoints, 600u);
  EXPECT_TRUE(world.right());
}

// Generations, retries and collections come at any moment of any growth, some of which fail.
RC_GTEST_PROP(Growth, AnythingMayComeAmidIt, ()) {
  World world(std::launch::async, kRoom, *rc::gen::inRange<std::size_t>(1, 40));
  RC_ASSERT(world.reconciler->start().has_value());
  for (int turns = *rc::gen::inRange(1, 30); turns > 0; --turns) {
    const int what = *rc::gen::inRange(0, 8);
    if (!world.reconciler->growing())
      world.maps.failure = *rc::gen::element(Gated::Failure::none, Gated::Failure::none,
                                             Gated::Failure::before, Gated::Failure::after);
    world.maps.open = *rc::gen::inRange(0, 3) == 0;
    const int written = world.written;
    const bool shut = world.reconciler->growing() && !world.maps.open && !world.maps.passed;
    if (what < 4) {
      const Generation generation = random_change(world.catalog);
      if (!generation.changes.empty()) (void)world.begin(generation);
    } else if (what < 6) {
      (void)world.ended(world.reconciler->step());
    } else if (what == 6) {
      (void)world.reconciler->collect();
    } else if (!world.reconciler->unfinished() && world.reconciler->pending()) {
      (void)world.ended(world.reconciler->retry());
    }
    if (shut) RC_ASSERT(world.written == written);
    for (const std::string& rule : world.referee.broken()) {
      if (!about_room(rule)) RC_FAIL(rule);
    }
  }
  world.maps.open = true;
  if (world.reconciler->growing()) (void)world.finish();
  world.maps.failure = Gated::Failure::none;
  while (world.reconciler->pending() || world.reconciler->unfit()) {
    if (!world.reconciler->unfinished())
      (void)(world.reconciler->pending() ? world.reconciler->retry()
                                         : world.reconciler->retry_unfit());
    RC_ASSERT(world.finish().has_value());
  }
  for (const std::string& rule : world.referee.broken()) {
    if (!about_room(rule)) RC_FAIL(rule);
  }
  RC_ASSERT(world.right());
}

}  // namespace
}  // namespace holdfast
