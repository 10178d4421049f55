// SPDX-License-Identifier: Apache-2.0
// Asks every few seconds whether the programs are still attached and pinned, has what others
// removed put back, and says so.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <string>

#include "agent/dataplane/kernel/kernel.h"

namespace holdfast {

class LinksWatch {
 public:
  explicit LinksWatch(boost::asio::io_context& loop) : timer_(loop) {}

  // From the first attach on. `dataplane` outlives the loop.
  void start(KernelDataplane& dataplane);
  std::uint64_t repairs() const { return repairs_; }
  const std::string& last_error() const { return last_error_; }  // "": all is as it should be

 private:
  void look();

  boost::asio::steady_timer timer_;
  KernelDataplane* dataplane_ = nullptr;
  std::uint64_t repairs_ = 0;  // times at which something was put back
  std::string last_error_;
};

}  // namespace holdfast
