// SPDX-License-Identifier: Apache-2.0
// `endpoint list`: endpoints with what was seen of them.
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
  for (const EndpointTotals& total : endpoints_of(maps->image)) {
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
}

}  // namespace

Run endpoint_list(Usage&) {
  return list;
}

}  // namespace holdfast::cli
