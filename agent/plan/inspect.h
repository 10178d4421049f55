// SPDX-License-Identifier: Apache-2.0
// An image, read back into words: the CLI's view, the daemon's take-over, and `diff`.
// Pure. Tolerates an image that contradicts itself: what cannot be resolved is left out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/dataplane/image.h"
#include "agent/model/service.h"

namespace holdfast {

struct EndpointView {
  std::uint32_t id = 0;
  Endpoint endpoint;
  Protocol protocol = Protocol::tcp;
  hf_member_state state = HF_MEMBER_ACTIVE;
  std::uint32_t slots = 0;  // how many of the pool's slots name it
  bool picked = false;      // by new connects
};

struct PoolView {
  std::uint32_t id = 0;
  std::uint32_t first_slot = 0;
  std::uint32_t selectable = 0;  // slots that new connects may pick
  std::uint16_t generation = 0;
  hf_selector selector = HF_SELECT_RANDOM;
  hf_no_endpoints no_endpoints = HF_EMPTY_REFUSE;
  Pool pool;                            // endpoints left empty; see below
  std::vector<EndpointView> endpoints;  // sorted by address and port
};

struct ServiceView {
  std::uint32_t id = 0;
  ServiceKey key;
  std::string source;
  std::uint64_t generation = 0;
  std::vector<PoolView> pools;
};

struct EndpointTotals {  // of one endpoint id, over all services
  std::uint32_t id = 0;
  Endpoint endpoint;
  Protocol protocol = Protocol::tcp;
  hf_member_state state = HF_MEMBER_ACTIVE;
  std::vector<ServiceKey> services;  // empty: draining out
  std::uint32_t connects = 0;        // of this incarnation
  std::uint32_t in_flight = 0;
  std::uint32_t failures = 0;
  std::string last_error;  // "", "refused", "timed out"
  std::uint32_t srtt_us = 0;
};

std::vector<ServiceView> services_of(const Image& image);      // sorted by key
std::vector<EndpointTotals> endpoints_of(const Image& image);  // sorted by address, port, protocol

// Where and who an endpoint id is; of its state in a pool it says nothing.
Endpoint endpoint_of(const Image& image, std::uint32_t id);

// What was counted of this incarnation of an endpoint.
hf_endpoint_stats since_base(const hf_endpoint_stats& stats, const hf_endpoint_name& name);

// The view as a desired service again (origin and creation time are not in the maps): a returning
// daemon starts from it where the maps are newer than the snapshot.
ServicePtr to_service(const ServiceView& view);

struct Difference {
  std::string map;
  std::string key;  // readable: "10.0.0.1:80/TCP", "pool 7 (default/song)"
  std::string desired;
  std::string actual;
};

// Only what matters to a reader: parts in use in either. Stats are not compared.
std::vector<Difference> compare(const Image& desired, const Image& actual);
// Of one part: the elements [first, first + count), with which the vectors of `actual` begin. All
// of them count, in use or not, save of what is free in `endpoints`.
struct Found {
  std::size_t differences = 0;
  Diff repair;
};
Found compare_part(const Image& desired, const Image& actual, Part part, std::uint32_t first,
                   std::uint32_t count);
// The operations that make `actual` equal `desired`, in an order that never misroutes.
Diff repair(const Image& desired, const Image& actual);

}  // namespace holdfast
