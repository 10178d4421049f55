// SPDX-License-Identifier: Apache-2.0
// What status and metrics are made of: the parts, read only, and the time at which they are asked.
#pragma once

#include "agent/app/pipeline.h"
#include "agent/app/snapshots.h"

namespace holdfast {

struct View {
  const Pipeline& pipeline;
  const SnapshotFacts& snapshots;
  TimePoint now;
  std::chrono::system_clock::time_point date;
};

}  // namespace holdfast
