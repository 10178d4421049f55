// SPDX-License-Identifier: Apache-2.0
// First half of a plan: reserves ids, slots and strings for one generation. Private to agent/plan.
// What does not fit is counted and planned on with id 0, so that a refusal says all that is
// lacking; then everything taken is given back, and no trace is left.
#pragma once

#include <set>
#include <string>

#include "agent/plan/planner_state.h"

namespace holdfast {

class Reservation {
 public:
  Reservation(Planner::State& state, Sections& sections) : state_(state), sections_(sections) {}

  ServicePlan service(const CatalogChange& change, std::uint64_t generation);
  void frontends(std::size_t inserts);  // inserts come before deletes: the map holds both
  // exhausted: everything taken has been given back.
  Result<> settle();

 private:
  PoolPlan pool(const Pool& pool, const ServicePlan& service);
  void place(PoolPlan& plan);
  bool stays(const PoolPlan& plan) const;
  std::uint32_t endpoint(const Endpoint& endpoint, Protocol protocol);
  std::uint32_t new_endpoint(const Endpoint& endpoint, Protocol protocol);
  void rename(std::uint32_t id, const Endpoint& endpoint);
  EndpointUse& use(std::uint32_t id);
  std::uint32_t id(RangeAllocator& ids, std::uint32_t& lacking);
  hf_string_ref text(const std::string& text);
  void taken(RangeAllocator& of, std::uint32_t first, std::uint32_t length);
  void give_back();

  struct Range {
    RangeAllocator* of = nullptr;
    std::uint32_t first = 0, length = 0;
  };

  Planner::State& state_;
  Sections& sections_;
  std::vector<Range> ranges_;
  std::vector<hf_string_ref> texts_;
  std::vector<const EndpointKey*> keys_;  // new ones, where the table has them
  std::vector<std::uint32_t> references_;
  Usage lacking_;
  std::set<std::string> lacking_texts_;
  bool renamed_ = false;  // an endpoint of the service at hand
};

}  // namespace holdfast
