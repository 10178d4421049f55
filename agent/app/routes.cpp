// SPDX-License-Identifier: Apache-2.0
#include "agent/app/routes.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <utility>

#include "agent/app/metrics.h"
#include "agent/app/status.h"
#include "agent/base/text.h"

namespace holdfast {
namespace {

admin::Response json(const boost::json::value& value, unsigned status = 200) {
  return {status, "application/json", printable_json(boost::json::serialize(value)) + "\n"};
}

admin::Response problem(unsigned status, const std::string& message) {
  return json(boost::json::object{{"error", printable(message)}}, status);
}

admin::Response problem(const Error& error) {
  const unsigned status = error.code == Errc::not_found ? 404
                          : error.code == Errc::exists  ? 409
                                                        : 500;
  return problem(status, error.what);
}

admin::Response lines(const std::vector<std::string>& pending) {
  std::string body;
  for (const std::string& part : pending) body += printable(part) + "\n";
  return {pending.empty() ? 200u : 503u, "text/plain", pending.empty() ? "ok\n" : body};
}

// What stands at "*" in the pattern; nullopt: it is another path. It may hold slashes, as the name
// of a source does.
std::optional<std::string> match(std::string_view pattern, std::string_view path) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos)
    return pattern == path ? std::optional<std::string>("") : std::nullopt;
  const std::string_view before = pattern.substr(0, star), behind = pattern.substr(star + 1);
  if (path.size() <= before.size() + behind.size()) return std::nullopt;
  if (!path.starts_with(before) || !path.ends_with(behind)) return std::nullopt;
  path.remove_prefix(before.size());
  path.remove_suffix(behind.size());
  return std::string(path);
}

}  // namespace

struct Routes::Row {
  std::string_view method, path;
  bool anybody;  // also over the listen address, which whoever shares the node's network reaches
  admin::Response (Routes::*answer)(const std::string& of);
};

// clang-format off
const std::vector<Routes::Row>& Routes::table() {
  static const std::vector<Row> rows = {
      {"GET",  "/livez",                  true,  &Routes::alive},
      {"GET",  "/readyz",                 true,  &Routes::ready},
      {"GET",  "/metrics",                true,  &Routes::metrics},
      {"GET",  "/v1/status",              false, &Routes::status},
      {"GET",  "/v1/sources",             false, &Routes::sources},
      {"GET",  "/v1/holds",               false, &Routes::holds},
      {"GET",  "/v1/conflicts",           false, &Routes::conflicts},
      {"GET",  "/v1/diff",                false, &Routes::diff},
      {"POST", "/v1/holds/*/accept",      false, &Routes::accept},
      {"POST", "/v1/holds/*/reject",      false, &Routes::reject},
      {"POST", "/v1/sources/*/uninstall", false, &Routes::uninstall},
  };
  return rows;
}
// clang-format on

Routes::Routes(Pipeline& pipeline, Timers& timers, std::function<const SnapshotFacts&()> facts)
    : pipeline_(pipeline), timers_(timers), facts_(std::move(facts)) {}

View Routes::view() const {
  return {pipeline_, facts_(), timers_.now(), timers_.date()};
}

admin::Response Routes::answer(const admin::Request& request) {
  for (const Row& row : table()) {
    const auto of = match(row.path, request.path);
    if (!of || row.method != request.method) continue;
    if (row.anybody || request.local) return (this->*row.answer)(*of);
  }
  if (!request.local) return problem(403, "answered on the admin socket only: " + request.path);
  return problem(404, fmt::format("no such request: {} {}", request.method, request.path));
}

admin::Response Routes::alive(const std::string& /*of*/) {
  return lines({});
}

admin::Response Routes::ready(const std::string& /*of*/) {
  return lines(pipeline_.serving().pending());
}

admin::Response Routes::metrics(const std::string& /*of*/) {
  return {200, "text/plain; version=0.0.4; charset=utf-8", MetricsReport(view()).text()};
}

admin::Response Routes::status(const std::string& /*of*/) {
  return json(StatusReport(view()).status());
}

admin::Response Routes::sources(const std::string& /*of*/) {
  return json(StatusReport(view()).sources());
}

admin::Response Routes::holds(const std::string& /*of*/) {
  return json(StatusReport(view()).holds());
}

admin::Response Routes::conflicts(const std::string& /*of*/) {
  return json(StatusReport(view()).conflicts());
}

// What of a gone source serves is desired for now, and yet no source says it.
admin::Response Routes::diff(const std::string& /*of*/) {
  if (!pipeline_.serving().is_open()) return problem(503, "the maps are not made yet");
  const auto differences = pipeline_.serving().differences();
  if (!differences) return problem(500, differences.error().what);
  auto rows = to_json(*differences).as_array();
  for (boost::json::value& row : StatusReport(view()).gone_differences())
    rows.push_back(std::move(row));
  return json(rows);
}

admin::Response Routes::uninstall(const std::string& of) {
  const auto services = pipeline_.intake().uninstall(of);
  if (!services) return problem(services.error());
  return json(boost::json::object{{"source", of}, {"services", *services}});
}

admin::Response Routes::accept(const std::string& of) {
  return decide(of, true);
}

admin::Response Routes::reject(const std::string& of) {
  return decide(of, false);
}

admin::Response Routes::decide(const std::string& id, bool accept) {
  const auto decided = pipeline_.intake().decide(id, accept);
  if (!decided) return problem(decided.error());
  if (id == "all") return json(boost::json::object{{"count", *decided}});
  return json(boost::json::object{{"id", id}, {"state", accept ? "accepted" : "rejected"}});
}

}  // namespace holdfast
