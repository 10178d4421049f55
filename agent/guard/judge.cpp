// SPDX-License-Identifier: Apache-2.0
// The judgement of one service: what is decided, what is kept, and the books that follow from it.
#include <algorithm>
#include <memory>
#include <utility>

#include "agent/guard/keep.h"
#include "agent/guard/state.h"
#include "agent/model/ready.h"
#include "agent/model/vantage.h"

namespace holdfast {
namespace {

using Entry = Guard::State::Entry;

std::size_t count(const ServicePtr& service) {
  return service ? endpoint_count(*service) : 0;
}

struct Judgement {
  Kept kept;                       // service: what is admitted
  bool absent = false;             // the whole service is held
  bool inferred = false;           // gone by absences alone: nothing explains it
  Ruling why = Ruling::port_gone;  // whatever left without a decision of its own
};

bool believes_all(const Matter& matter, GuardMode mode) {
  return !matter.state.settings.enabled || mode == GuardMode::trust || matter.grounds.accepted;
}

// The service is not said any more.
Judgement judge_absent(const Matter& matter, const Service& before, TimePoint now) {
  const Ruling ruling = decide_service(matter, before);
  if (ruling != Ruling::stays) return {{}, false, ruling == Ruling::absent_repeatedly, ruling};
  const Vantage& vantage = matter.state.vantage;
  Kept kept = keep_service(matter, before, now);
  // A hold resolved dead: the absent service goes with its last endpoint, and with all that is of
  // no use to anybody here.
  if (!has_usable(*kept.service, vantage) && has_usable(before, vantage))
    return {{nullptr, {}, {}, kept.fresh, std::move(kept.left)},
            false,
            false,
            Ruling::refused_for_long};
  return {std::move(kept), true};
}

Judgement judge(const Matter& matter, const ServicePtr& said, const ServicePtr& before,
                TimePoint now) {
  const Service* const known = said ? said.get() : before.get();
  if (!known || believes_all(matter, known->policy.guard)) {
    const Ruling why = matter.grounds.accepted ? Ruling::accepted : Ruling::trusted;
    return {{said, {}, {}}, false, false, why};
  }
  if (!said) return judge_absent(matter, *before, now);
  const ServicePtr marked = mark_newcomers(said, before.get(), matter.grounds);
  if (!before) return {{marked, {}, {}}};
  return {keep_endpoints(matter, marked, *before, now)};
}

// The hold is opened, kept or ended by what was judged.
void keep_book(const Matter& matter, Entry& entry, Judgement& judged, TimePoint now) {
  Kept& kept = judged.kept;
  entry.absent = judged.absent;
  if (!judged.absent && kept.held.empty()) {
    entry.hold.reset();
    return;
  }
  if (kept.cause.reason == HoldReason::unknown)
    kept.cause = cause_of(matter, kept.service->origin, false);
  const bool opened = !entry.hold;
  if (opened) entry.hold = std::make_unique<HoldBook>();
  HoldBook& book = *entry.hold;
  if (opened) book.since = now;
  if (judged.absent && opened && listed_absent(matter.grounds))
    book.absences.add(matter.state.settings, now);
  if (!judged.absent) book.absences = {};
  if (kept.cause.reason != HoldReason::unknown) book.cause = kept.cause;
  book.endpoints = std::move(kept.held);
}

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

// What an entry was before it was judged.
struct Before {
  ServicePtr admitted;
  bool held = false;
  bool absent = false;
};

// Books that follow from the hold: news, the set of what is held, the claims of held endpoints, and
// the unexplained removals of the window. `fresh`: endpoints of pools that were not held before.
void follow(Guard::State& state, const ServiceKey& key, Entry& entry, const Before& before,
            const ServicePtr& after, std::size_t fresh, TimePoint now) {
  const bool held = entry.hold != nullptr;
  if (held || before.held || entry.newcomers) ++state.suspects_revision;
  if (held || before.held) {
    for_each_held(after, [&](const Endpoint& one) { state.claims.hold(one, +1); });
    for_each_held(before.admitted, [&](const Endpoint& one) { state.claims.hold(one, -1); });
  }
  if (held != before.held) {
    if (held)
      state.held.insert(key);
    else
      state.held.erase(key);
    state.news.push_back(
        {hold_id(state.source, key), key, held, held ? entry.hold->cause : HoldCause{}});
  }
  state.endpoints += count(after) - count(before.admitted);
  state.with_node_ports += std::size_t{after && has_node_ports(*after)};
  state.with_node_ports -= std::size_t{before.admitted && has_node_ports(*before.admitted)};
  const bool lost = held && fresh > 0 && after && !(entry.said && has_ready(*entry.said));
  const bool gone = entry.absent && !before.absent;
  if (fresh > 0 || gone) state.removals.add(key, fresh, gone || lost, now);
}

}  // namespace

std::optional<Admitted> judge_service(Guard::State& state, ServiceKey key, const ServicePtr& said,
                                      const Grounds& grounds, TimePoint now,
                                      const ServicePtr& restored) {
  const auto place = state.entries.try_emplace(key).first;
  Entry& entry = place->second;
  const Before before{entry.admitted, entry.hold != nullptr, entry.absent};
  state.claim(entry, said);
  const Matter matter{state, entry, grounds};
  state.count_hold(entry, -1);
  Judgement judged = judge(matter, said, restored ? restored : before.admitted, now);
  keep_book(matter, entry, judged, now);
  state.count_hold(entry, +1);
  const ServicePtr after = judged.kept.service;
  entry.said = said;
  if (grounds.update) state.set_restored(key, entry, false);
  note_newcomers(state, key, entry, after.get(), from_older_answer(grounds), now);
  follow(state, key, entry, before, after, judged.kept.fresh, now);
  const bool changed =
      !before.admitted != !after || (before.admitted && after && !(*before.admitted == *after));
  if (changed) index(state, &place->first, before.admitted, after);
  entry.admitted = changed ? after : before.admitted;
  if (!entry.admitted) state.entries.erase(key);
  if (!changed) return std::nullopt;
  std::vector<Departure> left;
  if (before.admitted)
    left = departures(*before.admitted, after.get(), std::move(judged.kept.left), judged.why);
  return Admitted{std::move(key), after, !after && !judged.inferred, std::move(left)};
}

}  // namespace holdfast
