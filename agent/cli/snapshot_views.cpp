// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/snapshot_views.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <ostream>

#include "agent/model/vantage.h"

namespace holdfast::cli {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

constexpr std::int64_t kLastYear = 253402300799;  // of four digits: the end of 9999

value rfc3339(std::int64_t seconds) {
  if (seconds < 0 || seconds > kLastYear) return nullptr;
  return value(
      fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds))));
}

struct Totals {
  std::size_t services = 0, endpoints = 0, held = 0;
};

void count(const GuardMemory::Entry& entry, Totals& totals) {
  ++totals.services;
  for (const Pool& pool : entry.admitted->pools) {
    totals.endpoints += pool.endpoints.size();
    for (const Endpoint& endpoint : pool.endpoints) totals.held += endpoint.held;
  }
}

Totals count(const Snapshot::SourceMemory& source) {
  Totals totals;
  for (const auto& entry : source.memory.services) count(entry, totals);
  return totals;
}

object to_json(const Endpoint& endpoint, Protocol protocol) {
  return {{"address", endpoint.address.to_string()},
          {"port", endpoint.port},
          {"protocol", to_string(protocol)},
          {"ready", endpoint.ready},
          {"serving", endpoint.serving},
          {"terminating", endpoint.terminating},
          {"weight", endpoint.weight},
          {"node", endpoint.node.get()},
          {"zone", endpoint.zone.get()},
          {"identity", endpoint.identity.to_string()},
          {"held", endpoint.held}};
}

// As the node of the snapshot has it.
object to_json(const GuardMemory::Entry& entry, const std::string& source,
               const std::vector<IpAddress>& addresses) {
  array frontends, endpoints;
  const ServicePtr seen = with_frontends_of(entry.admitted, addresses);
  for (const Pool& pool : seen->pools) {
    for (const Frontend& frontend : pool.frontends) {
      frontends.push_back(object{{"address", frontend.address.to_string()},
                                 {"port", frontend.port},
                                 {"protocol", to_string(pool.protocol)},
                                 {"kind", to_string(frontend.kind)}});
    }
    for (const Endpoint& endpoint : pool.endpoints)
      endpoints.push_back(to_json(endpoint, pool.protocol));
  }
  return {{"namespace", entry.admitted->key.name_space},
          {"name", entry.admitted->key.name},
          {"source", source},
          {"held", entry.absent},
          {"rejected", entry.rejected},
          {"frontends", std::move(frontends)},
          {"endpoints", std::move(endpoints)}};
}

std::string state_of(const StoredSnapshot& file) {
  if (file.aside && file.trust == Trust::good) return "aside";
  return std::string(to_string(file.trust));
}

}  // namespace

object snapshot_row(const StoredSnapshot& file, std::int64_t now) {
  object row{{"generation", file.generation}, {"file", file.name},       {"state", state_of(file)},
             {"reason", file.reason},         {"set_aside", file.aside}, {"bytes", file.bytes}};
  row["format"] = file.format.major == 0 ? value(nullptr) : value(file.format.to_string());
  for (const char* key : {"written_at", "age_seconds", "node", "imported_from", "services",
                          "endpoints", "held_endpoints", "tombstones"})
    row[key] = nullptr;
  if (!file.snapshot) return row;
  const Snapshot& snapshot = *file.snapshot;
  Totals all;
  for (const auto& source : snapshot.sources) {
    for (const auto& entry : source.memory.services) count(entry, all);
  }
  row["written_at"] = rfc3339(snapshot.written_at);
  row["age_seconds"] = now - snapshot.written_at;
  row["node"] = snapshot.node;
  row["imported_from"] = snapshot.imported_from;
  row["services"] = all.services;
  row["endpoints"] = all.endpoints;
  row["held_endpoints"] = all.held;
  row["tombstones"] = snapshot.tombstones.size();
  return row;
}

object snapshot_document(const StoredSnapshot& file, std::int64_t now) {
  object document = snapshot_row(file, now);
  array sources, services, tombstones;
  for (const auto& source : file.snapshot->sources) {
    const Totals totals = count(source);
    sources.push_back(object{{"name", source.name},
                             {"cluster", source.cluster},
                             {"way", source.source_memory},
                             {"services", totals.services},
                             {"endpoints", totals.endpoints},
                             {"held_endpoints", totals.held}});
    const auto addresses = addresses_of(source.memory.nodes, file.snapshot->node);
    for (const auto& entry : source.memory.services)
      services.push_back(to_json(entry, source.name, addresses));
  }
  for (const Tombstone& one : file.snapshot->tombstones) {
    tombstones.push_back(
        object{{"namespace", one.key.name_space}, {"name", one.key.name}, {"source", one.source}});
  }
  document["sources"] = std::move(sources);
  document["tombstones"] = std::move(tombstones);
  document["services"] = std::move(services);
  return document;
}

void describe_snapshot(std::ostream& out, const Rendering& how, const object& document) {
  if (how.format == Format::table || how.format == Format::wide) {
    const auto line = [&](const char* name, const char* key) {
      out << name << cell(document.at(key)) << "\n";
    };
    line("generation  ", "generation");
    line("state       ", "state");
    if (!document.at("reason").as_string().empty()) line("reason      ", "reason");
    line("format      ", "format");
    line("written     ", "written_at");
    line("node        ", "node");
    if (!document.at("imported_from").as_string().empty()) line("imported    ", "imported_from");
    print_rows(out, how, document.at("sources").as_array(),
               {{"SOURCE", "name"},
                {"CLUSTER", "cluster"},
                {"SERVICES", "services"},
                {"ENDPOINTS", "endpoints"},
                {"HELD", "held_endpoints"},
                {"WAY", "way", true}},
               {"name"});
  }
  print_rows(out, how, document.at("services").as_array(),
             {{"NAMESPACE", "namespace"},
              {"NAME", "name"},
              {"SOURCE", "source", true},
              {"HELD", "held", true},
              {"FRONTENDS", "frontends"},
              {"ENDPOINTS", "endpoints"}},
             {"namespace", "name"});
}

}  // namespace holdfast::cli
