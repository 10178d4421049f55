// SPDX-License-Identifier: Apache-2.0
// What fits of a generation that does not: removals, services in their new form where there is
// room, and else what a service keeps of the form it has.
#include <algorithm>
#include <deque>

#include "agent/model/picked.h"
#include "agent/model/ready.h"
#include "agent/plan/diff.h"
#include "agent/plan/inspect.h"
#include "agent/plan/planner_state.h"
#include "agent/plan/reserve.h"

namespace holdfast {
namespace {

// From most to least: with new endpoints as far as ids are free; with those it has; with those
// alone that are picked already, so that no slot more is needed than are in use.
enum class Form { growing, kept, picked };

class Reduction {
 public:
  Reduction(const Planner::State& state, bool bridge) : state_(state), may_bridge_(bridge) {}

  ServicePtr of(const Service& now, const ServiceRecord& before, Form form) {
    free_ids_ = state_.capacity.endpoints - 1 - state_.endpoint_ids.used();
    bridged_ = false;
    Service service = now;
    service.pools.clear();
    for (const Pool& pool : now.pools) {
      const PoolRecord* known = is_programmed(pool) ? record_of(pool, now, &before) : nullptr;
      if (known) service.pools.push_back(reduce(pool, *known, form));
    }
    return std::make_shared<const Service>(std::move(service));
  }
  bool bridged() const { return bridged_; }

 private:
  std::vector<std::uint32_t> members(const PoolRecord& before, bool selectable) const {
    PoolRecord range = before;
    if (selectable) range.length = words_of(state_.shadow, before.id).selectable;
    return members_of(state_.shadow, range);
  }

  bool takes(const Endpoint& endpoint, Protocol protocol, const std::vector<std::uint32_t>& has,
             Form form) {
    const auto known = state_.endpoint_index.find(key_of(endpoint, protocol));
    const bool in_maps = known.has_value();
    if (in_maps && std::binary_search(has.begin(), has.end(), *known)) return true;
    if (form != Form::growing || (!in_maps && free_ids_ == 0)) return false;
    free_ids_ -= !in_maps;
    return true;
  }

  Pool reduce(const Pool& now, const PoolRecord& before, Form form) {
    Pool pool = now;
    std::erase_if(pool.frontends, [&](const Frontend& one) {
      return !state_.shadow.frontends.contains(frontend_key(one, now.protocol));
    });
    const auto has = members(before, form == Form::picked);
    const std::vector<bool> wanted = picked(now, state_.vantage);
    std::vector<bool> taken(now.endpoints.size(), false);
    // Ids are scarce: what is picked comes first.
    for (const bool first : {true, false}) {
      if (!first && form == Form::picked) break;
      for (std::size_t index = 0; index < taken.size(); ++index) {
        if (wanted[index] == first)
          taken[index] = takes(now.endpoints[index], now.protocol, has, form);
      }
    }
    pool.endpoints.clear();
    for (std::size_t index = 0; index < taken.size(); ++index) {
      if (taken[index]) pool.endpoints.push_back(now.endpoints[index]);
    }
    const auto any = [](const std::vector<bool>& flags) {
      return std::find(flags.begin(), flags.end(), true) != flags.end();
    };
    if (may_bridge_ && any(wanted) && !any(picked(pool, state_.vantage)))
      build_bridge(now, before, pool);
    return pool;
  }

  // Not one whose address the new form gives to another, or does not pick any more.
  void build_bridge(const Pool& now, const PoolRecord& before, Pool& pool) {
    for (const std::uint32_t id : members(before, true)) {
      Endpoint left = endpoint_of(state_.shadow, id);
      if (state_.shadow.endpoints[id].incarnation == 0 || find_endpoint(&now, left)) continue;
      pool.endpoints.insert(
          std::upper_bound(pool.endpoints.begin(), pool.endpoints.end(), left, before_in_order),
          left);
      bridged_ = true;
      return;
    }
  }

  const Planner::State& state_;
  bool may_bridge_, bridged_ = false;
  std::uint32_t free_ids_ = 0;
};

// What is gone first, then what is in the maps, then what is new; among equals the smaller first.
std::vector<const CatalogChange*> in_order(const Planner::State& state,
                                           const std::vector<CatalogChange>& changes) {
  using Rank = std::pair<int, std::size_t>;
  std::vector<std::pair<Rank, const CatalogChange*>> ranked;
  for (const CatalogChange& change : changes) {
    Rank rank{change.now ? 1 + !state.services.contains(change.key) : 0, 0};
    if (change.now) rank.second = change.now->pools.size() + endpoint_count(*change.now);
    ranked.emplace_back(rank, &change);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const CatalogChange*> result;
  result.reserve(ranked.size());
  for (const auto& [rank, change] : ranked) result.push_back(change);
  return result;
}

class Fitting {
 public:
  Fitting(Planner::State& state, const Generation& generation, bool bridge)
      : state_(state),
        generation_(generation.number),
        whole_generation_(generation.whole),
        reservation_(state, sections_),
        reduction_(state, bridge) {}

  void service(const CatalogChange& change) {
    const auto mark = reservation_.mark();
    ServicePlan plan = reservation_.service(change, generation_);
    std::string lacking = reservation_.lacking();
    if (lacking.empty()) {
      plans_.push_back(std::move(plan));
      return;
    }
    const std::uint32_t ids =
        reservation_.lacks_only_endpoints() ? reservation_.lacking_endpoints() : 0;
    reservation_.back_to(mark);
    fitted_.unfit.push_back({change.key, std::move(lacking)});
    if (plan.before) {
      some_ += ids;
      reduced(change, *plan.before);
    } else if (ids) {
      whole_ = std::min(whole_, ids);
    }
  }

  Fitted end() {
    frontend_ops(state_, plans_, sections_);
    const bool deletes = !sections_.deletes.empty();
    fitted_.diff = conclude(state_, plans_, sections_, {generation_, {}, whole_generation_});
    fitted_.released = deletes || !sections_.released_slots.empty() ||
                       !sections_.released_pools.empty() || !sections_.released_services.empty() ||
                       !sections_.released_strings.empty();
    const auto draining = static_cast<std::uint32_t>(state_.draining.size());
    fitted_.retire = std::min(some_, draining);
    if (whole_ <= draining) fitted_.retire = std::max(fitted_.retire, whole_);
    return std::move(fitted_);
  }

 private:
  void reduced(const CatalogChange& change, const ServiceRecord& before) {
    for (const Form form : {Form::growing, Form::kept, Form::picked}) {
      const auto mark = reservation_.mark();
      forms_.push_back({change.key, reduction_.of(*change.now, before, form), before.source});
      ServicePlan plan =
          reservation_.service(forms_.back(), generation_, Reservation::Effort::least);
      if (reservation_.lacking().empty()) {
        plans_.push_back(std::move(plan));
        fitted_.bridged = fitted_.bridged || reduction_.bridged();
        return;
      }
      reservation_.back_to(mark);
    }
  }

  Planner::State& state_;
  std::uint64_t generation_;
  bool whole_generation_;
  Sections sections_;
  Reservation reservation_;
  Reduction reduction_;
  std::deque<CatalogChange> forms_;  // the plans point to them
  std::vector<ServicePlan> plans_;
  Fitted fitted_;
  // Ids lacking: each one helps a service that is in the maps; one that is new needs all of its
  // own.
  std::uint32_t some_ = 0, whole_ = ~0u;
};

}  // namespace

Fitted Planner::fit(const Generation& generation, bool bridge) {
  ++state_->plans;
  Fitting fitting(*state_, generation, bridge);
  for (const CatalogChange* change : in_order(*state_, generation.changes))
    fitting.service(*change);
  return fitting.end();
}

}  // namespace holdfast
