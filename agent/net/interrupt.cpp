// SPDX-License-Identifier: Apache-2.0
#include "agent/net/interrupt.h"

#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace holdfast::net {

struct Interrupt::Inner {
  explicit Inner(const boost::asio::any_io_executor& loop) : timer(loop) {}

  void strike() {
    if (const auto call = std::exchange(abort, nullptr)) call();
  }

  boost::asio::steady_timer timer;
  std::function<void()> abort;
  std::uint64_t steps = 0;  // a handler already queued when its step ended must not strike the next
  bool closed = false;
  bool expired = false;
};

Interrupt::Interrupt(const boost::asio::any_io_executor& loop)
    : inner_(std::make_shared<Inner>(loop)) {}

Interrupt::Step Interrupt::step(std::chrono::milliseconds time, std::function<void()> abort) {
  inner_->abort = std::move(abort);
  inner_->expired = false;
  inner_->timer.expires_after(time);
  inner_->timer.async_wait([weak = std::weak_ptr<Inner>(inner_),
                            step = ++inner_->steps](const boost::system::error_code& error) {
    const auto inner = weak.lock();
    if (error || !inner || inner->steps != step || !inner->abort) return;
    inner->expired = true;
    inner->strike();
  });
  return Step(*this);
}

void Interrupt::disarm() {
  ++inner_->steps;
  inner_->abort = nullptr;
  inner_->timer.cancel();
}

void Interrupt::close() {
  inner_->closed = true;
  inner_->strike();
}

void Interrupt::reopen() {
  inner_->closed = false;
}

bool Interrupt::closed() const {
  return inner_->closed;
}

bool Interrupt::expired() const {
  return inner_->expired;
}

}  // namespace holdfast::net
