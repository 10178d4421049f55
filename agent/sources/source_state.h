// SPDX-License-Identifier: Apache-2.0
// What a source is in: one of a few states to decide and to count by.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace holdfast {

enum class SourceState : std::uint8_t {
  starting,  // it has not been reached or read yet
  current,   // confirmed current
  degraded,  // part of it is in doubt
  failed,    // nothing of it is reached or read
  refused,   // another cluster answers: nothing of it is taken until an operator says so
};
inline constexpr std::array kSourceStates = {SourceState::starting, SourceState::current,
                                             SourceState::degraded, SourceState::failed,
                                             SourceState::refused};

// As JSON, metrics and the log have it: the name of the enumerator.
std::string_view to_string(SourceState state);

}  // namespace holdfast
