// SPDX-License-Identifier: Apache-2.0
#include "agent/guard/guard.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "agent/guard/state.h"
#include "agent/model/ready.h"

namespace holdfast {

std::string hold_id(const std::string& source, const ServiceKey& key) {
  const std::string text = source + '\0' + key.name_space + '\0' + key.name;
  return fmt::format("{:08x}", static_cast<std::uint32_t>(XXH3_64bits(text.data(), text.size())));
}

Guard::Guard(std::string source, GuardSettings settings, Vantage vantage)
    : state_(std::make_unique<State>()) {
  state_->source = std::move(source);
  state_->settings = settings;
  state_->vantage = std::move(vantage);
}
Guard::~Guard() = default;
Guard::Guard(Guard&&) noexcept = default;
Guard& Guard::operator=(Guard&&) noexcept = default;

namespace {

using Entry = Guard::State::Entry;

// What the source had said of a service whose admitted value is known: all but what was held.
ServicePtr as_said(const GuardMemory::Entry& memory) {
  if (memory.absent) return nullptr;
  bool any = false;
  for_each_suspect(memory.admitted.get(), [&](const Endpoint&, Protocol) { any = true; });
  if (!any) return memory.admitted;
  auto said = std::make_shared<Service>(*memory.admitted);
  for (Pool& pool : said->pools) {
    std::erase_if(pool.endpoints, [](const Endpoint& endpoint) { return endpoint.held; });
    for (Endpoint& endpoint : pool.endpoints) endpoint.doubted = false;
  }
  return said;
}

// `now`, with the endpoints that were ready in `before` ready again.
ServicePtr ready_as(const Service& before, const Service& now) {
  auto result = std::make_shared<Service>(now);
  for (Pool& pool : result->pools) {
    const Pool* const old = counterpart(&before, pool);
    for (Endpoint& endpoint : pool.endpoints) {
      const Endpoint* const was = find_endpoint(old, endpoint);
      if (!was || !was->ready) continue;
      endpoint.ready = true;
      endpoint.serving = was->serving;
    }
  }
  return result;
}

// One call of the guard: collects what changed.
class Round {
 public:
  Round(Guard::State& state, TimePoint now) : state_(state), now_(now) {}

  void judge(const ServiceKey& key, const ServicePtr& said, const Ground& ground) {
    take(judge_service(state_, key, said, ground, now_));
  }
  // What is held is looked at again although the source says nothing new of the service.
  void judge_again(const ServiceKey& key, const Ground& ground) {
    const auto entry = state_.entries.find(key);
    if (entry == state_.entries.end()) return;
    judge(key, entry->second.said, ground);
  }

  void changes(const SourceUpdate& update);
  void contested();
  void unheard(const SourceUpdate& update);
  void end_of_list();
  void confirmed(const SourceUpdate& update);
  void accidents();
  void thresholds();

  std::vector<Admitted> finish() {
    state_.claims.sweep();
    return std::move(result_);
  }

 private:
  void take(std::optional<Admitted> admitted) {
    if (admitted) result_.push_back(std::move(*admitted));
  }

  Guard::State& state_;
  TimePoint now_;
  std::vector<Admitted> result_;
  std::set<ServiceKey> judged_;
};

// All claims of an update first: which of its changes comes first means nothing.
void Round::changes(const SourceUpdate& update) {
  std::vector<ServicePtr> settled;
  for (const ServiceChange& change : update.changes) {
    Entry& entry = state_.entries[change.key];
    settled.push_back(state_.accident.settle(state_.settings, entry.said, change, now_));
    state_.claim(entry, settled.back());
  }
  for (const AddressClaim& claim : update.claims) state_.claims.headless(claim);
  for (std::size_t index = 0; index < settled.size(); ++index) {
    const ServiceChange& change = update.changes[index];
    Ground ground;
    ground.update = &update;
    ground.change = &change;
    ground.basis = change.basis;
    ground.explained = change.explained;
    judged_.insert(change.key);
    judge(change.key, settled[index], ground);
  }
}

void Round::contested() {
  const auto told = state_.claims.take_contested();
  if (told.empty()) return;
  const std::set<IpAddress> contested(told.begin(), told.end());
  const std::set<ServiceKey> held = state_.held;
  for (const ServiceKey& key : held) {
    const auto& facts = state_.entries[key].hold->endpoints;
    const bool has = std::any_of(facts.begin(), facts.end(), [&](const HeldFacts& one) {
      return contested.contains(one.address);
    });
    if (has) judge_again(key, {});
  }
}

// Holds may end by a part of the source that is back. What was restored and is not in the answer is
// judged by the first one that is whole, or that says which of its parts are.
void Round::unheard(const SourceUpdate& update) {
  const bool parts = !update.confirmed_origins.empty();
  const bool whole = parts || update.complete || update.list;
  Ground ground;
  ground.update = &update;
  if (parts) {
    const std::set<ServiceKey> held = state_.held;
    for (const ServiceKey& key : held) {
      if (!judged_.contains(key) && !state_.restored.contains(key)) judge_again(key, ground);
    }
  }
  const std::set<ServiceKey> restored = state_.restored;
  for (const ServiceKey& key : restored) {
    const bool in_parts = parts || !state_.entries[key].admitted->origin.get().empty();
    if (judged_.contains(key) || !(whole || (in_parts && !update.doubts.empty()))) continue;
    ground.basis = in_parts ? Basis::event : Basis::list;
    judge(key, nullptr, ground);
  }
}

void Round::end_of_list() {
  const std::set<ServiceKey> held = state_.held;
  for (const ServiceKey& key : held) {
    Entry& entry = state_.entries[key];
    HoldBook& book = *entry.hold;
    if (entry.absent) book.absences.add(state_.settings, now_);
    bool enough = entry.absent && book.absences.count >= state_.settings.absences;
    for (HeldFacts& facts : book.endpoints) {
      facts.absences.add(state_.settings, now_);
      enough = enough || facts.absences.count >= state_.settings.absences;
    }
    if (enough) judge_again(key, {});
  }
}

// An undoubted list tells only what differs: what it is silent about is as the older answer said.
void Round::confirmed(const SourceUpdate& update) {
  const std::set<ServiceKey> newcomers = state_.newcomers;
  Ground ground;
  ground.update = &update;
  for (const ServiceKey& key : newcomers) judge_again(key, ground);
}

void Round::accidents() {
  for (const auto& taken : state_.accident.take_back(state_.settings, now_)) {
    Entry& entry = state_.entries[taken.key];
    if (!entry.admitted) continue;
    const ServicePtr before = ready_as(*taken.before, *entry.admitted);
    entry.said = taken.said;  // no event explains it any more
    Ground ground;
    ground.mass = true;
    ground.cause = taken.cause;
    take(judge_service(state_, taken.key, taken.said, ground, now_, before));
  }
}

void Round::thresholds() {
  const auto keys =
      state_.burst.exceeded(state_.settings, state_.endpoints, state_.entries.size(), now_);
  for (const ServiceKey& key : keys) {
    const auto entry = state_.entries.find(key);
    if (entry == state_.entries.end() || !entry->second.hold) continue;
    HoldBook& book = *entry->second.hold;
    const auto recent = [&](TimePoint since) {
      return now_ - since <= state_.settings.hold_window;
    };
    if (entry->second.absent) book.absences.mass = true;
    for (HeldFacts& facts : book.endpoints) {
      facts.absences.mass = facts.absences.mass || recent(facts.since);
    }
  }
}

std::size_t endpoints_in(const GuardMemory& memory) {
  std::size_t count = 0;
  for (const GuardMemory::Entry& one : memory.services) count += endpoint_count(*one.admitted);
  return count;
}

}  // namespace

std::vector<Admitted> Guard::restore(const GuardMemory& memory, TimePoint now) {
  State& state = *state_;
  state.nodes = memory.nodes;
  for (const auto& [name, node] : memory.nodes) state.unsaid.insert(name);
  std::vector<ServicePtr> said;
  state.claims.expect(endpoints_in(memory));
  state.claims.begin_update();
  for (const GuardMemory::Entry& one : memory.services) {
    said.push_back(as_said(one));
    state.claim(state.entries[one.admitted->key], said.back());
  }
  // What is held is absent since now: all other claims coexisted.
  state.claims.begin_update();
  Ground ground;
  ground.cause = {HoldReason::restored};
  std::vector<Admitted> result;
  for (std::size_t index = 0; index < said.size(); ++index) {
    const GuardMemory::Entry& one = memory.services[index];
    const ServiceKey& key = one.admitted->key;
    auto admitted = judge_service(state, key, said[index], ground, now, one.admitted);
    if (!admitted) continue;
    const auto entry = state.entries.find(key);
    if (entry != state.entries.end()) {
      state.set_restored(key, entry->second, true);
      if (entry->second.hold) entry->second.hold->rejected = one.rejected;
    }
    result.push_back(std::move(*admitted));
  }
  state.claims.take_contested();
  Round(state, now).thresholds();
  return result;
}

GuardMemory Guard::memory() const {
  GuardMemory memory;
  for (const auto& [key, entry] : state_->entries) {
    if (!entry.admitted) continue;
    memory.services.push_back(
        {entry.admitted, entry.absent, entry.hold != nullptr && entry.hold->rejected});
  }
  memory.nodes = state_->nodes;
  return memory;
}

std::vector<ServicePtr> Guard::said() const {
  std::vector<ServicePtr> result;
  for (const auto& [key, entry] : state_->entries) {
    if (entry.said) result.push_back(entry.said);
  }
  return result;
}

std::vector<Admitted> Guard::admit(const SourceUpdate& update, TimePoint now) {
  state_->hear_nodes(update);
  state_->claims.begin_update();
  Round round(*state_, now);
  round.changes(update);
  round.contested();
  state_->complete = state_->complete || update.complete;
  round.unheard(update);
  round.accidents();
  round.thresholds();
  if (update.list && update.doubts.empty()) {
    round.confirmed(update);
    round.end_of_list();
  }
  return round.finish();
}

std::vector<Admitted> Guard::tick(TimePoint now) {
  Round round(*state_, now);
  Ground ground;
  ground.explained = true;  // by the event that settled
  for (const auto& [key, said] : state_->accident.due(state_->settings, now)) {
    round.judge(key, said, ground);
  }
  return round.finish();
}

std::optional<TimePoint> Guard::next_deadline() const {
  return state_->accident.next();
}

std::vector<Hold> Guard::holds() const {
  std::vector<Hold> result;
  for (const ServiceKey& key : state_->held) {
    const State::Entry& entry = state_->entries[key];
    const HoldBook& book = *entry.hold;
    Hold hold;
    hold.id = hold_id(state_->source, key);
    hold.source = state_->source;
    hold.service = key;
    hold.state = book.rejected ? HoldState::rejected : HoldState::open;
    hold.whole_service = entry.absent;
    hold.beyond_thresholds = book.absences.mass;
    hold.absences = book.absences.count;
    hold.since = book.since;
    hold.cause = book.cause;
    for (const HeldFacts& facts : book.endpoints) {
      hold.endpoints.push_back(
          {facts.address, facts.port, facts.protocol, facts.verdict, facts.words.get()});
      hold.absences = std::max(hold.absences, facts.absences.count);
      hold.beyond_thresholds = hold.beyond_thresholds || facts.absences.mass;
    }
    result.push_back(std::move(hold));
  }
  return result;
}

std::vector<HoldName> Guard::hold_names() const {
  std::vector<HoldName> result;
  result.reserve(state_->held.size());
  for (const ServiceKey& key : state_->held) result.push_back({hold_id(state_->source, key), key});
  return result;
}

HoldSummary Guard::summary() const {
  HoldSummary result;
  for (const ServiceKey& key : state_->held) {
    const HoldBook& book = *state_->entries[key].hold;
    ++result.services;
    ++result.by_reason[static_cast<std::size_t>(book.cause.reason)];
    result.endpoints += book.endpoints.size();
    result.oldest = std::min(result.oldest.value_or(book.since), book.since);
  }
  return result;
}

std::size_t Guard::held_services() const {
  return state_->held.size();
}

std::uint64_t Guard::suspects_revision() const {
  return state_->suspects_revision;
}

std::vector<HoldNews> Guard::take_news() {
  return std::exchange(state_->news, {});
}

namespace {

std::optional<ServiceKey> find_hold(const Guard::State& state, const std::string& id) {
  const auto found = std::find_if(state.held.begin(), state.held.end(), [&](const auto& key) {
    return hold_id(state.source, key) == id;
  });
  if (found == state.held.end()) return std::nullopt;
  return *found;
}

std::vector<Admitted> take_away(const std::vector<ServiceKey>& held, Guard::State& state,
                                TimePoint now) {
  Round round(state, now);
  Ground ground;
  ground.accepted = true;
  for (const ServiceKey& key : held) {
    state.accident.forget(key);
    round.judge(key, state.entries[key].said, ground);
  }
  return round.finish();
}

}  // namespace

Result<std::vector<Admitted>> Guard::accept(const std::string& id, TimePoint now) {
  const auto key = find_hold(*state_, id);
  if (!key) return fail(Errc::not_found, "no hold " + id);
  return take_away({*key}, *state_, now);
}

std::vector<Admitted> Guard::accept_all(TimePoint now) {
  return take_away({state_->held.begin(), state_->held.end()}, *state_, now);
}

void Guard::reject_all() {
  for (const ServiceKey& key : state_->held) state_->entries[key].hold->rejected = true;
}

Result<> Guard::reject(const std::string& id) {
  const auto key = find_hold(*state_, id);
  if (!key) return fail(Errc::not_found, "no hold " + id);
  state_->entries[*key].hold->rejected = true;
  return {};
}

}  // namespace holdfast
