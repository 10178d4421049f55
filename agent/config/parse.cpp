// SPDX-License-Identifier: Apache-2.0
// The table of keys, a section at a time; and what reads and says a configuration by it.
#include <fmt/format.h>

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

using Keys = Loader::Keys;

Loader::Field listen(Loader& loader, std::string& into) {
  return {[&](const Value& value) { check_listen(loader, value, into); },
          [&into] { return string_value(into.empty() ? "none" : into); }};
}

Loader::Field sources(Loader& loader, std::vector<SourceConfig>& into) {
  const auto take = [&](const Value& value) {
    if (value.type != Value::Type::sequence) {
      loader.problem(value, "sources must be a list");
      return;
    }
    for (const Value& item : value.items) load_source(loader, item, into);
  };
  return {take, [&] {
            Value list;
            list.type = Value::Type::sequence;
            for (const SourceConfig& one : into) list.items.push_back(say_source(loader, one));
            return list;
          }};
}

constexpr std::int64_t kMost = 1 << 20;

// clang-format off
Keys probe_keys(Loader& loader, ProbeSettings& probe) {
  return {{"enabled",                  loader.boolean(probe.enabled)},
          {"per_second",               loader.number(probe.per_second, 1, 1000)},
          {"in_flight",                loader.number(probe.in_flight, 1, 1024)},
          {"timeout_ms",               loader.duration(probe.timeout, 10, 60000)},
          {"interval_seconds",         loader.duration(probe.interval, 1, 3600)},
          {"longest_interval_seconds", loader.duration(probe.longest_interval, 1, 3600)}};
}

Keys guard_keys(Loader& loader, GuardSettings& guard, ProbeSettings& probe) {
  const auto check_probe = [&](const Value& value) {
    if (probe.longest_interval >= probe.interval) return;
    loader.problem(value,
                   fmt::format("longest_interval_seconds ({}) is less than interval_seconds ({})",
                               probe.longest_interval.count(), probe.interval.count()));
  };
  return {{"enabled",                 loader.boolean(guard.enabled)},
          {"accident_window_seconds", loader.duration(guard.accident_window, 1, 3600)},
          {"accident_services",       loader.number(guard.accident_services, 1, kMost)},
          {"accident_nodes",          loader.number(guard.accident_nodes, 1, kMost)},
          {"last_ready_settle_ms",    loader.duration(guard.last_ready_settle, 0, 60000)},
          {"absences",                loader.number(guard.absences, 2, 1000)},
          {"absence_spacing_seconds", loader.duration(guard.absence_spacing, 1, 86400)},
          {"hold_endpoints_percent",  loader.number(guard.hold_endpoints_percent, 0, 100)},
          {"hold_endpoints_least",    loader.number(guard.hold_endpoints_least, 1, kMost)},
          {"hold_services_percent",   loader.number(guard.hold_services_percent, 0, 100)},
          {"hold_services_least",     loader.number(guard.hold_services_least, 1, kMost)},
          {"hold_window_seconds",     loader.duration(guard.hold_window, 1, 3600)},
          {"refused_seconds",         loader.duration(guard.refused_for, 1, 86400)},
          {"probe",                   loader.section("guard.probe", probe_keys(loader, probe), check_probe)}};
}

Keys keys_of(Loader& loader, Config& config) {
  const Keys node = {
      {"name", loader.text(config.node_name)},
      {"zone", loader.text(config.node_zone)}};
  const Keys capacity = {
      {"services",  loader.number(config.capacity_services, 1, 1 << 20, true)},
      {"endpoints", loader.number(config.capacity_endpoints, 1, 1 << 22, true)}};
  const Keys dataplane = {
      {"cgroup",   loader.path(config.cgroup, true)},
      {"bpffs",    loader.path(config.bpffs)},
      {"capacity", loader.section("dataplane.capacity", capacity)}};
  const Keys admin = {
      {"socket", loader.path(config.admin_socket)},
      {"listen", listen(loader, config.admin_listen)}};
  return {{"node",      loader.section("node", node)},
          {"dataplane", loader.section("dataplane", dataplane)},
          {"state_dir", loader.path(config.state_dir)},
          {"admin",     loader.section("admin", admin)},
          {"guard",     loader.section("guard", guard_keys(loader, config.guard, config.probe))},
          {"sources",   sources(loader, config.sources)}};
}
// clang-format on

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
  if (!parsed.documents.empty())
    loader.section(parsed.documents[0], "the configuration", keys_of(loader, result.config));
  // The embedded default needs no cluster.
  if (result.config.sources.empty() && result.problems.empty()) {
    result.config.sources.push_back({"file", false, FileSourceConfig{"/etc/holdfast/catalog.d"}});
  }
  return result;
}

Value describe(Config config) {
  ConfigResult nothing;
  const std::string no_file;
  Loader loader(no_file, nothing);
  return Loader::say(keys_of(loader, config));
}

}  // namespace holdfast
