// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/plan/referee.h"

#include <algorithm>

#include "agent/dataplane/apply.h"

namespace holdfast {

Referee::Range Referee::range_of(std::uint32_t pool, const hf_pool& value) const {
  const __u32 tail = pool < image_.pool_names.size() ? image_.pool_names[pool].tail : 0;
  return {hf_pool_first(value.word), hf_pool_count(value.word) + hf_tail_of(value.word, tail)};
}

Referee::Range Referee::current(std::uint32_t pool) const {
  const auto known = ranges_.find(pool);
  return known == ranges_.end() ? Range{} : known->second;
}

std::set<std::uint32_t> Referee::reachable() const {
  std::set<std::uint32_t> ids;
  std::vector<Range> ranges = left_ranges_;
  for (const auto& [pool, range] : ranges_) ranges.push_back(range);
  for (const Range& range : ranges) {
    for (std::uint32_t slot = range.first; slot < range.first + range.length; ++slot)
      ids.insert(slot < image_.slots.size() ? image_.slots[slot] : 0);
  }
  return ids;
}

// A range in use may be written over within a pool, by what may be picked of that pool already.
bool Referee::among_its_own(const op::PutSlots& slots, std::uint32_t pool) const {
  const std::uint32_t first = hf_pool_first(image_.pools[pool].word);
  const std::uint32_t count = hf_pool_count(image_.pools[pool].word);
  if (slots.first < first || slots.first + slots.slots.size() > first + count) return false;
  if (first + count > image_.slots.size()) return false;  // a word before its slots
  return std::all_of(slots.slots.begin(), slots.slots.end(), [&](std::uint32_t id) {
    const auto begin = image_.slots.begin() + first;
    return std::find(begin, begin + count, id) != begin + count;
  });
}

void Referee::expect(const std::vector<State>& states) {
  allowed_.clear();
  may_be_missing_.clear();
  may_be_empty_.clear();
  std::set<std::string> leads_to_empty;
  for (const State& state : states) {
    for (const auto& [frontend, owner] : owners(state)) {
      std::set<std::string>& allowed = allowed_[frontend];
      for (const State& other : states) {
        const auto generation = pools(other);
        const auto pool = generation.find(owner);
        if (pool == generation.end()) continue;
        for (const auto& [endpoint, slots] : pool->second.endpoints) allowed.insert(endpoint);
        if (scarce_) allowed.merge(able(other).at(owner));
        if (!pool->second.endpoints.empty()) continue;
        (&state == &other ? may_be_empty_ : leads_to_empty).insert(frontend);
      }
    }
  }
  for (const State& state : states) {
    const auto owned = owners(state);
    for (const auto& [frontend, allowed] : allowed_) {
      if (owned.contains(frontend)) continue;
      may_be_missing_.insert(frontend);
      // It leaves a pool in the generation that empties it.
      if (leads_to_empty.contains(frontend)) may_be_empty_.insert(frontend);
    }
  }
}

void Referee::see(const Op& operation) {
  judge(operation);
  apply_to(image_, operation);
  check_answers();
}

// For readers of names: what lists the rest of the slots says that it is of this word.
bool Referee::named(std::uint32_t pool, const hf_pool& value) const {
  return pool < image_.pool_names.size() &&
         hf_tail_check(image_.pool_names[pool].tail) == (hf_pool_generation(value.word) & 0xff);
}

void Referee::judge(const Op& operation) {
  if (std::holds_alternative<op::Grace>(operation)) {
    left_ranges_.clear();
    left_pools_.clear();
    zeroed_pools_.clear();
    retired_.clear();
    element_freed_ = false;
    // A name for a word that has not come yet, or never will: nobody takes the slots that it lists.
    for (auto& [id, range] : ranges_) {
      if (id < image_.pools.size() && !named(id, image_.pools[id]))
        range.length = hf_pool_count(image_.pools[id].word);
    }
  } else if (const auto* slots = std::get_if<op::PutSlots>(&operation)) {
    const auto overlaps = [&](const Range& range) {
      return range.length && slots->first < range.first + range.length &&
             range.first < slots->first + slots->slots.size();
    };
    for (std::uint32_t id = 0; id < image_.pools.size(); ++id) {
      if (overlaps(current(id)) && !among_its_own(*slots, id))
        complain("slots written under a pool word");
    }
    for (const Range& range : left_ranges_) {
      if (overlaps(range)) complain("slots reused without a grace period");
    }
  } else if (const auto* pool = std::get_if<op::StorePool>(&operation)) {
    const Range before = current(pool->id), after = range_of(pool->id, pool->value);
    ranges_[pool->id] = after;
    if (pool->value.word && !named(pool->id, pool->value)) complain("a pool word before its name");
    if (before.length && (before.first != after.first || before.length != after.length))
      left_ranges_.push_back(before);
    if (pool->value.word == 0) {
      if (left_pools_.contains(pool->id)) complain("pool word zeroed before a grace period");
      zeroed_pools_.insert(pool->id);
    } else if (zeroed_pools_.contains(pool->id)) {
      complain("pool id reused without a grace period");
    }
  } else if (const auto* endpoint = std::get_if<op::PutEndpoint>(&operation)) {
    if (endpoint->id < image_.endpoints.size() && image_.endpoints[endpoint->id].incarnation)
      complain("an endpoint in use overwritten");
    if (retired_.contains(endpoint->id)) complain("endpoint id reused without a grace period");
    if (reachable().contains(endpoint->id)) complain("endpoint id reused under a slot");
    auto& last = last_incarnation_[endpoint->id];
    if (endpoint->value.incarnation == last) complain("the same incarnation twice");
    last = endpoint->value.incarnation;
  } else if (const auto* retire = std::get_if<op::RetireEndpoint>(&operation)) {
    if (reachable().contains(retire->id)) complain("an endpoint retired under a slot");
    retired_.insert(retire->id);
  } else if (const auto* insert = std::get_if<op::InsertFrontend>(&operation)) {
    if (element_freed_) complain("a frontend inserted while a freed element may be read");
    if (image_.frontends.contains(insert->key)) complain("an insert that is an update");
  } else if (const auto* update = std::get_if<op::UpdateFrontend>(&operation)) {
    if (element_freed_) complain("a frontend updated while a freed element may be read");
    left_pools_.insert(hf_frontend_pool(image_.frontends.at(update->key)));
  } else if (const auto* remove = std::get_if<op::DeleteFrontend>(&operation)) {
    const auto known = image_.frontends.find(remove->key);
    if (known == image_.frontends.end()) return;
    left_pools_.insert(hf_frontend_pool(known->second));
    element_freed_ = true;
  }
}

void Referee::check_answers() {
  const Answers now = answered(image_);
  for (const auto& [frontend, allowed] : allowed_) {
    if (!now.contains(frontend) && !may_be_missing_.contains(frontend))
      complain(frontend + " is unknown for a moment");
  }
  for (const auto& [frontend, answer] : now) {
    const auto allowed = allowed_.find(frontend);
    if (allowed == allowed_.end()) {
      complain(frontend + " should never be known");
      continue;
    }
    for (const auto& [endpoint, slots] : answer.endpoints) {
      if (!allowed->second.contains(endpoint)) complain(frontend + " reaches " + endpoint);
    }
    if (answer.endpoints.empty() && !may_be_empty_.contains(frontend))
      complain(frontend + " is empty for a moment");
  }
}

}  // namespace holdfast
