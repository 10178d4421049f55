// SPDX-License-Identifier: Apache-2.0
// Whether an API server that answered badly is well again, asked cheaply: what waits long before it
// asks for a list or a watch once more need not outlast the outage. About one request
// a second, while somebody waits and the server is ill; a connection of its own, kept only
// meanwhile.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <random>
#include <utility>

#include "agent/sources/kubernetes/api/access.h"

namespace holdfast::kubernetes {

// Decides, from answers alone. Pure.
class PulseLogic {
 public:
  enum class Next { ask_again, wake, rest };
  // A server that was well all the time, and refuses us all the same, is left alone: the waits say
  // how often it is asked.
  Next answered(bool well) {
    if (!well) {
      ill_ = true;
      return Next::ask_again;
    }
    return std::exchange(ill_, false) ? Next::wake : Next::rest;
  }

 private:
  bool ill_ = false;
};

class Pulse {
 public:
  // Between two questions; a wait that ends before is not asked for.
  static constexpr std::chrono::milliseconds kShortest{750}, kLongest{1500};

  // `well`: the server was ill, and is not any more.
  Pulse(const boost::asio::any_io_executor& loop, Access& access, net::HttpStream::Prepare prepare,
        std::function<void()> well);

  boost::asio::awaitable<void> run();
  void stop();
  // Somebody has begun to wait, until then at most.
  void watch(std::chrono::steady_clock::time_point until);

 private:
  using Clock = std::chrono::steady_clock;

  boost::asio::awaitable<void> wait(Clock::time_point until);
  boost::asio::awaitable<bool> ask();

  Access& access_;
  net::HttpStream stream_;
  std::function<void()> well_;
  boost::asio::steady_timer timer_;
  std::mt19937_64 random_;
  PulseLogic logic_;
  Clock::time_point until_;  // somebody waits
  bool stopped_ = false, resting_ = false;
};

}  // namespace holdfast::kubernetes
