// SPDX-License-Identifier: Apache-2.0
// The strict loader: a table of keys per section.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "agent/config/config.h"
#include "agent/config/loader.h"
#include "agent/sources/value.h"

namespace holdfast {
namespace {

void check_listen(Loader& loader, const Value& value, std::string& into) {
  const std::string& text = value.text;
  const auto colon = text.rfind(':');
  std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
  // IPv6 in brackets and only so: "::1:9464" is an address itself.
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  const bool good_host = address && brackets == (host.find(':') != host.npos);
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 &&
                      port.find_first_not_of("0123456789") == std::string::npos;
  if (text == "none") {
    into.clear();
  } else if (digits && std::stoi(port) <= 65535 && good_host) {
    // As we read it: who binds to it may read leading zeros otherwise.
    into =
        (address->is_v4() ? address->to_string() : "[" + address->to_string() + "]") + ":" + port;
  } else {
    loader.problem(value, fmt::format("expected ADDRESS:PORT or none, not '{}'", text));
  }
}

void load_probe(Loader& loader, const Value& value, ProbeSettings& probe) {
  loader.section(value, "guard.probe",
                 {{"enabled", loader.boolean(probe.enabled)},
                  {"per_second", loader.number(probe.per_second, 1, 1000)},
                  {"in_flight", loader.number(probe.in_flight, 1, 1024)},
                  {"timeout_ms", loader.duration(probe.timeout, 10, 60000)},
                  {"interval_seconds", loader.duration(probe.interval, 1, 3600)},
                  {"longest_interval_seconds", loader.duration(probe.longest_interval, 1, 3600)}});
  if (probe.longest_interval < probe.interval) {
    loader.problem(value,
                   fmt::format("longest_interval_seconds ({}) is less than interval_seconds ({})",
                               probe.longest_interval.count(), probe.interval.count()));
  }
}

void load_guard(Loader& loader, const Value& value, GuardSettings& guard, ProbeSettings& probe) {
  constexpr std::int64_t kMost = 1 << 20;
  loader.section(value, "guard",
                 {{"enabled", loader.boolean(guard.enabled)},
                  {"accident_window_seconds", loader.duration(guard.accident_window, 1, 3600)},
                  {"accident_services", loader.number(guard.accident_services, 1, kMost)},
                  {"accident_nodes", loader.number(guard.accident_nodes, 1, kMost)},
                  {"last_ready_settle_ms", loader.duration(guard.last_ready_settle, 0, 60000)},
                  {"absences", loader.number(guard.absences, 2, 1000)},
                  {"absence_spacing_seconds", loader.duration(guard.absence_spacing, 1, 86400)},
                  {"hold_endpoints_percent", loader.number(guard.hold_endpoints_percent, 0, 100)},
                  {"hold_endpoints_least", loader.number(guard.hold_endpoints_least, 1, kMost)},
                  {"hold_services_percent", loader.number(guard.hold_services_percent, 0, 100)},
                  {"hold_services_least", loader.number(guard.hold_services_least, 1, kMost)},
                  {"hold_window_seconds", loader.duration(guard.hold_window, 1, 3600)},
                  {"refused_seconds", loader.duration(guard.refused_for, 1, 86400)},
                  {"probe", [&](const Value& v) { load_probe(loader, v, probe); }}});
}

void load_all(Loader& loader, const Value& root, Config& config) {
  loader.section(
      root, "the configuration",
      {{"node",
        [&](const Value& v) {
          loader.section(
              v, "node",
              {{"name", loader.text(config.node_name)}, {"zone", loader.text(config.node_zone)}});
        }},
       {"dataplane",
        [&](const Value& v) {
          loader.section(
              v, "dataplane",
              {{"cgroup", loader.path(config.cgroup, true)},
               {"bpffs", loader.path(config.bpffs)},
               {"capacity", [&](const Value& c) {
                  loader.section(
                      c, "dataplane.capacity",
                      {{"services", loader.number(config.capacity_services, 1, 1 << 20, true)},
                       {"endpoints", loader.number(config.capacity_endpoints, 1, 1 << 22, true)}});
                }}});
        }},
       {"state_dir", loader.path(config.state_dir)},
       {"admin",
        [&](const Value& v) {
          loader.section(
              v, "admin",
              {{"socket", loader.path(config.admin_socket)},
               {"listen", [&](const Value& l) { check_listen(loader, l, config.admin_listen); }}});
        }},
       {"guard", [&](const Value& v) { load_guard(loader, v, config.guard, config.probe); }},
       {"sources", [&](const Value& v) {
          if (v.type != Value::Type::sequence) {
            loader.problem(v, "sources must be a list");
            return;
          }
          for (const Value& item : v.items) load_source(loader, item, config.sources);
        }}});
}

}  // namespace

ConfigResult parse_config(const std::string& text, const std::string& file) {
  ConfigResult result;
  ParseLimits limits;
  limits.bytes = 1 << 20;
  const ParseOutcome parsed = parse_documents(text, file, limits);
  if (parsed.problem) result.problems.push_back(*parsed.problem);
  Loader loader(file, result);
  if (parsed.documents.size() > 1)
    loader.problem(parsed.documents[1], "a configuration is one document");
  if (!parsed.documents.empty()) load_all(loader, parsed.documents[0], result.config);
  // The embedded default needs no cluster.
  if (result.config.sources.empty() && result.problems.empty()) {
    result.config.sources.push_back({"file", false, FileSourceConfig{"/etc/holdfast/catalog.d"}});
  }
  return result;
}

}  // namespace holdfast
