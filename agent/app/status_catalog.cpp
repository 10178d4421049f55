// SPDX-License-Identifier: Apache-2.0
// What the catalog has beside services: frontends claimed twice, sources that are gone.
#include <fmt/format.h>

#include "agent/app/status.h"
#include "agent/base/text.h"

namespace holdfast {

using boost::json::array;
using boost::json::object;

array StatusReport::conflicts() const {
  array rows;
  if (!view_.pipeline.intake().begun()) return rows;
  for (const Conflict& conflict : view_.pipeline.intake().catalog().conflicts()) {
    rows.push_back(object{{"owner", conflict.owner.to_string()},
                          {"loser", conflict.loser.to_string()},
                          {"address", conflict.frontend.address.to_string()},
                          {"port", conflict.frontend.port},
                          {"protocol", to_string(conflict.protocol)},
                          {"owner_kind", to_string(conflict.has.kind)},
                          {"owner_source", conflict.has.source},
                          {"loser_kind", to_string(conflict.wants.kind)},
                          {"loser_source", conflict.wants.source},
                          {"reason", conflict.reason()}});
  }
  return rows;
}

array StatusReport::gone() const {
  array rows;
  for (const auto& one : view_.pipeline.intake().gone().rows(view_.now)) {
    rows.push_back(object{
        {"name", printable(one.name, kCellLimit)},
        {"kind", ""},
        {"role", ""},
        {"state", "gone"},
        {"last_confirmed", nullptr},
        {"age_seconds", nullptr},
        {"last_error", fmt::format("not in the configuration: {} services, which leave in {} s",
                                   one.services, one.left.count())},
        {"details", object{}},
        {"services", one.services},
        {"leaves_in_seconds", one.left.count()}});
  }
  return rows;
}

array StatusReport::gone_differences() const {
  array rows;
  for (const auto& row : view_.pipeline.intake().gone().rows(view_.now)) {
    const std::string why = fmt::format(
        "gone: source {} is not in the configuration, leaves in {} s", row.name, row.left.count());
    for (const std::string& service : view_.pipeline.intake().gone().services(row.name)) {
      rows.push_back(
          object{{"map", "services"}, {"key", service}, {"desired", why}, {"actual", "served"}});
    }
  }
  return rows;
}

}  // namespace holdfast
