// SPDX-License-Identifier: Apache-2.0
// Which changes of a source's state are said in the log, and how: one line a change, never one a
// retry, and of a source that comes and goes a line now and then that sums up. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/sources/source.h"

namespace holdfast {

struct SourceLine {
  bool current = false;  // else it is a warning
  std::string text;
};

class SourceWatch {
 public:
  // Looked at about every second. nullopt: there is nothing to say.
  std::optional<SourceLine> look(const SourceStatus& status, TimePoint now);

  // So many lines at once; then one in so long, which tells how often the state changed meanwhile.
  static constexpr unsigned kAtOnce = 6;
  static constexpr std::chrono::minutes kThen{5};

 private:
  bool may_say(TimePoint now);

  SourceState state_ = SourceState::starting;  // as looked at last
  std::string cause_;                          // likewise
  TimePoint since_;                            // of the state
  bool begun_ = false;
  std::uint64_t untold_ = 0;  // changes since the last line
  unsigned lines_ = kAtOnce;  // that may be said now
  TimePoint counted_;         // when lines_ was as many
};

}  // namespace holdfast
