// SPDX-License-Identifier: Apache-2.0
// What ends a pending step of an HttpStream early: its time is over, or close(). On the loop only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace holdfast::net {

class Interrupt {
 public:
  explicit Interrupt(const boost::asio::any_io_executor& loop);

  // A step is one wait, or several under one time. Its end disarms.
  class Step {
   public:
    explicit Step(Interrupt& owner) : owner_(owner) {}
    ~Step() { owner_.disarm(); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Interrupt& owner_;
  };

  // `abort` is called at most once, when `time` is over or at close(); it must own what it
  // touches. One step at a time.
  [[nodiscard]] Step step(std::chrono::milliseconds time, std::function<void()> abort);

  // Ends the pending step; closed() stays true until reopen().
  void close();
  void reopen();
  bool closed() const;
  bool expired() const;  // the time of the last step was over

 private:
  struct Inner;
  void disarm();

  std::shared_ptr<Inner> inner_;  // a queued timer handler may outlive this
};

}  // namespace holdfast::net
