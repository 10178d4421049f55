// SPDX-License-Identifier: Apache-2.0
#include "agent/app/links_watch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "agent/app/log.h"

namespace holdfast {
namespace {

constexpr auto kWatchInterval = std::chrono::seconds(2);

}  // namespace

void LinksWatch::start(Hooks& hooks) {
  hooks_ = &hooks;
  timer_->after(kWatchInterval, [this] { look(); });
}

// One line for each change: what was found and mended, or cannot be.
void LinksWatch::look() {
  const Watched found = hooks_->watch();
  const std::string what = fmt::format("{}", fmt::join(found.faults, "; "));
  const std::string error = found.mended ? "" : what + ": " + found.mended.error().what;
  if (!error.empty() && error != last_error_) log::error("links: " + error);
  if (error.empty() && !found.faults.empty()) {
    ++repairs_;
    log::warn(fmt::format("links: {}; put back", what));
  } else if (error.empty() && !last_error_.empty()) {
    log::info("links: all are attached and pinned");
  }
  last_error_ = error;
  timer_->after(kWatchInterval, [this] { look(); });
}

}  // namespace holdfast
