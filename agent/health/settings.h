// SPDX-License-Identifier: Apache-2.0
// Of the section guard.probe of the configuration.
#pragma once

#include <chrono>
#include <cstddef>

namespace holdfast {

// How held endpoints are probed.
struct ProbeSettings {
  bool enabled = true;
  std::size_t per_second = 50;
  std::size_t in_flight = 64;
  std::chrono::milliseconds timeout{1000};
  std::chrono::seconds interval{2};  // of a young hold; it grows with the age of the hold
  std::chrono::seconds longest_interval{60};
};

}  // namespace holdfast
