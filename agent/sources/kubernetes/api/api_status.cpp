// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/api_status.h"

#include <algorithm>

#include "agent/sources/kubernetes/settings.h"

namespace holdfast::kubernetes {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

std::int64_t seconds_since(steady_clock::time_point then) {
  return std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - then).count();
}

system_clock::time_point by_the_calendar(steady_clock::time_point then) {
  return system_clock::now() -
         std::chrono::duration_cast<system_clock::duration>(steady_clock::now() - then);
}

// All kinds are as current as the one that was confirmed longest ago. One that is done without
// (Nodes) was never listed.
std::optional<steady_clock::time_point> confirmed(const ApiParts& parts) {
  if (!parts.store.synced()) return std::nullopt;
  std::optional<steady_clock::time_point> oldest;
  for (const ReflectorStatus& one : parts.kinds) {
    if (one.lists == 0) continue;
    if (!one.confirmed) return std::nullopt;
    if (!oldest || *one.confirmed < *oldest) oldest = one.confirmed;
  }
  return oldest;
}

SourceState state_of(const ApiParts& parts, const std::string& error) {
  const bool all_current =
      !parts.kinds.empty() && std::all_of(parts.kinds.begin(), parts.kinds.end(),
                                          [](const ReflectorStatus& one) { return one.current; });
  if (!parts.access.foreign().empty()) return SourceState::refused;
  if (all_current) return SourceState::current;
  if (parts.store.synced()) return SourceState::degraded;
  return error.empty() ? SourceState::starting : SourceState::failed;
}

void add_kind(const ReflectorStatus& one, const std::string& resource, SourceStatus& status) {
  // The first: without Services nothing works, without Nodes only NodePorts do not.
  if (!one.error.empty() && status.last_error.empty()) {
    status.last_error = resource + ": " + one.error;
    status.cause = to_string(one.cause);
  }
  status.details.emplace_back(resource + "_connected", one.connected ? "true" : "false");
  if (one.confirmed)
    status.details.emplace_back(resource + "_heard_seconds_ago",
                                std::to_string(seconds_since(*one.confirmed)));
}

}  // namespace

SourceStatus status_of(const ApiParts& parts) {
  SourceStatus status;
  status.name = parts.name;
  status.kind = KubernetesSourceConfig::kKind;
  status.asked = parts.access.asked();
  std::uint64_t events = 0, lists = 0;
  std::string reason = "start";
  for (std::size_t index = 0; index < parts.kinds.size(); ++index) {
    const ReflectorStatus& one = parts.kinds[index];
    const std::string resource(row_of(kKinds[index]).resource);
    events += one.events;
    lists += one.lists;
    if (!one.last_list_reason.empty()) reason = resource + ": " + one.last_list_reason;
    add_kind(one, resource, status);
  }
  if (const auto at = confirmed(parts)) status.last_confirmed = by_the_calendar(*at);
  status.state = state_of(parts, status.last_error);
  if (status.state == SourceState::refused) {
    status.cause = to_string(Ending::foreign);
    status.refused_seconds = seconds_since(parts.access.foreign_since());
  }
  const std::size_t relists = lists > kKinds.size() ? lists - kKinds.size() : 0;
  status.details.emplace_back("server", status.asked);
  status.details.emplace_back("cluster", parts.access.cluster());
  status.details.emplace_back("last_list", reason);
  status.counters = {{"events", events},
                     {"relists", relists},
                     {"requests", parts.access.requests()},
                     {"compares", parts.compares.compares},
                     {"corrected", parts.compares.corrected}};
  return status;
}

}  // namespace holdfast::kubernetes
