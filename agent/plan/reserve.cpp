// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/reserve.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/model/ready.h"
#include "agent/plan/diff.h"

namespace holdfast {
namespace {

void sort_unique(std::vector<std::uint32_t>& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

}  // namespace

std::vector<std::uint32_t> members_of(const Image& image, const PoolRecord& pool) {
  std::vector<std::uint32_t> members(image.slots.begin() + pool.first,
                                     image.slots.begin() + pool.first + pool.length);
  sort_unique(members);
  if (!members.empty() && members.front() == 0) members.erase(members.begin());
  return members;
}

std::uint32_t Reservation::id(RangeAllocator& ids, std::uint32_t& lacking) {
  const auto given = ids.allocate(1);
  if (!given) {
    ++lacking;
    return 0;
  }
  taken(ids, *given, 1);
  return *given;
}

// Neighbours are one range: a first fill takes its ids one after the other.
void Reservation::taken(RangeAllocator& of, std::uint32_t first, std::uint32_t length) {
  const auto end = ranges_.rend() - static_cast<std::ptrdiff_t>(own_ranges_);
  const auto last =
      std::find_if(ranges_.rbegin(), end, [&](const Range& range) { return range.of == &of; });
  if (last != end && last->first + last->length == first) {
    last->length += length;
  } else {
    ranges_.push_back({&of, first, length});
  }
}

hf_string_ref Reservation::text(const std::string& text) {
  const auto ref = state_.strings.take(text, sections_.names);
  if (!ref) {
    if (effort_ == Effort::whole && lacking_texts_.insert(text).second)
      lacking_.strings += StringHeap::cells_of(text);
    return {};
  }
  if (ref->length) texts_.push_back(*ref);
  return *ref;
}

ServicePlan Reservation::service(const CatalogChange& change, std::uint64_t generation,
                                 Effort effort) {
  effort_ = effort;
  ServicePlan plan;
  plan.change = &change;
  const auto known = state_.services.find(change.key);
  if (known != state_.services.end()) plan.before = &known->second;
  if (!change.now ||
      std::none_of(change.now->pools.begin(), change.now->pools.end(), is_programmed)) {
    return plan;
  }
  plan.id = plan.before ? plan.before->id : id(state_.service_ids, lacking_.services);
  plan.name.name_space = text(change.key.name_space);
  plan.name.name = text(change.key.name);
  plan.name.source = text(change.source);
  if (plan.before) plan.name.generation = state_.shadow.service_names[plan.id].generation;
  plan.changed = !plan.before || !same(plan.name, state_.shadow.service_names[plan.id]);
  if (effort == Effort::whole) plan.name.generation = generation;
  renamed_ = false;
  for (const Pool& wanted : change.now->pools) {
    if (!is_programmed(wanted)) continue;
    plan.pools.push_back(pool(wanted, plan));
    const PoolPlan& one = plan.pools.back();
    for (const Frontend& frontend : wanted.frontends)
      inserts_ += !state_.shadow.frontends.contains(frontend_key(frontend, wanted.protocol));
    plan.changed =
        plan.changed || one.changed || !same(one.name, state_.shadow.pool_names[one.record.id]);
  }
  plan.changed = plan.changed || renamed_ || plan.pools.size() != plan.before->pools.size();
  return plan;
}

Reservation::Mark Reservation::mark() {
  own_ranges_ = ranges_.size();
  return {ranges_.size(),
          texts_.size(),
          keys_.size(),
          references_.size(),
          named_.size(),
          sections_.names.size(),
          sections_.released_slots.size(),
          sections_.released_strings.size(),
          inserts_};
}

void Reservation::back_to(const Mark& mark) {
  const auto cut = [](auto& all, std::size_t to, const auto& undo) {
    for (; all.size() > to; all.pop_back()) undo(all.back());
  };
  const auto forget = [](const auto&) {};
  cut(ranges_, mark.ranges, [](const Range& one) { one.of->free(one.first, one.length); });
  cut(texts_, mark.texts, [this](hf_string_ref ref) { state_.strings.drop(ref); });
  cut(keys_, mark.keys,
      [this](const EndpointKey* key) { state_.endpoint_index.break_promise(*key); });
  cut(references_, mark.references, [this](std::uint32_t id) { --state_.uses[id].references; });
  cut(named_, mark.named,
      [this](const auto& one) { state_.uses[one.first].named_in = one.second; });
  cut(sections_.names, mark.names, forget);
  cut(sections_.released_slots, mark.slots, forget);
  cut(sections_.released_strings, mark.strings, forget);
  inserts_ = mark.inserts;
  lacking_ = {};
  lacking_texts_.clear();
  too_many_.clear();
}

bool Reservation::lacks_only_endpoints() const {
  return lacking_.endpoints != 0 && too_many_.empty() &&
         (lacking_.frontends | lacking_.services | lacking_.pools | lacking_.slots |
          lacking_.strings) == 0;
}

std::string Reservation::lacking() {
  const std::size_t frontends = state_.shadow.frontends.size() + inserts_;
  if (frontends > state_.capacity.frontends && inserts_ > 0)
    lacking_.frontends = static_cast<std::uint32_t>(frontends - state_.capacity.frontends);
  std::string what = too_many_;
  // `taken` may leave room and the plan yet not fit: no hole is long enough.
  const auto add = [&what](const char* map, std::uint32_t lacking, std::uint32_t taken,
                           std::uint32_t capacity) -> std::uint32_t {
    if (lacking == 0) return taken;
    what += fmt::format("{}map '{}' is full: {} needed, capacity {}", what.empty() ? "" : "; ", map,
                        std::uint64_t{taken} + lacking, capacity);
    return std::max(taken + lacking, capacity + 1);
  };
  const Capacity& room = state_.capacity;
  Capacity& needed = state_.needed;
  // Element 0 of an array is never given out.
  needed.frontends = add(
      "frontends", lacking_.frontends,
      lacking_.frontends ? room.frontends : static_cast<std::uint32_t>(frontends), room.frontends);
  needed.services =
      add("service_names", lacking_.services, state_.service_ids.used() + 1, room.services);
  needed.pools = add("pools", lacking_.pools, state_.pool_ids.used() + 1, room.pools);
  needed.slots = add("slots", lacking_.slots, state_.slots.used() + 1, room.slots);
  needed.endpoints =
      add("endpoints", lacking_.endpoints, state_.endpoint_ids.used() + 1, room.endpoints);
  needed.strings = add("strings", lacking_.strings, state_.strings.used() + 1, room.strings);
  if (!too_many_.empty()) needed.slots = ~0u;  // no map can be so large
  return what;
}

Result<> Reservation::check_room() {
  const std::string what = lacking();
  if (what.empty()) return {};
  own_ranges_ = 0;
  back_to({});
  return fail(Errc::exhausted, what);
}

}  // namespace holdfast
