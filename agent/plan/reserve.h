// SPDX-License-Identifier: Apache-2.0
// First half of a plan: reserves ids, slots and strings for one generation. Private to agent/plan.
// What does not fit is counted and planned on with id 0, so that a refusal says all that is
// lacking; then everything taken since the mark, or at all, is given back, and no trace is left.
#pragma once

#include <set>
#include <string>

#include "agent/plan/planner_state.h"

namespace holdfast {

// What `pool` of the new form is in the form before; nullptr: nothing yet.
const PoolRecord* record_of(const Pool& pool, const Service& now, const ServiceRecord* before);

class Reservation {
 public:
  // least: a service that shrinks, by what it has. Texts that do not fit are left out, weights are
  // given up, and the last resort is to write over slots in use; its generation stays.
  enum class Effort { whole, least };

  Reservation(Planner::State& state, Sections& sections) : state_(state), sections_(sections) {}

  ServicePlan service(const CatalogChange& change, std::uint64_t generation,
                      Effort effort = Effort::whole);
  // Inserts come before deletes: the map holds both. Counted service by service, until set.
  void set_inserts(std::size_t inserts) { inserts_ = inserts; }

  // Of all since the last mark: which map lacks what ("": all fits), and how many endpoint ids.
  std::string lacking();
  std::uint32_t lacking_endpoints() const { return lacking_.endpoints; }
  bool lacks_only_endpoints() const;
  // What was taken after a mark can be given back.
  struct Mark {
    std::size_t ranges, texts, keys, references, named, names, slots, strings, inserts;
  };
  Mark mark();
  void back_to(const Mark& mark);
  // exhausted: everything taken has been given back.
  Result<> check_room();

 private:
  PoolPlan pool(const Pool& pool, const ServicePlan& service);
  void refer(PoolPlan& plan);
  void place(PoolPlan& plan);
  bool give_range(PoolPlan& plan);
  bool write_over(PoolPlan& plan);
  bool too_many(const PoolPlan& plan);
  bool stays(const PoolPlan& plan) const;
  std::uint32_t endpoint(const Endpoint& endpoint, Protocol protocol);
  std::uint32_t new_endpoint(const Endpoint& endpoint, const EndpointKey& key);
  void rename(std::uint32_t id, const Endpoint& endpoint);
  EndpointUse& use(std::uint32_t id);
  std::uint32_t id(RangeAllocator& ids, std::uint32_t& lacking);
  hf_string_ref text(const std::string& text);
  void taken(RangeAllocator& of, std::uint32_t first, std::uint32_t length);

  struct Range {
    RangeAllocator* of = nullptr;
    std::uint32_t first = 0, length = 0;
  };

  Planner::State& state_;
  Sections& sections_;
  Effort effort_ = Effort::whole;
  std::vector<Range> ranges_;
  std::size_t own_ranges_ = 0;  // those after the mark: what is before it does not grow any more
  std::vector<hf_string_ref> texts_;
  std::vector<const EndpointKey*> keys_;  // new ones, where the index has them
  std::vector<std::uint32_t> references_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> named_;  // id, the plan that named it before
  std::size_t inserts_ = 0;
  Usage lacking_;
  std::set<std::string> lacking_texts_;
  std::string too_many_;  // a pool of more members than a pool word counts
  bool renamed_ = false;  // an endpoint of the service at hand
};

}  // namespace holdfast
