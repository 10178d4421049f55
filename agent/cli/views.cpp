// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "agent/dataplane/map_table.h"
#include "agent/model/ready.h"
#include "agent/plan/words.h"

namespace holdfast::cli {

using boost::json::array;
using boost::json::object;

std::string_view to_string(hf_member_state state) {
  switch (state) {
    case HF_MEMBER_ACTIVE:
      return "active";
    case HF_MEMBER_DRAINING:
      return "draining";
    case HF_MEMBER_HELD:
      return "held";
    case HF_MEMBER_EJECTED:
      return "ejected";
    case HF_MEMBER_UNUSED:
      return "unused";
  }
  return "unknown";
}

std::string_view to_string(hf_no_endpoints answer) {
  switch (answer) {
    case HF_EMPTY_REFUSE:
      return "refuse";
    case HF_EMPTY_PASS:
      return "pass";
    case HF_EMPTY_UNREACHABLE:
      return "unreachable";
  }
  return "unknown";
}

std::string_view to_string(hf_selector selector) {
  switch (selector) {
    case HF_SELECT_RANDOM:
      return "random";
  }
  return "unknown";
}

object frontend_row(const Frontend& frontend, Protocol protocol) {
  object row{{"address", frontend.address.to_string()},
             {"port", frontend.port},
             {"protocol", holdfast::to_string(protocol)},
             {"kind", holdfast::to_string(frontend.kind)},
             {"served", is_served(protocol)}};
  if (!is_served(protocol)) {
    row["reason"] = fmt::format("{} is not served in this version: it passes through",
                                holdfast::to_string(protocol));
  }
  return row;
}

object endpoint_row(const EndpointView& view) {
  const Endpoint& endpoint = view.endpoint;
  return {{"address", endpoint.address.to_string()},
          {"port", endpoint.port},
          {"protocol", holdfast::to_string(view.protocol)},
          {"ready", endpoint.ready},
          {"serving", endpoint.serving},
          {"terminating", endpoint.terminating},
          {"weight", endpoint.weight},
          {"node", endpoint.node.get()},
          {"zone", endpoint.zone.get()},
          {"state", to_string(view.state)},
          {"picked", view.picked},
          {"doubted", endpoint.doubted}};
}

object service_row(const ServiceView& view) {
  array frontends, endpoints;
  for (const PoolView& pool : view.pools) {
    for (const Frontend& one : pool.pool.frontends)
      frontends.push_back(frontend_row(one, pool.pool.protocol));
    for (const EndpointView& one : pool.endpoints) endpoints.push_back(endpoint_row(one));
  }
  return {{"namespace", view.key.name_space},
          {"name", view.key.name},
          {"frontends", std::move(frontends)},
          {"endpoints", std::move(endpoints)},
          {"source", view.source},
          {"generation", view.generation}};
}

namespace {

template <class T, class Used>
std::uint32_t count_used(const std::vector<T>& elements, Used used) {
  return static_cast<std::uint32_t>(std::count_if(elements.begin(), elements.end(), used));
}

// Cells that some name refers to: the heap itself does not say which are free.
std::uint32_t cells_used(const Image& image) {
  std::map<std::uint32_t, std::uint32_t> cells;
  const auto add = [&cells](hf_string_ref text) {
    if (text.length) cells[text.cell] = (text.length + HF_STRING_CELL - 1) / HF_STRING_CELL;
  };
  for (const hf_service_name& one : image.service_names) {
    if (one.generation == 0) continue;
    add(one.name_space), add(one.name), add(one.source);
  }
  for (const hf_pool_name& one : image.pool_names)
    if (one.service) add(one.port_name);
  for (std::size_t id = 0; id < image.endpoint_names.size() && id < image.endpoints.size(); ++id) {
    if (image.endpoints[id].incarnation == 0) continue;
    add(image.endpoint_names[id].node), add(image.endpoint_names[id].zone);
  }
  std::uint32_t used = 0;
  for (const auto& [cell, length] : cells) used += length;
  return used;
}

}  // namespace

array map_rows(const MapsView& maps) {
  const Image& image = maps.image;
  Capacity used;
  used.frontends = static_cast<std::uint32_t>(image.frontends.size());
  used.services = count_used(image.service_names,
                             [](const hf_service_name& one) { return one.generation != 0; });
  used.pools = count_used(image.pools, [](const hf_pool& one) { return one.word != 0; });
  used.endpoints =
      count_used(image.endpoints, [](const hf_endpoint& one) { return one.incarnation != 0; });
  used.strings = cells_used(image);
  for (std::uint32_t id = 1; id < image.pools.size(); ++id)
    used.slots += words_of(image, id).length();
  array rows;
  const auto row = [&](const char* name, std::uint64_t in_use, std::uint64_t room) {
    rows.push_back(object{{"name", name}, {"used", in_use}, {"capacity", room}, {"set", maps.set}});
  };
  for (const MapRow& map : kSetMaps) {
    if (map.room) row(map.name, used.*map.room, maps.capacity.*map.room);
  }
  row("counters", maps.counters.size(), maps.counters.size());
  return rows;
}

namespace {

array dump_frontends(const Image& image) {
  array rows;
  std::vector<std::pair<hf_frontend_key, std::uint32_t>> sorted(image.frontends.begin(),
                                                                image.frontends.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::memcmp(&a.first, &b.first, sizeof a.first) < 0;
  });
  for (const auto& [key, word] : sorted) {
    const Frontend frontend = frontend_of(key, word);
    rows.push_back(object{{"address", frontend.address.to_string()},
                          {"port", frontend.port},
                          {"protocol", holdfast::to_string(protocol_of(key))},
                          {"pool", hf_frontend_pool(word)},
                          {"kind", holdfast::to_string(frontend.kind)},
                          {"host_scope", frontend.host_scope}});
  }
  return rows;
}

array dump_pools(const Image& image) {
  array rows;
  for (std::uint32_t id = 1; id < image.pools.size(); ++id) {
    if (image.pools[id].word == 0) continue;
    const PoolWords words = words_of(image, id);
    rows.push_back(object{{"id", id},
                          {"first_slot", words.first},
                          {"count", words.selectable},
                          {"generation", words.generation},
                          {"service", words.service},
                          {"tail", words.tail}});
  }
  return rows;
}

array dump_slots(const Image& image) {
  array rows;
  for (std::size_t slot = 1; slot < image.slots.size(); ++slot) {
    if (image.slots[slot]) rows.push_back(object{{"id", slot}, {"endpoint", image.slots[slot]}});
  }
  return rows;
}

array dump_endpoints(const Image& image) {
  array rows;
  for (std::size_t id = 1; id < image.endpoints.size(); ++id) {
    const hf_endpoint& endpoint = image.endpoints[id];
    if (endpoint.incarnation == 0) continue;
    const EndpointKey key = key_of(endpoint, {});
    const hf_endpoint_stats stats = id < image.stats.size() ? image.stats[id] : hf_endpoint_stats{};
    rows.push_back(
        object{{"id", id},
               {"address", key.address.to_string()},
               {"port", key.port},
               {"incarnation", endpoint.incarnation},
               {"connects", stats.connects},
               {"closes", stats.closes},
               {"established", stats.established},
               {"failures", stats.failures},
               {"abandoned", stats.abandoned},
               {"failures_in_row", hf_failures_in_row(stats.failure, endpoint.incarnation)}});
  }
  return rows;
}

array dump_names(const Image& image) {
  array rows;
  for (std::size_t id = 1; id < image.service_names.size(); ++id) {
    const hf_service_name& name = image.service_names[id];
    if (name.generation == 0) continue;
    rows.push_back(object{{"id", id},
                          {"namespace", image.text(name.name_space)},
                          {"name", image.text(name.name)},
                          {"source", image.text(name.source)},
                          {"generation", name.generation}});
  }
  return rows;
}

}  // namespace

Result<array> map_elements(const MapsView& maps, const std::string& name) {
  if (name == "frontends") return dump_frontends(maps.image);
  if (name == "pools") return dump_pools(maps.image);
  if (name == "slots") return dump_slots(maps.image);
  if (name == "endpoints") return dump_endpoints(maps.image);
  if (name == "service_names") return dump_names(maps.image);
  if (name == "counters") {
    array rows;
    for (const CounterValue& one : maps.counters)
      rows.push_back(object{{"name", one.name}, {"value", one.value}});
    return rows;
  }
  return fail(Errc::not_found,
              "no map '" + name +
                  "' to dump; there are: frontends, pools, slots, endpoints (with their "
                  "statistics), service_names, counters");
}

}  // namespace holdfast::cli
