// SPDX-License-Identifier: Apache-2.0
// Services from the pinned maps; of one of them also what no map tells, from the daemon: who else
// claims its frontends.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <memory>
#include <optional>
#include <ostream>

#include "agent/base/text.h"
#include "agent/cli/ask.h"
#include "agent/cli/commands/table.h"
#include "agent/cli/unserved.h"
#include "agent/cli/views.h"

namespace holdfast::cli {
namespace {

using boost::json::array;
using boost::json::object;

// Of all conflicts, those of one service.
array concerning(const array& conflicts, const std::string& service) {
  array rows;
  for (const auto& one : conflicts) {
    if (cell(one.at("owner")) == service || cell(one.at("loser")) == service) rows.push_back(one);
  }
  return rows;
}

// A service is named with its namespace: -n is only the one that a bare name is of.
std::optional<object> find(Options options, const MapsView& maps, const std::string& service) {
  array rows;
  for (const ServiceView& view : services_of(maps.image)) rows.push_back(service_row(view));
  options.name_space.clear();
  add_unserved(options, rows);
  for (auto& row : rows) {
    if (cell(row.at("namespace")) + "/" + cell(row.at("name")) == service)
      return std::move(row.as_object());
  }
  return std::nullopt;
}

// A service that has lost every frontend is in no map.
object without_frontends(const std::string& name, const array& contested) {
  object row{{"namespace", name.substr(0, name.find('/'))},
             {"name", name.substr(name.find('/') + 1)},
             {"frontends", array{}},
             {"endpoints", array{}},
             {"source", ""},
             {"generation", 0}};
  const object& conflict = contested.front().as_object();
  if (const auto* source = conflict.if_contains("loser_source")) row["source"] = *source;
  return row;
}

void describe(const Env& env, const Options& options, const std::string& name, const object& row) {
  const Rendering& how = options.rendering;
  env.out << printable(name) << "  source " << cell(row.at("source")) << "  generation "
          << cell(row.at("generation")) << "\n";
  print_rows(env.out, how, row.at("frontends").as_array(),
             {{"FRONTEND", "address"},
              {"PORT", "port"},
              {"PROTOCOL", "protocol"},
              {"KIND", "kind"},
              {"SERVED", "served"}},
             {});
  print_rows(env.out, how, row.at("endpoints").as_array(),
             {{"ENDPOINT", "address"},
              {"PORT", "port"},
              {"STATE", "state"},
              {"PICKED", "picked"},
              {"WEIGHT", "weight"},
              {"READY", "ready"},
              {"NODE", "node"},
              {"ZONE", "zone"}},
             {});
  if (!row.at("contested").is_array()) {
    env.err
        << "holdfast: who else claims these frontends is not known: holdfastd does not answer\n";
  } else if (const auto& contested = row.at("contested").as_array(); !contested.empty()) {
    print_rows(env.out, how, contested,
               {{"CONTESTED", "address"},
                {"PORT", "port"},
                {"PROTOCOL", "protocol"},
                {"HAS-IT", "owner"},
                {"KIND", "owner_kind"},
                {"DOES-NOT", "loser"},
                {"KIND", "loser_kind"},
                {"REASON", "reason"}},
               {});
  }
}

array services(const Options& options, const MapsView& maps) {
  array rows;
  for (const ServiceView& view : services_of(maps.image)) {
    if (is_wanted(options, view.key)) rows.push_back(service_row(view));
  }
  add_unserved(options, rows);
  return rows;
}

int list(const Env& env, const Options& options) {
  const auto maps = env.open_maps(options.config.bpffs);
  if (!maps) return report(env, options, maps.error());
  print_rows(env.out, options.rendering, services(options, *maps),
             {{"NAMESPACE", "namespace"},
              {"NAME", "name"},
              {"FRONTENDS", "frontends"},
              {"ENDPOINTS", "endpoints"},
              {"SOURCE", "source", true},
              {"GENERATION", "generation", true}},
             {"namespace", "name"});
  return kOk;
}

int show(const Env& env, const Options& options, std::string wanted) {
  const auto maps = env.open_maps(options.config.bpffs);
  if (!maps) return report(env, options, maps.error());
  if (wanted.find('/') == std::string::npos)
    wanted = (options.name_space.empty() ? "default" : options.name_space) + "/" + wanted;
  const auto conflicts = ask_conflicts(env, options);
  const array contested = conflicts ? concerning(*conflicts, wanted) : array{};
  std::optional<object> row = find(options, *maps, wanted);
  if (!row && !contested.empty()) row = without_frontends(wanted, contested);
  if (!row)
    return report(env, options, {Errc::not_found, 0, "no service " + wanted + " in the maps"});
  (*row)["contested"] = nullptr;
  if (conflicts) (*row)["contested"] = contested;
  if (print_document(env.out, options.rendering, *row)) return kOk;
  if (options.rendering.format == Format::name)
    print_rows(env.out, options.rendering, array{*row}, {}, {"namespace", "name"});
  else
    describe(env, options, wanted, *row);
  return kOk;
}

}  // namespace

Run service_list(Usage&) {
  return list;
}

Run service_show(Usage& usage) {
  const auto name = std::make_shared<std::string>();
  usage.argument("NAMESPACE/NAME", *name);
  usage.examples = {"holdfast service show shop/cart"};
  return [name](const Env& env, const Options& options) { return show(env, options, *name); };
}

}  // namespace holdfast::cli
