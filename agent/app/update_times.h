// SPDX-License-Identifier: Apache-2.0
// How long updates take on their way into the maps, as distributions for the metrics.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "agent/app/timers.h"
#include "agent/model/update.h"
#include "agent/telemetry/metrics.h"

namespace holdfast {

class UpdateTimes {
 public:
  explicit UpdateTimes(Timers& timers);

  // Around what one update leads to. Where it is applied in steps it is done with the last one.
  void begin();
  void switched();
  void taken(const SourceUpdate& update);
  void done();
  void applied(std::chrono::nanoseconds duration);

  void put(telemetry::Page& page) const;

 private:
  struct Update {
    TimePoint received;
    std::vector<std::string> trigger_times;
  };

  Timers& timers_;
  std::vector<Update> waiting_;
  std::optional<TimePoint> switched_at_;
  telemetry::Distribution apply_, switch_, sync_, programming_;
};

}  // namespace holdfast
