// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

namespace holdfast {

// Runs `work` once, after `delay`, unless the timer is cancelled or set anew.
template <class Work>
void after(boost::asio::steady_timer& timer, std::chrono::steady_clock::duration delay, Work work) {
  timer.expires_after(delay);
  timer.async_wait([work = std::move(work)](const boost::system::error_code& error) {
    if (!error) work();
  });
}

}  // namespace holdfast
