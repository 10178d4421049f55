// SPDX-License-Identifier: Apache-2.0
// `pool list`.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "agent/cli/commands/table.h"
#include "agent/cli/views.h"

namespace holdfast::cli {
namespace {

using boost::json::array;
using boost::json::object;

int list(const Env& env, const Options& options) {
  const auto maps = env.open_maps(options.config.bpffs);
  if (!maps) return report(env, options, maps.error());
  array rows;
  for (const ServiceView& view : services_of(maps->image)) {
    if (!is_wanted(options, view.key)) continue;
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
}

}  // namespace

Run pool_list(Usage&) {
  return list;
}

}  // namespace holdfast::cli
