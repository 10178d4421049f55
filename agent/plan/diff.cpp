// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/diff.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "agent/plan/order.h"

namespace holdfast {
namespace {

FrontendMap wanted_frontends(std::vector<ServicePlan>& plans) {
  FrontendMap wanted;
  for (ServicePlan& service : plans) {
    for (PoolPlan& pool : service.pools) {
      pool.record.frontends.clear();
      for (const Frontend& frontend : pool.pool->frontends) {
        const hf_frontend_key key = frontend_key(frontend, pool.pool->protocol);
        pool.record.frontends.push_back(key);
        wanted[key] = frontend_word(frontend, pool.record.id);
      }
    }
  }
  return wanted;
}

bool put_frontend(const Planner::State& state, const hf_frontend_key& key, std::uint32_t word,
                  Sections& sections) {
  const auto now = state.shadow.frontends.find(key);
  if (now == state.shadow.frontends.end()) {
    sections.inserts.emplace_back(op::InsertFrontend{key, word});
  } else if (now->second != word) {
    sections.updates.emplace_back(op::UpdateFrontend{key, word});
  } else {
    return false;
  }
  return true;
}

void remove_pool(const PoolRecord& pool, Sections& sections) {
  sections.zeroed.emplace_back(op::StorePool{pool.id, {}});
  sections.cleared.emplace_back(op::PutPoolName{pool.id, {}});
  sections.released_pools.push_back(pool.id);
  if (pool.length) sections.released_slots.emplace_back(pool.first, pool.length);
}

void pool_ops(const Planner::State& state, const PoolPlan& pool, Sections& sections) {
  const auto& names = state.shadow.pool_names;
  const std::uint32_t id = pool.record.id;
  if (id >= names.size() || std::memcmp(&names[id], &pool.name, sizeof pool.name) != 0) {
    sections.names.emplace_back(op::PutPoolName{id, pool.name});
  }
  if (!pool.changed) return;
  if (pool.moved && pool.record.length) {
    op::PutSlots put{pool.record.first, {}, pool.fill.infos};
    put.slots.reserve(pool.fill.members.size());
    for (const std::uint32_t member : pool.fill.members) put.slots.push_back(pool.ids[member]);
    sections.slots.emplace_back(std::move(put));
  }
  // Where the address of a pool that empties moves to another, a look-up may still stand before the
  // old pool: it finds endpoints there until the address has moved, and is not refused.
  const bool empties =
      words_of(state.shadow, id).selectable != 0 && hf_pool_count(pool.value.word) == 0;
  (empties ? sections.emptied : sections.pools).emplace_back(op::StorePool{id, pool.value});
}

}  // namespace

void frontend_ops(const Planner::State& state, std::vector<ServicePlan>& plans,
                  Sections& sections) {
  const FrontendMap wanted = wanted_frontends(plans);
  for (ServicePlan& service : plans) {
    for (const PoolPlan& pool : service.pools) {
      for (const hf_frontend_key& key : pool.record.frontends) {
        const std::uint32_t word = wanted.at(key);
        if (hf_frontend_pool(word) != pool.record.id) continue;
        if (put_frontend(state, key, word, sections)) service.changed = true;
      }
    }
    if (!service.before) continue;
    for (const auto& [port, pool] : service.before->pools) {
      for (const hf_frontend_key& key : pool.frontends) {
        const auto now = state.shadow.frontends.find(key);
        if (wanted.contains(key) || now == state.shadow.frontends.end()) continue;
        if (hf_frontend_pool(now->second) != pool.id) continue;
        sections.deletes.emplace_back(op::DeleteFrontend{key});
        service.changed = true;
      }
    }
  }
  for (const hf_frontend_key& key : state.stray_frontends) {
    if (!wanted.contains(key)) sections.deletes.emplace_back(op::DeleteFrontend{key});
  }
}

void service_ops(const Planner::State& state, const ServicePlan& service, Sections& sections) {
  if (service.id && service.changed) {
    sections.names.emplace_back(op::PutServiceName{service.id, service.name});
  }
  for (const PoolPlan& pool : service.pools) pool_ops(state, pool, sections);
  if (!service.before) return;
  for (const auto& [port, pool] : service.before->pools) {
    const bool kept =
        std::any_of(service.pools.begin(), service.pools.end(),
                    [id = pool.id](const PoolPlan& one) { return one.record.id == id; });
    if (!kept) remove_pool(pool, sections);
  }
  if (service.id == 0) {
    sections.cleared.emplace_back(op::PutServiceName{service.before->id, {}});
    sections.released_services.push_back(service.before->id);
  }
}

void stray_ops(const Planner::State& state, Sections& sections) {
  for (const PoolRecord& pool : state.stray_pools) remove_pool(pool, sections);
}

std::uint32_t target_of(const Op& operation) {
  const auto* insert = std::get_if<op::InsertFrontend>(&operation);
  return hf_frontend_pool(insert ? insert->word : std::get<op::UpdateFrontend>(operation).word);
}

// Takes out of `section` the addresses that come to a pool of `emptied`.
std::vector<Op> take_late(std::vector<Op>& section, const std::set<std::uint32_t>& emptied) {
  std::vector<Op> late;
  if (emptied.empty()) return late;
  const auto from = std::stable_partition(section.begin(), section.end(), [&](const Op& one) {
    return !emptied.contains(target_of(one));
  });
  late.assign(std::make_move_iterator(from), std::make_move_iterator(section.end()));
  section.erase(from, section.end());
  return late;
}

// Adding: what is named before what names it. Removing is the reverse, with a grace period before
// each kind of thing that a running program may have reached through the kind before it.
// An address that comes to a pool that empties never led to what it had, and comes after.
Diff assemble(Sections& sections, const op::PutMeta& meta) {
  Diff diff;
  std::set<std::uint32_t> emptied;
  for (const Op& one : sections.emptied) emptied.insert(std::get<op::StorePool>(one).id);
  std::vector<Op> late_inserts = take_late(sections.inserts, emptied);
  std::vector<Op> late_updates = take_late(sections.updates, emptied);
  // Who still goes by an address's former pool has ended before that one empties: in this diff, or
  // in the next.
  const bool moved = !sections.updates.empty();
  const bool empties = moved && !sections.emptied.empty();
  const bool unpublished = moved || !late_updates.empty() || !sections.deletes.empty() ||
                           !sections.released_slots.empty() || !sections.released_pools.empty();
  diff.ops = std::move(sections.names);
  append(diff.ops, {{&sections.slots},
                    {&sections.pools},
                    {&sections.inserts},
                    {&sections.updates, empties},
                    {&sections.emptied},
                    {&late_inserts},
                    {&late_updates},
                    {&sections.deletes}});
  diff.switched = diff.ops.size();
  if (unpublished) diff.ops.emplace_back(op::Grace{});
  append(diff.ops, {{&sections.zeroed, !sections.zeroed.empty()}, {&sections.cleared}});
  diff.ops.emplace_back(meta);
  return diff;
}

}  // namespace holdfast
