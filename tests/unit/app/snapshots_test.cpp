// SPDX-License-Identifier: Apache-2.0
// When snapshots are written, and that a state directory out of order is told and harms nothing.
#include "agent/app/snapshots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <filesystem>

#include "agent/app/loop_timers.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using TimePoint = SnapshotSchedule::TimePoint;

const TimePoint kStart = TimePoint{} + 1000h;

TEST(Schedule, NothingChangedNothingDue) {
  EXPECT_FALSE(SnapshotSchedule().due());
}

TEST(Schedule, TheFirstCompleteGenerationIsWrittenAtOnce) {
  SnapshotSchedule schedule;
  schedule.changed(kStart, true);
  EXPECT_EQ(schedule.due(), kStart);
}

TEST(Schedule, AnIncompleteOneWaitsUntilAllHaveSpoken) {
  SnapshotSchedule schedule;
  schedule.changed(kStart, false);
  EXPECT_EQ(schedule.due(), kStart + 1s);
  schedule.begun(kStart + 1s);
  schedule.changed(kStart + 2s, false);
  EXPECT_EQ(schedule.due(), kStart + 11s);
  schedule.changed(kStart + 3s, true);
  EXPECT_EQ(schedule.due(), kStart + 3s) << "the first complete one, ten seconds or not";
}

// A change every 50 ms for an hour: never two within ten seconds, and never one left out.
TEST(Schedule, AtMostOneInTenSeconds) {
  SnapshotSchedule schedule;
  schedule.changed(kStart, true);
  schedule.begun(kStart);
  std::optional<TimePoint> last = kStart;
  std::size_t writes = 0;
  for (TimePoint now = kStart + 50ms; now < kStart + 1h; now += 50ms) {
    schedule.changed(now, true);
    ASSERT_TRUE(schedule.due());
    if (*schedule.due() > now) continue;
    ASSERT_GE(now - *last, 10s);
    schedule.begun(now);
    EXPECT_FALSE(schedule.due());
    last = now;
    ++writes;
  }
  EXPECT_NEAR(static_cast<double>(writes), 359, 2);
}

TEST(Schedule, AChangeAloneIsWrittenASecondLater) {
  SnapshotSchedule schedule;
  schedule.changed(kStart, true);
  schedule.begun(kStart);
  schedule.changed(kStart + 60s, true);
  EXPECT_EQ(schedule.due(), kStart + 61s);
}

TEST(Schedule, WhatFailedIsTriedAgainTenSecondsLater) {
  SnapshotSchedule schedule;
  schedule.changed(kStart, true);
  schedule.begun(kStart);
  schedule.failed();
  EXPECT_EQ(schedule.due(), kStart + 10s);
}

class Writing : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "holdfast-writing-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    restart();
  }
  void TearDown() override { fs::remove_all(directory_); }

  void restart() {
    snapshots_.reset();
    snapshots_.emplace(loop_, timers_, (directory_ / "state").string(), "node-1",
                       [this]() -> std::optional<Snapshot> {
                         Snapshot snapshot;
                         snapshot.generation = generation_;
                         snapshot.node = "node-1";
                         return snapshot;
                       });
  }
  // Until one more write has ended, well or not.
  void run() {
    const auto before = snapshots_->facts().writes + snapshots_->facts().errors;
    while (snapshots_->facts().writes + snapshots_->facts().errors == before) loop_.run_one();
  }
  fs::path file(std::uint64_t generation) const {
    return directory_ / "state" /
           ("generation-0000000000000000000" + std::to_string(generation) + ".snap");
  }

  boost::asio::io_context loop_;
  LoopTimers timers_{loop_};
  // As in the daemon: a loop that never runs out of work.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop_.get_executor()};
  fs::path directory_;
  std::uint64_t generation_ = 1;
  std::optional<Snapshots> snapshots_;
};

TEST_F(Writing, TheFirstOneAndTheLastOne) {
  const auto started = snapshots_->start();
  ASSERT_TRUE(started) << started.error().what;
  EXPECT_FALSE(*started);
  snapshots_->changed(true);
  run();
  EXPECT_TRUE(fs::exists(file(1)));
  EXPECT_EQ(snapshots_->facts().newest->generation, 1u);
  generation_ = 2;
  snapshots_->changed(true);
  snapshots_->stop();
  EXPECT_TRUE(fs::exists(file(2))) << "at stop, however long ago the last one was";
  restart();
  const auto again = snapshots_->start();
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((*again)->generation, 2u);
  EXPECT_EQ(snapshots_->facts().newest->generation, 2u);
}

TEST_F(Writing, AWriteInProgressIsWaitedFor) {
  ASSERT_TRUE(snapshots_->start());
  snapshots_->changed(true);
  loop_.run_one();  // begins it
  generation_ = 2;
  snapshots_->stop();
  EXPECT_TRUE(fs::exists(file(1)));
  EXPECT_TRUE(fs::exists(file(2)));
  loop_.poll();  // what the write had to say comes too late, and is dropped
  EXPECT_EQ(snapshots_->facts().newest->generation, 2u);
}

TEST_F(Writing, WhatCannotBeWrittenIsToldAndTriedAgain) {
  ASSERT_TRUE(snapshots_->start());
  fs::create_directory(file(1).string() + ".new");  // in the way
  snapshots_->changed(true);
  run();
  EXPECT_EQ(snapshots_->facts().errors, 1u);
  EXPECT_THAT(snapshots_->facts().last_error, testing::HasSubstr(".new"));
  EXPECT_FALSE(snapshots_->facts().newest);
  fs::remove(file(1).string() + ".new");
  snapshots_->stop();
  EXPECT_EQ(snapshots_->facts().last_error, "");
  EXPECT_EQ(snapshots_->facts().newest->generation, 1u);
}

TEST_F(Writing, TwoOfOneDirectoryAreRefused) {
  ASSERT_TRUE(snapshots_->start());
  Snapshots second(loop_, timers_, (directory_ / "state").string(), "node-1",
                   [] { return std::nullopt; });
  EXPECT_FALSE(second.start());
}

}  // namespace
}  // namespace holdfast
