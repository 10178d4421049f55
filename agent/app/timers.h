// SPDX-License-Identifier: Apache-2.0
// Time for the parts of the daemon: what it is now, and what is to be done later. The loop's clock
// (loop_timers.h), or a model of it, in which a test lets a minute pass in no time.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace holdfast {

class Timer {
 public:
  virtual ~Timer() = default;  // as cancel()
  // Calls `work` once, after `delay`, unless the timer is cancelled or set anew.
  virtual void after(std::chrono::steady_clock::duration delay, std::function<void()> work) = 0;
  virtual void cancel() = 0;
};

class Timers {
 public:
  virtual ~Timers() = default;
  virtual std::chrono::steady_clock::time_point now() const = 0;
  virtual std::chrono::system_clock::time_point date() const = 0;
  virtual std::unique_ptr<Timer> timer() = 0;  // must not outlive this
};

}  // namespace holdfast
