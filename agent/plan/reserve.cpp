// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/reserve.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

// Only what the datapath serves is programmed.
bool programmed(const Pool& pool) {
  return pool.protocol == Protocol::tcp && !pool.frontends.empty();
}

template <class T>
bool same(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

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
  const auto last = std::find_if(ranges_.rbegin(), ranges_.rend(),
                                 [&](const Range& range) { return range.of == &of; });
  if (last != ranges_.rend() && last->first + last->length == first) {
    last->length += length;
  } else {
    ranges_.push_back({&of, first, length});
  }
}

hf_string_ref Reservation::text(const std::string& text) {
  const auto ref = state_.strings.take(text, sections_.names);
  if (!ref) {
    if (lacking_texts_.insert(text).second) lacking_.strings += StringHeap::cells_of(text);
    return {};
  }
  if (ref->length) texts_.push_back(*ref);
  return *ref;
}

ServicePlan Reservation::service(const CatalogChange& change, std::uint64_t generation) {
  ServicePlan plan;
  plan.change = &change;
  const auto known = state_.services.find(change.key);
  if (known != state_.services.end()) plan.before = &known->second;
  if (!change.now || std::none_of(change.now->pools.begin(), change.now->pools.end(), programmed)) {
    return plan;
  }
  plan.id = plan.before ? plan.before->id : id(state_.service_ids, lacking_.services);
  plan.name.name_space = text(change.key.name_space);
  plan.name.name = text(change.key.name);
  plan.name.source = text(change.source);
  if (plan.before) plan.name.generation = state_.shadow.service_names[plan.id].generation;
  plan.changed = !plan.before || !same(plan.name, state_.shadow.service_names[plan.id]);
  plan.name.generation = generation;
  renamed_ = false;
  for (const Pool& wanted : change.now->pools) {
    if (!programmed(wanted)) continue;
    plan.pools.push_back(pool(wanted, plan));
    const PoolPlan& one = plan.pools.back();
    plan.changed =
        plan.changed || one.changed || !same(one.name, state_.shadow.pool_names[one.record.id]);
  }
  plan.changed = plan.changed || renamed_ || plan.pools.size() != plan.before->pools.size();
  return plan;
}

PoolPlan Reservation::pool(const Pool& pool, const ServicePlan& service) {
  PoolPlan plan;
  plan.pool = &pool;
  const PoolRecord* before = nullptr;
  if (service.before) {
    const auto known = service.before->pools.find(key_of(pool));
    if (known != service.before->pools.end()) before = &known->second;
  }
  if (before) {
    plan.record = *before;
  } else {
    plan.record.id = id(state_.pool_ids, lacking_.pools);
  }
  plan.name.service = service.id;
  plan.name.port = htons(pool.service_port);
  plan.name.protocol = static_cast<__u8>(pool.protocol);
  plan.name.family = pool.family;
  plan.name.port_name = text(pool.port_name);
  plan.name.traffic = static_cast<__u32>(pool.traffic);
  plan.ids.reserve(pool.endpoints.size());
  for (const Endpoint& one : pool.endpoints) plan.ids.push_back(endpoint(one, pool.protocol));
  std::vector<std::uint32_t> members = plan.ids;
  sort_unique(members);
  for (const std::uint32_t member : members) ++use(member).references;
  references_.insert(references_.end(), members.begin(), members.end());
  place(plan);

  const auto empty = service.change->now->policy.no_endpoints;
  const auto tail = static_cast<std::uint32_t>(plan.layout.members.size()) - plan.layout.selectable;
  const auto value = [&](std::uint32_t generation) {
    hf_pool words{};
    words.word = hf_pool_word(plan.record.first, plan.layout.selectable, generation);
    words.policy = hf_pool_policy(service.id, HF_SELECT_RANDOM, empty, 0, tail, generation);
    return words;
  };
  plan.value = value(plan.record.generation);
  plan.changed = plan.moved || !before || !same(plan.value, state_.shadow.pools[plan.record.id]);
  if (plan.changed) {
    // Never 0: a live pool's word is not the zero word, also when the pool is empty.
    plan.record.generation = plan.record.generation % 0xffff + 1;
    plan.value = value(plan.record.generation);
  }
  return plan;
}

bool Reservation::stays(const PoolPlan& plan) const {
  if (plan.record.generation == 0 || plan.layout.members.size() != plan.record.length) return false;
  for (std::uint32_t slot = 0; slot < plan.record.length; ++slot) {
    const std::size_t at = plan.record.first + slot;
    if (state_.shadow.slots[at] != plan.ids[plan.layout.members[slot]] ||
        state_.shadow.slot_info[at] != plan.layout.infos[slot]) {
      return false;
    }
  }
  return true;
}

// A pool whose members stay as they are keeps its range; any other gets a new one beside it. Where
// uneven weights are too much for the map, coarser ones serve better than a refusal.
void Reservation::place(PoolPlan& plan) {
  for (const Precision precision : {Precision::fine, Precision::coarse}) {
    plan.layout = lay_out(*plan.pool, precision);
    if (stays(plan)) return;
    const auto length = static_cast<std::uint32_t>(plan.layout.members.size());
    const auto first = length ? state_.slots.allocate(length) : std::uint32_t{0};
    if (!first) continue;
    if (length) taken(state_.slots, *first, length);
    if (plan.record.length)
      sections_.released_slots.emplace_back(plan.record.first, plan.record.length);
    plan.record.first = *first;
    plan.record.length = length;
    plan.moved = true;
    return;
  }
  lacking_.slots += static_cast<std::uint32_t>(plan.layout.members.size());
}

EndpointUse& Reservation::use(std::uint32_t id) {
  if (state_.uses.size() <= id) state_.uses.resize(id + 1);
  return state_.uses[id];
}

std::uint32_t Reservation::endpoint(const Endpoint& endpoint, Protocol protocol) {
  const auto [known, fresh] = state_.endpoint_by_key.try_emplace(key_of(endpoint, protocol), 0);
  if (fresh) {
    keys_.push_back(&known->first);
    known->second = new_endpoint(endpoint, protocol);
  }
  const std::uint32_t given = known->second;
  // Pools may differ about the node of what they share: the first of a plan is believed.
  EndpointUse& now = use(given);
  if (!fresh && now.named_in != state_.plans) rename(given, endpoint);
  now.named_in = state_.plans;
  return given;
}

std::uint32_t Reservation::new_endpoint(const Endpoint& endpoint, Protocol protocol) {
  const std::uint32_t given = id(state_.endpoint_ids, lacking_.endpoints);
  const auto& names = state_.shadow.endpoint_names;
  hf_endpoint value{};
  value.addr = endpoint.address.to_abi();
  value.port = htons(endpoint.port);
  value.flags = static_cast<__u16>(protocol);
  value.incarnation = (given < names.size() ? names[given].incarnation : 0) + 1;
  if (value.incarnation == 0) value.incarnation = 1;
  hf_endpoint_name name{};
  std::copy(endpoint.identity.bytes.begin(), endpoint.identity.bytes.end(),
            std::begin(name.identity));
  name.node = text(endpoint.node);
  name.zone = text(endpoint.zone);
  name.incarnation = value.incarnation;
  if (const auto resting = state_.resting.find(given); resting != state_.resting.end()) {
    const hf_endpoint_stats& stats = resting->second;
    name.base_connects = stats.connects;
    name.base_closes = stats.closes;
    name.base_established = stats.established;
    name.base_failures = stats.failures;
    name.base_abandoned = stats.abandoned;
  }
  sections_.names.emplace_back(op::PutEndpoint{given, value, name});
  return given;
}

void Reservation::rename(std::uint32_t id, const Endpoint& endpoint) {
  if (id >= state_.shadow.endpoint_names.size()) return;
  hf_endpoint_name name = state_.shadow.endpoint_names[id];
  const auto &node = endpoint.node.get(), &zone = endpoint.zone.get();
  if (state_.shadow.view(name.node) == node && state_.shadow.view(name.zone) == zone) return;
  renamed_ = true;
  sections_.released_strings.push_back(name.node);
  sections_.released_strings.push_back(name.zone);
  name.node = text(node);
  name.zone = text(zone);
  sections_.names.push_back(op::PutEndpointName{id, name});
}

void Reservation::frontends(std::size_t inserts) {
  const std::size_t needed = state_.shadow.frontends.size() + inserts;
  if (needed > state_.capacity.frontends)
    lacking_.frontends = static_cast<std::uint32_t>(needed - state_.capacity.frontends);
}

void Reservation::give_back() {
  for (const Range& range : ranges_) range.of->free(range.first, range.length);
  for (const hf_string_ref ref : texts_) state_.strings.drop(ref);
  for (const EndpointKey* key : keys_)
    state_.endpoint_by_key.erase(state_.endpoint_by_key.find(*key));
  for (const std::uint32_t id : references_) --state_.uses[id].references;
}

Result<> Reservation::settle() {
  std::string what;
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
  const auto in_frontends = static_cast<std::uint32_t>(state_.shadow.frontends.size());
  // Element 0 of an array is never given out.
  needed.frontends = add("frontends", lacking_.frontends,
                         lacking_.frontends ? room.frontends : in_frontends, room.frontends);
  needed.services =
      add("service_names", lacking_.services, state_.service_ids.used() + 1, room.services);
  needed.pools = add("pools", lacking_.pools, state_.pool_ids.used() + 1, room.pools);
  needed.slots = add("slots", lacking_.slots, state_.slots.used() + 1, room.slots);
  needed.endpoints =
      add("endpoints", lacking_.endpoints, state_.endpoint_ids.used() + 1, room.endpoints);
  needed.strings = add("strings", lacking_.strings, state_.strings.used() + 1, room.strings);
  if (what.empty()) return {};
  give_back();
  return fail(Errc::exhausted, what);
}

}  // namespace holdfast
