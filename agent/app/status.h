// SPDX-License-Identifier: Apache-2.0
// The daemon's state as the JSON of docs/admin-api.md. Reads, changes nothing.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "agent/app/view.h"

namespace holdfast {

class StatusReport {
 public:
  explicit StatusReport(const View& view) : view_(view) {}

  boost::json::value status() const;
  boost::json::value sources() const;
  boost::json::value holds() const;
  boost::json::array conflicts() const;
  // A row of `diff` for each service of a source that is not in the configuration.
  boost::json::array gone_differences() const;

 private:
  boost::json::object source(const GuardedSource& state) const;
  boost::json::array gone() const;  // as rows of sources
  boost::json::object programs() const;
  boost::json::value snapshot() const;
  static boost::json::array unfit(const ReconcileStatus& reconciled);
  boost::json::array network() const;

  View view_;
};

boost::json::object hold_row(const Hold& hold, TimePoint now);
boost::json::value to_json(const std::vector<Difference>& differences);

}  // namespace holdfast
