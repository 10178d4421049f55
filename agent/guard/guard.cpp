// SPDX-License-Identifier: Apache-2.0
#include "agent/guard/guard.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "agent/guard/state.h"

namespace holdfast {

std::string hold_id(const std::string& source, const ServiceKey& key) {
  const std::string text = source + '\0' + key.name_space + '\0' + key.name;
  return fmt::format("{:08x}", static_cast<std::uint32_t>(XXH3_64bits(text.data(), text.size())));
}

Guard::Guard(std::string source, GuardSettings settings) : state_(std::make_unique<State>()) {
  state_->source = std::move(source);
  state_->settings = settings;
}
Guard::~Guard() = default;
Guard::Guard(Guard&&) noexcept = default;
Guard& Guard::operator=(Guard&&) noexcept = default;

namespace {

using Entry = Guard::State::Entry;

// Pools correspond by port, protocol and family.
const Pool* same_pool(const Service& service, const Pool& pool) {
  for (const Pool& one : service.pools) {
    if (one.service_port == pool.service_port && one.protocol == pool.protocol &&
        one.family == pool.family) {
      return &one;
    }
  }
  return nullptr;
}

bool lists(const Pool& pool, const Endpoint& endpoint) {
  return std::any_of(pool.endpoints.begin(), pool.endpoints.end(), [&](const Endpoint& one) {
    return one.address == endpoint.address && one.port == endpoint.port;
  });
}

// Why an absence is not believed; "" when it is.
class Judge {
 public:
  Judge(const Guard::State& state, const SourceUpdate& update) : state_(state), update_(update) {}

  std::string unexplained(const Text& origin, const Service& service, bool change_explained) const {
    if (!state_.settings.enabled || service.policy.guard == GuardMode::trust) return "";
    if (change_explained) return "";
    if (origin.get().empty()) return update_.doubts.empty() && complete() ? "" : reason(origin);
    return update_.confirmed_origins.contains(origin.get()) ? "" : reason(origin);
  }

 private:
  bool complete() const { return update_.complete || state_.complete; }

  std::string reason(const Text& origin) const {
    for (const Doubt& doubt : update_.doubts) {
      if (doubt.origin == origin.get() || doubt.origin.empty() || origin.get().empty()) {
        return doubt.origin.empty() ? doubt.reason : doubt.origin + ": " + doubt.reason;
      }
    }
    return complete() ? "absent, and nothing explains it"
                      : "the source has not said all it knows yet";
  }

  const Guard::State& state_;
  const SourceUpdate& update_;
};

// What the source says now, with the endpoints that are held put back in. `reason` tells why, "" if
// nothing is held.
ServicePtr keep_endpoints(const Judge& judge, const Entry& entry, const Service& now,
                          bool explained, const Guard::State& state, std::string& reason) {
  Service kept = now;
  bool any = false;
  for (const Pool& before : entry.admitted->pools) {
    Pool* pool = const_cast<Pool*>(same_pool(kept, before));
    if (!pool) continue;  // the Service does not declare the port any more: explained by itself
    for (const Endpoint& endpoint : before.endpoints) {
      if (lists(*pool, endpoint)) continue;
      const std::string why = judge.unexplained(endpoint.origin, now, explained);
      if (why.empty() || state.claimed_by_another(endpoint)) continue;
      reason = why;
      Endpoint held = endpoint;
      held.held = true;
      pool->endpoints.push_back(std::move(held));
      any = true;
    }
    std::sort(pool->endpoints.begin(), pool->endpoints.end(),
              [](const Endpoint& a, const Endpoint& b) {
                return std::tie(a.address, a.port) < std::tie(b.address, b.port);
              });
  }
  return any ? std::make_shared<const Service>(std::move(kept)) : nullptr;
}

ServicePtr all_held(const Service& service) {
  Service kept = service;
  for (Pool& pool : kept.pools) {
    for (Endpoint& endpoint : pool.endpoints) endpoint.held = true;
  }
  return std::make_shared<const Service>(std::move(kept));
}

bool has_held(const Service& service) {
  for (const Pool& pool : service.pools) {
    for (const Endpoint& endpoint : pool.endpoints) {
      if (endpoint.held) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<Admitted> Guard::restore(const GuardMemory& memory, TimePoint now) {
  std::vector<Admitted> result;
  for (const GuardMemory::Entry& one : memory.services) {
    Entry& entry = state_->entries[one.admitted->key];
    entry.admitted = one.admitted;
    entry.absent = one.absent;
    entry.rejected = one.rejected;
    entry.since = now;
    entry.restored = true;
    if (one.absent || has_held(*one.admitted)) entry.reason = "held in an earlier life";
    state_->claim(*one.admitted);
    result.push_back({one.admitted->key, one.admitted, false});
  }
  return result;
}

GuardMemory Guard::memory() const {
  GuardMemory memory;
  for (const auto& [key, entry] : state_->entries) {
    if (entry.admitted) memory.services.push_back({entry.admitted, entry.absent, entry.rejected});
  }
  return memory;
}

namespace {

// Judges one service: what it is admitted as, given what the source says of it (nullptr: absent).
std::optional<Admitted> judge_service(Guard::State& state, const SourceUpdate& update,
                                      const ServiceKey& key, const ServicePtr& said, bool explained,
                                      TimePoint now) {
  Entry& entry = state.entries[key];
  const Judge judge(state, update);
  const ServicePtr before = entry.admitted;
  entry.said = said;
  entry.restored = false;
  if (entry.accident && said && !has_ready(*said)) return std::nullopt;
  entry.accident = false;
  std::string reason;
  ServicePtr after = said;
  bool absent = false;
  if (before && !said) {
    reason = judge.unexplained(before->origin, *before, explained);
    absent = !reason.empty();
    after = absent ? all_held(*before) : nullptr;
  } else if (before && said) {
    if (auto kept = keep_endpoints(judge, entry, *said, explained, state, reason)) after = kept;
  }
  if (!reason.empty() && entry.reason.empty()) entry.since = now;
  if (reason.empty()) entry.rejected = false;
  entry.reason = reason;
  entry.absent = absent;
  const bool changed = !before != !after || (before && after && !(*before == *after));
  entry.admitted = changed ? after : before;
  if (!entry.admitted) state.entries.erase(key);
  if (!changed) return std::nullopt;
  return Admitted{key, after, !after};
}

}  // namespace

std::vector<Admitted> Guard::admit(const SourceUpdate& update, TimePoint now) {
  State& state = *state_;
  std::vector<Admitted> result;
  std::set<ServiceKey> judged;
  const auto judge = [&](const ServiceKey& key, const ServicePtr& said, bool explained) {
    judged.insert(key);
    if (auto admitted = judge_service(state, update, key, said, explained, now)) {
      result.push_back(std::move(*admitted));
    }
  };
  for (const ServiceChange& change : update.changes) {
    if (change.now) state.claim(*change.now);
  }
  for (const ServiceChange& change : update.changes) {
    const auto settled = state.accident.settle(state, change, now);
    judge(change.key, settled, change.explained);
  }
  state.complete = state.complete || update.complete;
  // Holds may end by an origin that is back; what was restored is judged by the first answer.
  for (const ServiceKey& key : state.waiting()) {
    if (!judged.contains(key)) judge(key, state.entries[key].said, false);
  }
  for (Admitted& admitted : state.accident.take_back(state, now))
    result.push_back(std::move(admitted));
  return result;
}

std::vector<Admitted> Guard::tick(TimePoint now) {
  std::vector<Admitted> result;
  for (auto& [key, said] : state_->accident.due(*state_, now)) {
    SourceUpdate event;
    event.source = state_->source;
    if (auto admitted = judge_service(*state_, event, key, said, true, now)) {
      result.push_back(std::move(*admitted));
    }
  }
  return result;
}

std::optional<TimePoint> Guard::next_deadline() const {
  return state_->accident.next();
}

std::vector<Hold> Guard::holds() const {
  std::vector<Hold> result;
  for (const auto& [key, entry] : state_->entries) {
    if (entry.reason.empty() || !entry.admitted) continue;
    Hold hold;
    hold.id = hold_id(state_->source, key);
    hold.source = state_->source;
    hold.service = key;
    hold.state = entry.rejected ? HoldState::rejected : HoldState::open;
    hold.whole_service = entry.absent;
    hold.since = entry.since;
    hold.reason = entry.reason;
    for (const Pool& pool : entry.admitted->pools) {
      for (const Endpoint& endpoint : pool.endpoints) {
        if (!endpoint.held) continue;
        hold.endpoints.push_back({endpoint.address, endpoint.port, pool.protocol, "unknown", ""});
      }
    }
    result.push_back(std::move(hold));
  }
  return result;
}

Result<std::vector<Admitted>> Guard::accept(const std::string& id, TimePoint now) {
  for (auto& [key, entry] : state_->entries) {
    if (entry.reason.empty() || hold_id(state_->source, key) != id) continue;
    std::vector<Admitted> result;
    const ServiceKey service = key;  // judging may erase the entry
    const ServicePtr said = entry.said;
    entry.accident = false;
    state_->accident.forget(service);
    SourceUpdate word;
    if (auto admitted = judge_service(*state_, word, service, said, true, now)) {
      result.push_back(std::move(*admitted));
    }
    return result;
  }
  return fail(Errc::not_found, "no hold " + id);
}

Result<> Guard::reject(const std::string& id) {
  for (auto& [key, entry] : state_->entries) {
    if (entry.reason.empty() || hold_id(state_->source, key) != id) continue;
    entry.rejected = true;
    return {};
  }
  return fail(Errc::not_found, "no hold " + id);
}

}  // namespace holdfast
