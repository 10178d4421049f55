// SPDX-License-Identifier: Apache-2.0
// The daemon's state as the metrics of docs/metrics.md. Reads, changes nothing.
#pragma once

#include <string>

#include "agent/app/view.h"

namespace holdfast {

class MetricsReport {
 public:
  explicit MetricsReport(const View& view) : view_(view) {}
  std::string text() const;

 private:
  void sources(telemetry::Page& page) const;
  void catalog(telemetry::Page& page) const;
  void guards(telemetry::Page& page) const;
  void network(telemetry::Page& page) const;
  void maps(telemetry::Page& page) const;
  void datapath(telemetry::Page& page) const;
  void snapshots(telemetry::Page& page) const;
  void generations(telemetry::Page& page) const;

  View view_;
};

}  // namespace holdfast
