// SPDX-License-Identifier: Apache-2.0
#include "agent/app/source_watch.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

std::string lasting(TimePoint::duration time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3600);
}

std::string line(const SourceStatus& status, const std::string& before) {
  std::string text = fmt::format("source {}", status.name);
  if (!status.asked.empty()) text += fmt::format(" ({})", status.asked);
  text += fmt::format(" is {}; {}", to_string(status.state), before);
  if (status.state != SourceState::current && !status.last_error.empty())
    text += ": " + status.last_error;
  return text;
}

}  // namespace

// One more for each kThen that passed, up to kAtOnce.
bool SourceWatch::may_say(TimePoint now) {
  const auto more = (now - counted_) / kThen;
  counted_ = lines_ + more >= kAtOnce ? now : counted_ + more * kThen;
  lines_ = static_cast<unsigned>(std::min<std::int64_t>(lines_ + more, kAtOnce));
  if (lines_ == 0) return false;
  --lines_;
  return true;
}

std::optional<SourceLine> SourceWatch::look(const SourceStatus& status, TimePoint now) {
  if (!begun_) since_ = counted_ = now;
  begun_ = true;
  std::string before;
  if (status.state != state_) {
    before = fmt::format("it was {} for {}", to_string(state_), lasting(now - since_));
    since_ = now;
    ++untold_;
  } else if (status.cause != cause_) {
    before = fmt::format("as it has been for {}, and now", lasting(now - since_));
    ++untold_;
  }
  state_ = status.state;
  cause_ = status.cause;
  if (untold_ == 0 || !may_say(now)) return std::nullopt;
  if (untold_ > 1) {
    before = fmt::format("{} changes since the last line, the last {} ago", untold_,
                         lasting(now - since_));
  }
  untold_ = 0;
  return SourceLine{state_ == SourceState::current, line(status, before)};
}

}  // namespace holdfast
