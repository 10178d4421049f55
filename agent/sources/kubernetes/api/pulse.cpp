// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/pulse.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace holdfast::kubernetes {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kLongestAnswer = std::size_t{64} << 10;

}  // namespace

Pulse::Pulse(const asio::any_io_executor& loop, Access& access, net::HttpStream::Prepare prepare,
             std::function<void()> well)
    : access_(access),
      stream_(loop, std::move(prepare)),
      well_(std::move(well)),
      timer_(loop),
      random_(std::random_device{}()) {}

asio::awaitable<void> Pulse::run() {
  while (!stopped_) {
    if (until_ <= Clock::now()) {
      stream_.close();
      resting_ = true;
      co_await wait(Clock::time_point::max());
      resting_ = false;
      continue;
    }
    std::uniform_int_distribution<std::int64_t> between(kShortest.count(), kLongest.count());
    co_await wait(Clock::now() + std::chrono::milliseconds(between(random_)));
    if (stopped_ || until_ <= Clock::now()) continue;
    const bool well = co_await ask();
    if (stopped_) co_return;
    const auto next = logic_.answered(well);
    if (next != PulseLogic::Next::ask_again) until_ = {};
    if (next == PulseLogic::Next::wake) well_();
  }
}

void Pulse::stop() {
  stopped_ = true;
  stream_.close();
  timer_.cancel();
}

void Pulse::watch(Clock::time_point until) {
  until_ = std::max(until_, until);
  if (resting_) timer_.cancel();
}

asio::awaitable<void> Pulse::wait(Clock::time_point until) {
  timer_.expires_at(until);
  boost::system::error_code ignored;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<bool> Pulse::ask() {
  const auto answer = co_await access_.get_all(stream_, "/readyz", kJson, kLongestAnswer);
  co_return answer.has_value();
}

}  // namespace holdfast::kubernetes
