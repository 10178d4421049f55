// SPDX-License-Identifier: Apache-2.0
// `frontend list`: the addresses that clients dial.
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
}

}  // namespace

Run frontend_list(Usage&) {
  return list;
}

}  // namespace holdfast::cli
