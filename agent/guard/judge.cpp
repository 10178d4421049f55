// SPDX-License-Identifier: Apache-2.0
// The judgement of one service, endpoint by endpoint.
#include <algorithm>
#include <tuple>
#include <utility>

#include "agent/guard/state.h"
#include "agent/model/ready.h"
#include "agent/model/vantage.h"

namespace holdfast {
namespace {

using Entry = Guard::State::Entry;

std::size_t count(const ServicePtr& service) {
  return service ? endpoint_count(*service) : 0;
}

class Judge {
 public:
  Judge(Guard::State& state, Entry& entry, ServicePtr said, const Ground& ground, TimePoint now)
      : state_(state), entry_(entry), said_(std::move(said)), ground_(ground), now_(now) {}

  // What is admitted; sets the entry's hold to what is kept of `before`.
  ServicePtr judge(const ServicePtr& before) {
    const Service* const known = said_ ? said_.get() : before.get();
    if (!known || believes_all(known->policy.guard)) return conclude(said_, false);
    if (said_) {
      said_ = mark_newcomers(said_, before.get(), ground_);
      return conclude(before ? keep_endpoints(*before) : said_, false);
    }
    if (service_released(*before)) return conclude(nullptr, false);
    const ServicePtr kept = keep_service(*before);
    // A hold resolved dead: the absent service goes with its last endpoint.
    const bool resolved = !has_usable(*kept, state_.vantage) && has_usable(*before, state_.vantage);
    if (!resolved) return conclude(kept, true);
    held_.clear();  // with all that is of no use to anybody here
    return conclude(nullptr, false);
  }

  std::size_t fresh() const { return fresh_; }  // endpoints of pools that were not held before
  bool inferred() const { return inferred_; }   // gone by absences alone: nothing explains it

 private:
  bool believes_all(GuardMode mode) const {
    return !state_.settings.enabled || mode == GuardMode::trust || ground_.accepted;
  }

  bool in_parts(const Text& origin) const {
    return !origin.get().empty() || (ground_.update && !ground_.update->confirmed_origins.empty());
  }

  // Of a source with parts: by the part that it was read from. A value restored from the maps
  // alone has lost its origin: an update that is whole and without doubts explains it.
  bool part_explains(const Text& origin) const {
    if (!ground_.update) return false;
    if (!origin.get().empty()) return ground_.update->confirmed_origins.contains(origin.get());
    return ground_.update->doubts.empty() && (ground_.update->complete || state_.complete);
  }

  bool enough(const Absences& absences) const {
    const bool rejected = entry_.hold && entry_.hold->rejected;
    return absences.count >= state_.settings.absences && !absences.mass && !rejected;
  }

  const HeldFacts* facts(const Endpoint& endpoint, Protocol protocol) const {
    return entry_.hold ? entry_.hold->find(endpoint, protocol) : nullptr;
  }

  bool named(const Endpoint& endpoint) const {
    if (!ground_.change) return false;
    const auto& all = ground_.change->explained_endpoints;
    return std::binary_search(all.begin(), all.end(),
                              EndpointAddress{endpoint.address, endpoint.port});
  }

  bool service_released(const Service& before) {
    if (ground_.explained) return true;
    if (in_parts(before.origin)) return part_explains(before.origin);
    // By absence alone only what serves nobody here.
    inferred_ = entry_.hold && entry_.absent && enough(entry_.hold->absences) &&
                !has_usable(before, state_.vantage);
    return inferred_;
  }

  // What else than the source's word ends the hold of one endpoint.
  bool released(const Endpoint& endpoint, const Pool& before, const Pool* said) const {
    if (named(endpoint)) return true;
    const HeldFacts* const known = facts(endpoint, before.protocol);
    const Claims::Moment gone_at = known ? known->gone_at : state_.claims.now() - 1;
    if (state_.claims.taken(endpoint, gone_at)) return true;
    if (!known) return false;
    if (known->over && !entry_.hold->rejected) return true;
    // Of another node's local pool: nobody here is sent to it, and so nobody ever finds out more.
    if (!is_near(before, endpoint, state_.vantage))
      return known->absences.count >= state_.settings.absences && !entry_.hold->rejected;
    // Never from some to none by inference: another one has to be ready by the source's word.
    return enough(known->absences) && said && has_ready(*said, state_.vantage);
  }

  bool vanish(const Endpoint& endpoint, const Pool& before, const Pool* said) const {
    if (ground_.explained && find_endpoint(counterpart(entry_.said.get(), before), endpoint))
      return true;
    if (in_parts(endpoint.origin)) {
      if (part_explains(endpoint.origin)) return true;
    } else if (endpoint.terminating || !is_usable(endpoint)) {
      return true;  // seen ending, or of no use to anybody
    }
    return released(endpoint, before, said);
  }

  // Listed, but not ready any more. An event explains it, if it is this one.
  bool lose_readiness(const Endpoint& endpoint, const Endpoint& listed, const Pool& before,
                      const Pool* said) const {
    if (!endpoint.ready || listed.ready || listed.terminating) return true;
    if (ground_.basis == Basis::event || ground_.explained) {
      const Endpoint* const last = find_endpoint(counterpart(entry_.said.get(), before), endpoint);
      if (last ? last->ready : !endpoint.held) return true;
    }
    return released(endpoint, before, said);
  }

  ServicePtr keep_endpoints(const Service& before) {
    std::shared_ptr<Service> kept;
    for (std::size_t index = 0; index < said_->pools.size(); ++index) {
      const Pool& said = said_->pools[index];
      // A port that the Service does not declare any more is explained by itself.
      const Pool* const old = counterpart(&before, said);
      if (!old) continue;
      for (const Endpoint& endpoint : old->endpoints) {
        const Endpoint* const listed = find_endpoint(&said, endpoint);
        const bool leaves =
            listed ? lose_readiness(endpoint, *listed, *old, &said) : vanish(endpoint, *old, &said);
        if (leaves) continue;
        if (!kept) kept = std::make_shared<Service>(*said_);
        keep(kept->pools[index], endpoint, listed);
      }
      if (kept) {
        auto& all = kept->pools[index].endpoints;
        std::sort(all.begin(), all.end(), before_in_order);
      }
    }
    return kept ? kept : said_;
  }

  ServicePtr keep_service(const Service& before) {
    auto kept = std::make_shared<Service>(before);
    cause_ = cause(before.origin, false);
    for (std::size_t index = 0; index < kept->pools.size(); ++index) {
      const Pool& old = before.pools[index];
      kept->pools[index].endpoints.clear();
      for (const Endpoint& endpoint : old.endpoints) {
        if (!released(endpoint, old, nullptr)) keep(kept->pools[index], endpoint, nullptr);
      }
    }
    return kept;
  }

  // `listed` only if it lost its readiness: in place, as before.
  void keep(Pool& pool, const Endpoint& endpoint, const Endpoint* listed) {
    Endpoint held = listed ? *listed : endpoint;
    held.ready = endpoint.ready;
    held.serving = endpoint.serving;
    held.held = true;
    const Verdict verdict = note(endpoint, pool.protocol, listed);
    held.doubted = verdict != Verdict::alive;
    held.fault = fault(verdict);
    if (!listed) {
      pool.endpoints.push_back(std::move(held));
      return;
    }
    *std::find_if(pool.endpoints.begin(), pool.endpoints.end(), [&](const Endpoint& one) {
      return one.address == held.address && one.port == held.port;
    }) = std::move(held);
  }

  // An operator's word keeps who refused in use, where nothing else is left.
  Fault fault(Verdict verdict) const {
    if (verdict == Verdict::silent) return Fault::silent;
    if (verdict != Verdict::dead) return Fault::none;
    return entry_.hold->rejected ? Fault::silent : Fault::refused;
  }

  // `endpoint`: as it was before.
  Verdict note(const Endpoint& endpoint, Protocol protocol, const Endpoint* listed) {
    if (cause_.reason == HoldReason::unknown)
      cause_ = cause(listed ? listed->origin : endpoint.origin, listed != nullptr);
    const HeldFacts* const known = facts(endpoint, protocol);
    held_.push_back(known ? *known : new_facts(endpoint, protocol));
    if (!known) ++fresh_;
    return held_.back().verdict;
  }

  HeldFacts new_facts(const Endpoint& endpoint, Protocol protocol) const {
    HeldFacts facts;
    facts.address = endpoint.address;
    facts.port = endpoint.port;
    facts.protocol = protocol;
    facts.gone_at = state_.claims.now() - 1;
    facts.since = now_;
    facts.absences.mass = ground_.mass;
    if (listed_absent()) facts.absences.add(state_.settings, now_);
    if (endpoint.held && !endpoint.doubted) {  // restored
      facts.verdict = Verdict::alive;
      facts.words = Text("found alive in an earlier life");
    }
    return facts;
  }

  // A list in doubt (an older answer) is no repetition of anything.
  bool listed_absent() const {
    return ground_.update && ground_.basis == Basis::list && ground_.update->doubts.empty();
  }

  HoldCause cause(const Text& origin, bool listed) const {
    if (ground_.cause.reason != HoldReason::unknown) return ground_.cause;
    if (!ground_.update) return {};
    for (const Doubt& doubt : ground_.update->doubts) {
      if (doubt.origin == origin.get() || doubt.origin.empty() || origin.get().empty()) {
        return {HoldReason::doubted,
                doubt.origin.empty() ? doubt.reason : doubt.origin + ": " + doubt.reason};
      }
    }
    if (!origin.get().empty() && !(ground_.update->complete || state_.complete)) {
      return {HoldReason::incomplete};
    }
    if (ground_.basis == Basis::list)
      return {listed ? HoldReason::list_unready : HoldReason::list_absent};
    return {HoldReason::unexplained};
  }

  ServicePtr conclude(const ServicePtr& admitted, bool absent) {
    entry_.absent = absent;
    if (!absent && held_.empty()) {
      entry_.hold.reset();
      return admitted;
    }
    if (cause_.reason == HoldReason::unknown) cause_ = cause(admitted->origin, false);
    const bool opened = !entry_.hold;
    if (opened) entry_.hold = std::make_unique<HoldBook>();
    HoldBook& book = *entry_.hold;
    if (opened) book.since = now_;
    if (absent && opened && listed_absent()) book.absences.add(state_.settings, now_);
    if (!absent) book.absences = {};
    if (cause_.reason != HoldReason::unknown) book.cause = cause_;
    const auto key = [](const HeldFacts& facts) {
      return std::tie(facts.address, facts.port, facts.protocol);
    };
    std::sort(held_.begin(), held_.end(),
              [&](const HeldFacts& a, const HeldFacts& b) { return key(a) < key(b); });
    held_.erase(
        std::unique(held_.begin(), held_.end(),
                    [&](const HeldFacts& a, const HeldFacts& b) { return key(a) == key(b); }),
        held_.end());
    held_.shrink_to_fit();
    book.endpoints = std::move(held_);
    return admitted;
  }

  Guard::State& state_;
  Entry& entry_;
  ServicePtr said_;
  const Ground& ground_;
  TimePoint now_;
  std::vector<HeldFacts> held_;
  HoldCause cause_;
  std::size_t fresh_ = 0;
  bool inferred_ = false;
};

template <class Work>
void for_each_held(const ServicePtr& service, Work work) {
  if (!service) return;
  for (const Pool& pool : service->pools) {
    for (const Endpoint& endpoint : pool.endpoints) {
      if (endpoint.held) work(endpoint);
    }
  }
}

// An endpoint of two pools has two items.
void index(Guard::State& state, const ServiceKey* key, const ServicePtr& before,
           const ServicePtr& after) {
  for_each_suspect(before.get(), [&](const Endpoint& one, Protocol protocol) {
    auto [at, last] = state.suspected.equal_range(endpoint_hash(one.address, one.port, protocol));
    at = std::find_if(at, last, [&](const auto& item) { return item.second == key; });
    if (at != last) state.suspected.erase(at);
  });
  for_each_suspect(after.get(), [&](const Endpoint& one, Protocol protocol) {
    state.suspected.emplace(endpoint_hash(one.address, one.port, protocol), key);
  });
}

void note_newcomers(Guard::State& state, const ServiceKey& key, Entry& entry, const Service* after,
                    bool fresh, TimePoint now) {
  const bool some = after && has_newcomers(*after);
  if (some && (fresh || !entry.newcomers)) entry.newcomers = now;
  if (some) {
    state.newcomers.insert(key);
  } else if (std::exchange(entry.newcomers, std::nullopt)) {
    state.newcomers.erase(key);
    ++state.suspects_revision;
  }
}

// Books that follow from the hold: news, the set of what is held, the claims of held endpoints, and
// the unexplained removals of the window.
void follow(Guard::State& state, const ServiceKey& key, Entry& entry, const ServicePtr& before,
            const ServicePtr& after, bool was_held, bool was_absent, std::size_t fresh,
            TimePoint now) {
  const bool held = entry.hold != nullptr;
  if (held || was_held || entry.newcomers) ++state.suspects_revision;
  if (held || was_held) {
    for_each_held(after, [&](const Endpoint& one) { state.claims.hold(one, +1); });
    for_each_held(before, [&](const Endpoint& one) { state.claims.hold(one, -1); });
  }
  if (held != was_held) {
    if (held)
      state.held.insert(key);
    else
      state.held.erase(key);
    state.news.push_back(
        {hold_id(state.source, key), key, held, held ? entry.hold->cause : HoldCause{}});
  }
  state.endpoints += count(after) - count(before);
  state.with_node_ports += std::size_t{after && has_node_ports(*after)};
  state.with_node_ports -= std::size_t{before && has_node_ports(*before)};
  const bool lost = held && fresh > 0 && after && !(entry.said && has_ready(*entry.said));
  const bool gone = entry.absent && !was_absent;
  if (fresh > 0 || gone) state.burst.add(key, fresh, gone || lost, now);
}

}  // namespace

std::optional<Admitted> judge_service(Guard::State& state, ServiceKey key, const ServicePtr& said,
                                      const Ground& ground, TimePoint now,
                                      const ServicePtr& before) {
  const auto place = state.entries.try_emplace(key).first;
  Entry& entry = place->second;
  const ServicePtr admitted = entry.admitted;
  const bool was_held = entry.hold != nullptr, was_absent = entry.absent;
  state.claim(entry, said);
  Judge judge(state, entry, said, ground, now);
  const ServicePtr after = judge.judge(before ? before : admitted);
  entry.said = said;
  if (ground.update) state.set_restored(key, entry, false);
  note_newcomers(state, key, entry, after.get(), from_older_answer(ground), now);
  follow(state, key, entry, admitted, after, was_held, was_absent, judge.fresh(), now);
  const bool changed = !admitted != !after || (admitted && after && !(*admitted == *after));
  if (changed) index(state, &place->first, admitted, after);
  entry.admitted = changed ? after : admitted;
  if (!entry.admitted) state.entries.erase(key);
  if (!changed) return std::nullopt;
  return Admitted{std::move(key), after, !after && !judge.inferred()};
}

}  // namespace holdfast
