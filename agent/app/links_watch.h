// SPDX-License-Identifier: Apache-2.0
// Asks every few seconds whether the programs are still attached and pinned, has what others
// removed put back, and says so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/app/timers.h"
#include "agent/dataplane/hooks.h"

namespace holdfast {

class LinksWatch {
 public:
  explicit LinksWatch(Timers& timers) : timer_(timers.timer()) {}

  // From the first attach on. `hooks` outlives this.
  void start(Hooks& hooks);
  std::uint64_t repairs() const { return repairs_; }
  const std::string& last_error() const { return last_error_; }  // "": all is as it should be

 private:
  void look();

  std::unique_ptr<Timer> timer_;
  Hooks* hooks_ = nullptr;
  std::uint64_t repairs_ = 0;  // times at which something was put back
  std::string last_error_;
};

}  // namespace holdfast
