// SPDX-License-Identifier: Apache-2.0
// The loop's clock and timers.
#pragma once

#include <boost/asio/io_context.hpp>

#include "agent/app/timers.h"

namespace holdfast {

class LoopTimers : public Timers {
 public:
  explicit LoopTimers(boost::asio::io_context& loop) : loop_(loop) {}

  std::chrono::steady_clock::time_point now() const override {
    return std::chrono::steady_clock::now();
  }
  std::chrono::system_clock::time_point date() const override {
    return std::chrono::system_clock::now();
  }
  std::unique_ptr<Timer> timer() override;

 private:
  boost::asio::io_context& loop_;
};

}  // namespace holdfast
