// SPDX-License-Identifier: Apache-2.0
// A timer that was cancelled, set anew or destroyed does nothing, also when its time was over: the
// loop has its handler in the queue then.
#include "agent/app/loop_timers.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <thread>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

class LoopTimersTest : public testing::Test {
 protected:
  // Both are due when the loop runs, `first` first.
  void run(std::function<void()> at_first) {
    first_->after(0ms, std::move(at_first));
    second_->after(0ms, [this] { ++late_; });
    std::this_thread::sleep_for(2ms);
    loop_.run();
  }

  boost::asio::io_context loop_;
  LoopTimers timers_{loop_};
  std::unique_ptr<Timer> first_ = timers_.timer(), second_ = timers_.timer();
  int late_ = 0, again_ = 0;
};

TEST_F(LoopTimersTest, Runs) {
  run([] {});
  EXPECT_EQ(late_, 1);
}

TEST_F(LoopTimersTest, NotWhenItIsCancelled) {
  run([this] { second_->cancel(); });
  EXPECT_EQ(late_, 0);
}

TEST_F(LoopTimersTest, NotWhenItIsDestroyed) {
  run([this] { second_.reset(); });
  EXPECT_EQ(late_, 0);
}

TEST_F(LoopTimersTest, OnceWhenItIsSetAnew) {
  run([this] { second_->after(1ms, [this] { ++again_; }); });
  EXPECT_EQ(late_, 0);
  EXPECT_EQ(again_, 1);
}

TEST_F(LoopTimersTest, SetsItselfAnew) {
  run([this] {
    if (++again_ < 3) first_->after(0ms, [this] { ++again_; });
  });
  EXPECT_EQ(again_, 2);
}

}  // namespace
}  // namespace holdfast
