// SPDX-License-Identifier: Apache-2.0
// The interface of every source. Adding one is a folder and a row in sources/registry.cpp.
// A source lives on the daemon's one loop, never sees a map, and never ends the process.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/sources/update.h"

namespace holdfast {

struct SourceStatus {
  std::string name;
  std::string kind;   // "file", ...
  std::string state;  // "starting", "current", "degraded" (part of it in doubt), "failed"
  std::optional<std::chrono::system_clock::time_point> last_confirmed;  // confirmed current
  std::string last_error;                                               // "" when there is none now
};

class Source {
 public:
  using Sink = std::function<void(SourceUpdate)>;

  virtual ~Source() = default;
  // Starts to read and watch; calls `sink` on the loop, first with all it knows, then with what
  // changed. Never blocks longer than reading its files takes; never throws.
  virtual void start(Sink sink) = 0;
  virtual void stop() = 0;
  virtual SourceStatus status() const = 0;
};

}  // namespace holdfast
