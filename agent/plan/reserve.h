// SPDX-License-Identifier: Apache-2.0
// First half of a plan: reserves ids, slots and strings for one generation. Private to agent/plan.
// Everything it does is on State::undo, so a generation that does not fit leaves no trace.
#pragma once

#include "agent/plan/planner_state.h"

namespace holdfast {

class Reservation {
 public:
  Reservation(Planner::State& state, Sections& sections) : state_(state), sections_(sections) {}

  Result<ServicePlan> service(const CatalogChange& change, std::uint64_t generation);

 private:
  Result<PoolPlan> pool(const Pool& pool, const ServicePlan& service);
  Result<> slots(PoolPlan& plan);
  Result<std::uint32_t> endpoint(const Endpoint& endpoint, Protocol protocol);
  Result<std::uint32_t> new_endpoint(const Endpoint& endpoint, Protocol protocol);
  Result<> rename_endpoint(std::uint32_t id, const Endpoint& endpoint);
  Result<std::uint32_t> id(RangeAllocator& ids, const char* map, std::uint32_t capacity);
  Result<hf_string_ref> text(const std::string& text);

  Planner::State& state_;
  Sections& sections_;
};

}  // namespace holdfast
