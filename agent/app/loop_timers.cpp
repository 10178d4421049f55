// SPDX-License-Identifier: Apache-2.0
#include "agent/app/loop_timers.h"

#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace holdfast {
namespace {

class LoopTimer : public Timer {
 public:
  explicit LoopTimer(boost::asio::io_context& loop) : timer_(loop) {}

  void after(std::chrono::steady_clock::duration delay, std::function<void()> work) override {
    timer_.expires_after(delay);
    timer_.async_wait([work = std::move(work)](const boost::system::error_code& error) {
      if (!error) work();
    });
  }
  void cancel() override { timer_.cancel(); }

 private:
  boost::asio::steady_timer timer_;
};

}  // namespace

std::unique_ptr<Timer> LoopTimers::timer() {
  return std::make_unique<LoopTimer>(loop_);
}

}  // namespace holdfast
