// SPDX-License-Identifier: Apache-2.0
#include "agent/app/loop_timers.h"

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <utility>

namespace holdfast {
namespace {

class LoopTimer : public Timer {
 public:
  explicit LoopTimer(boost::asio::io_context& loop) : timer_(loop) {}

  // The work goes with cancel() and with the next after(): a wait that is over already calls back
  // without an error, and finds nothing to do.
  void after(std::chrono::steady_clock::duration delay, std::function<void()> work) override {
    work_ = std::make_shared<const std::function<void()>>(std::move(work));
    timer_.expires_after(delay);
    timer_.async_wait([waiting = std::weak_ptr(work_)](const boost::system::error_code& error) {
      if (const auto due = waiting.lock(); due && !error) (*due)();
    });
  }
  void cancel() override {
    work_.reset();
    timer_.cancel();
  }

 private:
  boost::asio::steady_timer timer_;
  std::shared_ptr<const std::function<void()>> work_;
};

}  // namespace

std::unique_ptr<Timer> LoopTimers::timer() {
  return std::make_unique<LoopTimer>(loop_);
}

}  // namespace holdfast
