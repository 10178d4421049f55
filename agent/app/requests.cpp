// SPDX-License-Identifier: Apache-2.0
// The daemon's answers: the routes of docs/admin-api.md.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "agent/app/daemon.h"
#include "agent/app/log.h"
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

admin::Response lines(const std::vector<std::string>& pending) {
  std::string body;
  for (const std::string& part : pending) body += printable(part) + "\n";
  return {pending.empty() ? 200u : 503u, "text/plain", pending.empty() ? "ok\n" : body};
}

const char* word_of(bool accept) {
  return accept ? "accepted" : "rejected";
}

void log_decision(const HoldName& hold, bool accept) {
  log::info(fmt::format("hold {} of {}: {} by the operator", hold.id, hold.service.to_string(),
                        word_of(accept)));
}

}  // namespace

// Readiness means that the maps serve; a doubted source or an open hold leaves it true.
std::vector<std::string> Daemon::pending() const {
  std::vector<std::string> parts;
  if (!dataplane_) parts.emplace_back("maps: waiting for the sources' first words");
  if (dataplane_ && !dataplane_->unreadable().empty())
    parts.push_back("maps: another version's serve until the sources have spoken: " +
                    dataplane_->unreadable());
  if (dataplane_ && !attached_)
    parts.emplace_back("programs: not attached, no generation to serve yet");
  if (dataplane_ && attached_) {
    for (const ProgramStatus& program : dataplane_->programs())
      if (!program.attached) parts.push_back("programs: " + program.name + " is not attached");
  }
  return parts;
}

bool Daemon::ready() const {
  return pending().empty();
}

std::size_t Daemon::open_holds() const {
  std::size_t count = 0;
  for (const SourceState& source : sources_) count += source.guard.held_services();
  return count;
}

admin::Response Daemon::handle(const admin::Request& request) {
  const StatusReport report(*this);
  const bool get = request.method == "GET";
  const bool probe =
      request.path == "/livez" || request.path == "/readyz" || request.path == "/metrics";
  // Whoever shares the node's network reaches the listen address: it tells how we are, no more.
  if (!request.local && !(get && probe))
    return problem(403, "answered on the admin socket only: " + request.path);
  if (request.path == "/livez" && get) return lines({});
  if (request.path == "/readyz" && get) return lines(pending());
  if (request.path == "/metrics" && get)
    return {200, "text/plain; version=0.0.4; charset=utf-8", MetricsReport(*this).text()};
  if (request.path == "/v1/status" && get) return json(report.status());
  if (request.path == "/v1/sources" && get) return json(report.sources());
  if (request.path == "/v1/holds" && get) return json(report.holds());
  if (request.path == "/v1/conflicts" && get) return json(report.conflicts());
  if (request.path == "/v1/diff" && get) return diff();
  const std::string sources = "/v1/sources/", uninstall = "/uninstall";
  if (request.path.starts_with(sources) && request.path.ends_with(uninstall) &&
      request.path.size() > sources.size() + uninstall.size() && request.method == "POST") {
    const std::string rest = request.path.substr(sources.size());
    return leave_source(rest.substr(0, rest.size() - uninstall.size()));
  }
  const std::string prefix = "/v1/holds/";
  if (request.path.starts_with(prefix) && request.method == "POST") {
    const std::string rest = request.path.substr(prefix.size());
    const auto slash = rest.find('/');
    const std::string verb = slash == std::string::npos ? "" : rest.substr(slash + 1);
    if (verb == "accept" || verb == "reject")
      return decide_hold(rest.substr(0, slash), verb == "accept");
  }
  return problem(404, fmt::format("no such request: {} {}", request.method, request.path));
}

// What of a gone source serves is desired for now, and yet no source says it.
admin::Response Daemon::diff() {
  if (!reconciler_) return problem(503, "the maps are not made yet");
  const auto differences = reconciler_->differences();
  if (!differences) return problem(500, differences.error().what);
  auto rows = to_json(*differences).as_array();
  for (boost::json::value& row : StatusReport(*this).gone_differences())
    rows.push_back(std::move(row));
  return json(rows);
}

admin::Response Daemon::leave_source(const std::string& name) {
  for (const SourceState& source : sources_) {
    if (source.name == name) {
      return problem(409, fmt::format("source {} is in the configuration: take it out of the file, "
                                      "and start holdfastd anew",
                                      name));
    }
  }
  const auto services = uninstall_source(name);
  if (!services) return problem(404, fmt::format("nothing is served of a source {}", name));
  return json(boost::json::object{{"source", name}, {"services", *services}});
}

// A source that is refused as a whole (another cluster answers) goes by its name, never by "all".
admin::Response Daemon::decide_refusal(SourceState& source, bool accept) {
  if (source.source->status().state != "refused")
    return problem(404, fmt::format("source {} is not refused", source.name));
  if (accept) {
    if (auto confirmed = source.source->confirm(); !confirmed)
      return problem(404, confirmed.error().what);
    log::warn(fmt::format("source {}: the other cluster is accepted by the operator", source.name));
  }
  return json(boost::json::object{{"id", source.name}, {"state", word_of(accept)}});
}

// All of them are one change: ten thousand generations would hold up the loop for minutes.
std::size_t Daemon::decide_all(bool accept) {
  std::size_t count = 0;
  for (SourceState& source : sources_) {
    const auto names = source.guard.hold_names();
    for (std::size_t index = 0; index < std::min(names.size(), log::kMostNamed); ++index)
      log_decision(names[index], accept);
    if (names.size() > log::kMostNamed)
      log::info(fmt::format("{} more holds of source {}: {} by the operator",
                            names.size() - log::kMostNamed, source.name, word_of(accept)));
    count += names.size();
    if (names.empty()) continue;
    if (accept) {
      carry(source, source.guard.accept_all(std::chrono::steady_clock::now()));
    } else {
      source.guard.reject_all();
    }
  }
  return count;
}

admin::Response Daemon::decide_hold(const std::string& id, bool accept) {
  for (SourceState& source : sources_) {
    if (id == source.name) return decide_refusal(source, accept);
  }
  if (id == "all") {
    const std::size_t count = decide_all(accept);
    report_holds();
    schedule_snapshot();
    return json(boost::json::object{{"count", count}});
  }
  for (SourceState& source : sources_) {
    const auto names = source.guard.hold_names();
    const auto hold = std::find_if(names.begin(), names.end(),
                                   [&id](const HoldName& one) { return one.id == id; });
    if (hold == names.end()) continue;
    log_decision(*hold, accept);
    if (accept) {
      const auto admitted = source.guard.accept(id, std::chrono::steady_clock::now());
      if (!admitted) return problem(500, admitted.error().what);
      carry(source, *admitted);
    } else if (const auto rejected = source.guard.reject(id); !rejected) {
      return problem(500, rejected.error().what);
    }
    report_holds();
    schedule_snapshot();
    return json(boost::json::object{{"id", id}, {"state", word_of(accept)}});
  }
  return problem(404, fmt::format("no hold {}", id));
}

}  // namespace holdfast
