// SPDX-License-Identifier: Apache-2.0
#include "agent/guard/keep.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace holdfast {
namespace {

class Keeper {
 public:
  Keeper(const Matter& matter, TimePoint now) : matter_(matter), now_(now) {}

  // `listed` only if it lost its readiness: in place, as before.
  void keep(Pool& pool, const Endpoint& endpoint, const Endpoint* listed) {
    if (kept_.cause.reason == HoldReason::unknown)
      kept_.cause = cause_of(matter_, listed ? listed->origin : endpoint.origin, listed != nullptr);
    const HeldFacts& facts = note(endpoint, pool.protocol);
    Endpoint held = listed ? *listed : endpoint;
    held.ready = endpoint.ready;
    held.serving = endpoint.serving;
    held.held = true;
    held.doubted = facts.verdict != Verdict::alive;
    held.fault = fault(facts.verdict);
    if (!listed) {
      pool.endpoints.push_back(std::move(held));
      return;
    }
    *std::find_if(pool.endpoints.begin(), pool.endpoints.end(), [&](const Endpoint& one) {
      return one.address == held.address && one.port == held.port;
    }) = std::move(held);
  }

  void let_go(const Endpoint& endpoint, Protocol protocol, Ruling why) {
    kept_.left.push_back({endpoint.address, endpoint.port, protocol, why});
  }

  void because(HoldCause cause) { kept_.cause = std::move(cause); }

  Kept take(ServicePtr service) {
    const auto key = [](const HeldFacts& facts) {
      return std::tie(facts.address, facts.port, facts.protocol);
    };
    auto& held = kept_.held;
    std::sort(held.begin(), held.end(),
              [&](const HeldFacts& a, const HeldFacts& b) { return key(a) < key(b); });
    held.erase(
        std::unique(held.begin(), held.end(),
                    [&](const HeldFacts& a, const HeldFacts& b) { return key(a) == key(b); }),
        held.end());
    held.shrink_to_fit();
    kept_.service = std::move(service);
    return std::move(kept_);
  }

 private:
  // `endpoint`: as it was before.
  const HeldFacts& note(const Endpoint& endpoint, Protocol protocol) {
    HoldBook* const book = matter_.entry.hold.get();
    const HeldFacts* const known = book ? book->find(endpoint, protocol) : nullptr;
    kept_.held.push_back(known ? *known : new_facts(endpoint, protocol));
    if (!known) ++kept_.fresh;
    return kept_.held.back();
  }

  HeldFacts new_facts(const Endpoint& endpoint, Protocol protocol) const {
    HeldFacts facts;
    facts.address = endpoint.address;
    facts.port = endpoint.port;
    facts.protocol = protocol;
    facts.gone_at = matter_.state.claims.now() - 1;
    facts.since = now_;
    facts.absences.mass = matter_.grounds.mass;
    if (listed_absent(matter_.grounds)) facts.absences.add(matter_.state.settings, now_);
    if (endpoint.held && !endpoint.doubted) {  // restored
      facts.verdict = Verdict::alive;
      facts.words = Text("found alive in an earlier life");
    }
    return facts;
  }

  // An operator's word keeps who refused in use, where nothing else is left.
  Fault fault(Verdict verdict) const {
    if (verdict == Verdict::silent) return Fault::silent;
    if (verdict != Verdict::dead) return Fault::none;
    return matter_.entry.hold->rejected ? Fault::silent : Fault::refused;
  }

  const Matter& matter_;
  TimePoint now_;
  Kept kept_;
};

}  // namespace

HoldCause cause_of(const Matter& matter, const Text& origin, bool listed) {
  const Grounds& grounds = matter.grounds;
  if (grounds.cause.reason != HoldReason::unknown) return grounds.cause;
  if (!grounds.update) return {};
  for (const Doubt& doubt : grounds.update->doubts) {
    if (doubt.origin == origin.get() || doubt.origin.empty() || origin.get().empty()) {
      return {HoldReason::doubted,
              doubt.origin.empty() ? doubt.reason : doubt.origin + ": " + doubt.reason};
    }
  }
  if (!origin.get().empty() && !(grounds.update->complete || matter.state.complete)) {
    return {HoldReason::incomplete};
  }
  if (grounds.basis == Basis::list)
    return {listed ? HoldReason::list_unready : HoldReason::list_absent};
  return {HoldReason::unexplained};
}

Kept keep_endpoints(const Matter& matter, const ServicePtr& said, const Service& before,
                    TimePoint now) {
  Keeper keeper(matter, now);
  std::shared_ptr<Service> kept;
  for (std::size_t index = 0; index < said->pools.size(); ++index) {
    const Pool& pool = said->pools[index];
    // A port that the Service does not declare any more is explained by itself.
    const Pool* const old = counterpart(&before, pool);
    if (!old) continue;
    for (const Endpoint& endpoint : old->endpoints) {
      const Endpoint* const listed = find_endpoint(&pool, endpoint);
      const Ruling ruling = decide_endpoint(matter, {endpoint, *old, &pool, listed});
      if (ruling != Ruling::stays) {
        if (!listed) keeper.let_go(endpoint, pool.protocol, ruling);
        continue;
      }
      if (!kept) kept = std::make_shared<Service>(*said);
      keeper.keep(kept->pools[index], endpoint, listed);
    }
    if (kept) {
      auto& all = kept->pools[index].endpoints;
      std::sort(all.begin(), all.end(), before_in_order);
    }
  }
  return keeper.take(kept ? kept : said);
}

Kept keep_service(const Matter& matter, const Service& before, TimePoint now) {
  Keeper keeper(matter, now);
  keeper.because(cause_of(matter, before.origin, false));
  auto kept = std::make_shared<Service>(before);
  for (std::size_t index = 0; index < kept->pools.size(); ++index) {
    const Pool& old = before.pools[index];
    kept->pools[index].endpoints.clear();
    for (const Endpoint& endpoint : old.endpoints) {
      const Ruling ruling = decide_endpoint(matter, {endpoint, old});
      if (ruling == Ruling::stays)
        keeper.keep(kept->pools[index], endpoint, nullptr);
      else
        keeper.let_go(endpoint, old.protocol, ruling);
    }
  }
  return keeper.take(std::move(kept));
}

}  // namespace holdfast
