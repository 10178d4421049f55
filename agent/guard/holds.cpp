// SPDX-License-Identifier: Apache-2.0
// What is held, as it is told, and an operator's word on it.
#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "agent/guard/pass.h"
#include "agent/guard/state.h"

namespace holdfast {

std::string hold_id(const std::string& source, const ServiceKey& key) {
  const std::string text = source + '\0' + key.name_space + '\0' + key.name;
  return fmt::format("{:08x}", static_cast<std::uint32_t>(XXH3_64bits(text.data(), text.size())));
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
  result.by_reason = state_->held_by_reason;
  for (const ServiceKey& key : state_->held) {
    const HoldBook& book = *state_->entries[key].hold;
    ++result.services;
    result.endpoints += book.endpoints.size();
    result.oldest = std::min(result.oldest.value_or(book.since), book.since);
  }
  return result;
}

std::size_t Guard::held_services() const {
  return state_->held.size();
}

const HoldCounts& Guard::held_by_reason() const {
  return state_->held_by_reason;
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
  GuardPass pass(state, now);
  Grounds grounds;
  grounds.accepted = true;
  for (const ServiceKey& key : held) {
    state.accident.forget(key);
    pass.judge(key, state.entries[key].said, grounds);
  }
  state.claims.sweep();
  return pass.take();
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
