// SPDX-License-Identifier: Apache-2.0
// The clock of every stage.
#pragma once

#include <chrono>

namespace holdfast {

// Monotonic time handed in by the caller: no stage but the two ends has a clock of its own.
using TimePoint = std::chrono::steady_clock::time_point;

}  // namespace holdfast
