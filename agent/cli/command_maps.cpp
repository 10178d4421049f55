// SPDX-License-Identifier: Apache-2.0
// Commands that read the pinned maps: they answer with the daemon dead.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <ostream>

#include "agent/cli/commands.h"
#include "agent/cli/unserved.h"
#include "agent/cli/views.h"

namespace holdfast::cli {

using boost::json::array;
using boost::json::object;

namespace {

// Reads the maps and hands them on; an error is reported in one place.
template <class Show>
int with_maps(const Env& env, const Options& options, Show show) {
  const auto maps = env.open_maps(options.config.bpffs);
  if (!maps) return report(env, options, maps.error());
  return show(*maps);
}

array services(const Env&, const Options& options, const MapsView& maps) {
  array rows;
  for (const ServiceView& view : services_of(maps.image)) {
    if (options.name_space.empty() || view.key.name_space == options.name_space)
      rows.push_back(service_row(view));
  }
  add_unserved(options, rows);
  return rows;
}

const std::vector<Column> kServiceColumns = {
    {"NAMESPACE", "namespace"}, {"NAME", "name"},           {"FRONTENDS", "frontends"},
    {"ENDPOINTS", "endpoints"}, {"SOURCE", "source", true}, {"GENERATION", "generation", true}};

}  // namespace

int service_list(const Env& env, const Options& options) {
  return with_maps(env, options, [&](const MapsView& maps) {
    print_rows(env.out, options.rendering, services(env, options, maps), kServiceColumns,
               {"namespace", "name"});
    return kOk;
  });
}

int frontend_list(const Env& env, const Options& options) {
  return with_maps(env, options, [&](const MapsView& maps) {
    array rows;
    for (const ServiceView& view : services_of(maps.image)) {
      if (!options.name_space.empty() && view.key.name_space != options.name_space) continue;
      for (const PoolView& pool : view.pools) {
        for (const Frontend& frontend : pool.pool.frontends) {
          object row = frontend_row(frontend, pool.pool.protocol);
          row["service"] = view.key.to_string();
          row["pool"] = pool.id;
          row["scope"] = frontend.host_scope ? "host" : "all";
          rows.push_back(std::move(row));
        }
      }
    }
    print_rows(env.out, options.rendering, rows,
               {{"ADDRESS", "address"},
                {"PORT", "port"},
                {"PROTOCOL", "protocol"},
                {"KIND", "kind"},
                {"SERVICE", "service"},
                {"POOL", "pool", true},
                {"SCOPE", "scope", true}},
               {"address", "port", "protocol"});
    return kOk;
  });
}

int endpoint_list(const Env& env, const Options& options) {
  return with_maps(env, options, [&](const MapsView& maps) {
    array rows;
    for (const EndpointTotals& total : endpoints_of(maps.image)) {
      array names;
      bool wanted = options.name_space.empty();
      for (const ServiceKey& key : total.services) {
        names.emplace_back(key.to_string());
        wanted = wanted || key.name_space == options.name_space;
      }
      if (!wanted) continue;
      rows.push_back(object{{"address", total.endpoint.address.to_string()},
                            {"port", total.endpoint.port},
                            {"protocol", to_string(total.protocol)},
                            {"services", std::move(names)},
                            {"state", to_string(total.state)},
                            {"connects", total.connects},
                            {"in_flight", total.in_flight},
                            {"failures", total.failures},
                            {"last_error", total.last_error},
                            {"srtt_us", total.srtt_us}});
    }
    print_rows(env.out, options.rendering, rows,
               {{"ADDRESS", "address"},
                {"PORT", "port"},
                {"SERVICES", "services"},
                {"STATE", "state"},
                {"CONNECTS", "connects"},
                {"IN-FLIGHT", "in_flight"},
                {"FAILURES", "failures"},
                {"LAST-ERROR", "last_error", true},
                {"SRTT-US", "srtt_us", true}},
               {"address", "port", "protocol"});
    return kOk;
  });
}

int pool_list(const Env& env, const Options& options) {
  return with_maps(env, options, [&](const MapsView& maps) {
    array rows;
    for (const ServiceView& view : services_of(maps.image)) {
      if (!options.name_space.empty() && view.key.name_space != options.name_space) continue;
      for (const PoolView& pool : view.pools) {
        rows.push_back(object{{"id", pool.id},
                              {"service", view.key.to_string()},
                              {"port", pool.pool.service_port},
                              {"protocol", to_string(pool.pool.protocol)},
                              {"family", pool.pool.family},
                              {"traffic", to_string(pool.pool.traffic)},
                              {"endpoints", pool.endpoints.size()},
                              {"first_slot", pool.first_slot},
                              {"slots", pool.selectable},
                              {"generation", pool.generation},
                              {"selector", to_string(pool.selector)},
                              {"no_endpoints", to_string(pool.no_endpoints)}});
      }
    }
    print_rows(env.out, options.rendering, rows,
               {{"ID", "id"},
                {"SERVICE", "service"},
                {"PORT", "port"},
                {"FAMILY", "family"},
                {"ENDPOINTS", "endpoints"},
                {"SLOTS", "slots"},
                {"FIRST", "first_slot", true},
                {"GENERATION", "generation", true},
                {"NO-ENDPOINTS", "no_endpoints", true}},
               {"id"});
    return kOk;
  });
}

int map_list(const Env& env, const Options& options) {
  return with_maps(env, options, [&](const MapsView& maps) {
    print_rows(env.out, options.rendering, map_rows(maps),
               {{"NAME", "name"}, {"USED", "used"}, {"CAPACITY", "capacity"}, {"SET", "set"}},
               {"name"});
    return kOk;
  });
}

int map_dump(const Env& env, const Options& options) {
  return with_maps(env, options, [&](const MapsView& maps) -> int {
    const auto rows = map_elements(maps, options.arguments.at(0));
    if (!rows) return report(env, options, rows.error());
    if (options.rendering.format == Format::table || options.rendering.format == Format::wide) {
      std::vector<Column> columns;
      if (!rows->empty()) {
        for (const auto& member : rows->front().as_object()) {
          std::string heading(member.key().data(), member.key().size());
          std::transform(heading.begin(), heading.end(), heading.begin(), [](unsigned char one) {
            return one == '_' ? '-' : static_cast<char>(std::toupper(one));
          });
          columns.push_back({heading, std::string(member.key().data(), member.key().size())});
        }
      }
      print_rows(env.out, options.rendering, *rows, columns, {});
    } else {
      print_rows(env.out, options.rendering, *rows, {}, {"id"});
    }
    return kOk;
  });
}

}  // namespace holdfast::cli
