// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/inspect.h"

#include <algorithm>
#include <map>

#include "agent/plan/words.h"

namespace holdfast {

Endpoint endpoint_of(const Image& image, std::uint32_t id) {
  const bool named = id < image.endpoint_names.size();
  const hf_endpoint_name name = named ? image.endpoint_names[id] : hf_endpoint_name{};
  const EndpointKey key = key_of(image.endpoints[id], name);
  Endpoint endpoint;
  endpoint.address = key.address;
  endpoint.port = key.port;
  endpoint.identity = key.identity;
  endpoint.node = Text(image.text(name.node));
  endpoint.zone = Text(image.text(name.zone));
  return endpoint;
}

namespace {

std::vector<EndpointView> members_of(const Image& image, const PoolView& pool, std::uint32_t length,
                                     Protocol protocol) {
  std::map<std::uint32_t, EndpointView> members;
  for (std::uint32_t slot = pool.first_slot; slot < pool.first_slot + length; ++slot) {
    if (slot >= image.slots.size() || slot >= image.slot_info.size()) break;
    const std::uint32_t id = image.slots[slot], info = image.slot_info[slot];
    if (id == 0 || id >= image.endpoints.size() || !image.endpoints[id].incarnation) continue;
    EndpointView& view = members[id];
    if (view.slots++ != 0) continue;
    view.id = id;
    view.protocol = protocol;
    view.state = state_of(info);
    view.endpoint = endpoint_of(image, id);
    set_conditions(view.endpoint, info);
    view.picked = slot < pool.first_slot + pool.selectable;
  }
  std::vector<EndpointView> result;
  result.reserve(members.size());
  for (auto& [id, view] : members) result.push_back(std::move(view));
  std::sort(result.begin(), result.end(), [](const EndpointView& a, const EndpointView& b) {
    return std::tie(a.endpoint.address, a.endpoint.port, a.id) <
           std::tie(b.endpoint.address, b.endpoint.port, b.id);
  });
  return result;
}

PoolView view_of(const Image& image, std::uint32_t id) {
  const hf_pool_name& name = image.pool_names[id];
  const PoolWords words = words_of(image, id);
  PoolView view;
  view.id = id;
  view.first_slot = words.first;
  view.selectable = words.selectable;
  view.generation = static_cast<std::uint16_t>(words.generation);
  view.selector = words.selector;
  view.no_endpoints = words.no_endpoints;
  view.pool = pool_of(name);
  view.pool.port_name = image.text(name.port_name);
  view.endpoints = members_of(image, view, words.length(), view.pool.protocol);
  return view;
}

std::string failure_text(std::uint32_t failure) {
  if (failure == HF_FAILURE_REFUSED) return "refused";
  return failure == HF_FAILURE_TIMED_OUT ? "timed out" : "";
}

}  // namespace

std::vector<ServiceView> services_of(const Image& image) {
  std::map<std::uint32_t, std::vector<Frontend>> frontends;  // by pool
  for (const auto& [key, word] : image.frontends) {
    frontends[hf_frontend_pool(word)].push_back(frontend_of(key, word));
  }
  std::map<std::uint32_t, ServiceView> services;  // by id
  const std::size_t pools = std::min(image.pools.size(), image.pool_names.size());
  for (std::uint32_t id = 1; id < pools; ++id) {
    const std::uint32_t service = image.pool_names[id].service;
    if (image.pools[id].word == 0 || service == 0 || service >= image.service_names.size())
      continue;
    const hf_service_name& name = image.service_names[service];
    if (name.generation == 0) continue;
    ServiceView& view = services[service];
    view.id = service;
    view.key = {image.text(name.name_space), image.text(name.name)};
    view.source = image.text(name.source);
    view.generation = name.generation;
    PoolView pool = view_of(image, id);
    pool.pool.frontends = std::move(frontends[id]);
    std::sort(pool.pool.frontends.begin(), pool.pool.frontends.end());
    view.pools.push_back(std::move(pool));
  }
  std::vector<ServiceView> result;
  for (auto& [id, view] : services) {
    std::sort(view.pools.begin(), view.pools.end(),
              [](const PoolView& a, const PoolView& b) { return a.pool.key() < b.pool.key(); });
    result.push_back(std::move(view));
  }
  std::sort(result.begin(), result.end(),
            [](const ServiceView& a, const ServiceView& b) { return a.key < b.key; });
  return result;
}

hf_endpoint_stats since_base(const hf_endpoint_stats& stats, const hf_endpoint_name& name) {
  hf_endpoint_stats own = stats;
  own.connects -= name.base_connects;
  own.closes -= name.base_closes;
  own.established -= name.base_established;
  own.failures -= name.base_failures;
  own.abandoned -= name.base_abandoned;
  return own;
}

ServicePtr to_service(const ServiceView& view) {
  Service service;
  service.key = view.key;
  for (const PoolView& pool : view.pools) {
    service.policy.no_endpoints = pool.no_endpoints;
    Pool copy = pool.pool;
    for (const EndpointView& endpoint : pool.endpoints) copy.endpoints.push_back(endpoint.endpoint);
    service.pools.push_back(std::move(copy));
  }
  return std::make_shared<const Service>(std::move(service));
}

std::vector<EndpointTotals> endpoints_of(const Image& image) {
  std::map<std::uint32_t, EndpointTotals> totals;
  for (const ServiceView& service : services_of(image)) {
    for (const PoolView& pool : service.pools) {
      for (const EndpointView& view : pool.endpoints) {
        EndpointTotals& total = totals[view.id];
        if (total.services.empty() || view.state < total.state) total.state = view.state;
        if (total.services.empty() || total.services.back() != service.key) {
          total.services.push_back(service.key);
        }
      }
    }
  }
  std::vector<EndpointTotals> result;
  for (std::uint32_t id = 1; id < image.endpoints.size(); ++id) {
    const hf_endpoint& value = image.endpoints[id];
    if (value.incarnation == 0) continue;
    EndpointTotals total = totals[id];
    total.id = id;
    total.endpoint = endpoint_of(image, id);
    total.protocol = key_of(value, {}).protocol;
    if (total.services.empty()) total.state = HF_MEMBER_DRAINING;
    if (id < image.endpoint_names.size()) {
      // Beyond the end: zero, as all counters are in a new set.
      const hf_endpoint_stats stats =
          id < image.stats.size() ? image.stats[id] : hf_endpoint_stats{};
      const hf_endpoint_stats own = since_base(stats, image.endpoint_names[id]);
      total.connects = own.connects;
      total.in_flight = own.connects - own.closes;
      total.failures = own.failures;
      total.last_error = own.failures ? failure_text(hf_failure_kind(own.failure)) : "";
      total.srtt_us = own.established ? own.srtt_us : 0;
    }
    result.push_back(std::move(total));
  }
  std::sort(result.begin(), result.end(), [](const EndpointTotals& a, const EndpointTotals& b) {
    return std::tie(a.endpoint.address, a.endpoint.port, a.protocol, a.id) <
           std::tie(b.endpoint.address, b.endpoint.port, b.protocol, b.id);
  });
  return result;
}

}  // namespace holdfast
