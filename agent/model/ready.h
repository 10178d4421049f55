// SPDX-License-Identifier: Apache-2.0
// What the conditions of an endpoint mean, and which pools the datapath serves. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

#include "agent/model/service.h"

namespace holdfast {

// Whether the programs of this version redirect it; the rest passes through.
inline bool is_served(Protocol protocol) {
  return protocol == Protocol::tcp;
}

// Whether the maps have it: what is not served, or has no address to dial, stays out.
inline bool is_programmed(const Pool& pool) {
  return is_served(pool.protocol) && (!pool.frontends.empty() || pool.node_port != 0);
}

// Takes new connects, by its source's word. A terminating one may be listed as ready, too: by
// publishNotReadyAddresses.
inline bool is_ready(const Endpoint& endpoint) {
  return endpoint.ready && !endpoint.terminating;
}

inline bool has_ready(const Pool& pool) {
  return std::any_of(pool.endpoints.begin(), pool.endpoints.end(), is_ready);
}

inline bool has_ready(const Service& service) {
  return std::any_of(service.pools.begin(), service.pools.end(),
                     [](const Pool& pool) { return has_ready(pool); });
}

// Of use to somebody: at least to the connections that it has.
inline bool is_usable(const Endpoint& endpoint) {
  return endpoint.ready || endpoint.serving;
}

inline bool has_usable(const Service& service) {
  return std::any_of(service.pools.begin(), service.pools.end(), [](const Pool& pool) {
    return std::any_of(pool.endpoints.begin(), pool.endpoints.end(), is_usable);
  });
}

// One that is in two pools counts twice.
inline std::size_t endpoint_count(const Service& service) {
  std::size_t count = 0;
  for (const Pool& pool : service.pools) count += pool.endpoints.size();
  return count;
}

}  // namespace holdfast
