// SPDX-License-Identifier: Apache-2.0
#include "agent/guard/pass.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/model/ready.h"

namespace holdfast {
namespace {

using Entry = Guard::State::Entry;

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

}  // namespace

GuardPass::GuardPass(Guard::State& state, const SourceUpdate& update, TimePoint now)
    : state_(state), update_(&update), now_(now) {
  state_.hear_nodes(update);
  state_.claims.begin_update();
  to_judge_.reserve(update.changes.size());
}

// The order matters: all claims of an update come first, because which of its changes comes first
// means nothing; absences are counted last, of what is still held then.
const std::vector<GuardPass::Stage>& GuardPass::stages() {
  static const std::vector<Stage> kStages{
      {&GuardPass::every_change, &GuardPass::claim},
      {&GuardPass::every_change_again, &GuardPass::judge_change},
      {&GuardPass::contested, &GuardPass::judge_contested},
      {&GuardPass::held_in_parts, &GuardPass::judge_in_parts},
      {&GuardPass::restored, &GuardPass::judge_restored},
      {&GuardPass::accidents, nullptr},
      {&GuardPass::thresholds, nullptr},
      {&GuardPass::newcomers, &GuardPass::confirm},
      {&GuardPass::absent_from_list, &GuardPass::count_absence},
      {&GuardPass::sweep, nullptr},
  };
  return kStages;
}

bool GuardPass::step(std::size_t share) {
  spent_ = 0;
  while (stage_ < stages().size() && spent_ < share) {
    const Stage& stage = stages()[stage_];
    if (!std::exchange(begun_, true)) {
      at_ = count_ = 0;
      keys_.clear();
      (this->*stage.begin)();
      count_ = std::max(count_, keys_.size());
    }
    while (at_ < count_ && spent_ < share) (this->*stage.look)(at_++);
    if (at_ < count_) return true;
    ++stage_;
    begun_ = false;
  }
  return stage_ < stages().size();
}

void GuardPass::take(std::optional<Admitted> admitted) {
  if (admitted) result_.push_back(std::move(*admitted));
}

void GuardPass::judge(const ServiceKey& key, const ServicePtr& said, const Grounds& grounds) {
  spent_ += 1 + (said ? endpoint_count(*said) : 0);
  take(judge_service(state_, key, said, grounds, now_));
}

// What is held is looked at again although the source says nothing new of the service.
void GuardPass::judge_again(const ServiceKey& key, const Grounds& grounds) {
  const auto entry = state_.entries.find(key);
  if (entry != state_.entries.end()) judge(key, entry->second.said, grounds);
}

void GuardPass::every_change() {
  count_ = update_->changes.size();
}

void GuardPass::claim(std::size_t index) {
  const ServiceChange& change = update_->changes[index];
  Entry& entry = state_.entries[change.key];
  to_judge_.push_back(state_.accident.settle(state_.settings, entry.said, change, now_));
  const ServicePtr& now = to_judge_.back();
  spent_ += 1 + (now ? endpoint_count(*now) : 0);
  state_.claim(entry, now);
}

void GuardPass::every_change_again() {
  for (const AddressClaim& claim : update_->claims) state_.claims.headless(claim);
  count_ = update_->changes.size();
}

void GuardPass::judge_change(std::size_t index) {
  const ServiceChange& change = update_->changes[index];
  Grounds grounds;
  grounds.update = update_;
  grounds.change = &change;
  grounds.basis = change.basis;
  grounds.explained = change.explained;
  judged_.insert(change.key);
  judge(change.key, to_judge_[index], grounds);
}

void GuardPass::contested() {
  const auto told = state_.claims.take_contested();
  contested_ = {told.begin(), told.end()};
  if (!contested_.empty()) keys_ = {state_.held.begin(), state_.held.end()};
}

void GuardPass::judge_contested(std::size_t index) {
  const auto& facts = state_.entries[keys_[index]].hold->endpoints;
  spent_ += facts.size();
  const bool has = std::any_of(facts.begin(), facts.end(), [&](const HeldFacts& one) {
    return contested_.contains(one.address);
  });
  if (has) judge_again(keys_[index], {});
}

// Holds may end by a part of the source that is back.
void GuardPass::held_in_parts() {
  state_.complete = state_.complete || update_->complete;
  if (!in_parts()) return;
  for (const ServiceKey& key : state_.held) {
    if (!judged_.contains(key) && !state_.restored.contains(key)) keys_.push_back(key);
  }
}

void GuardPass::judge_in_parts(std::size_t index) {
  Grounds grounds;
  grounds.update = update_;
  judge_again(keys_[index], grounds);
}

// What was restored and is not in the answer is judged by the first one that is whole, or that says
// which of its parts are.
void GuardPass::restored() {
  const bool whole = in_parts() || update_->complete || update_->list;
  for (const ServiceKey& key : state_.restored) {
    const bool of_a_part = in_parts() || !state_.entries[key].admitted->origin.get().empty();
    if (judged_.contains(key) || !(whole || (of_a_part && !update_->doubts.empty()))) continue;
    keys_.push_back(key);
  }
}

void GuardPass::judge_restored(std::size_t index) {
  const Service& before = *state_.entries[keys_[index]].admitted;
  Grounds grounds;
  grounds.update = update_;
  grounds.basis = in_parts() || !before.origin.get().empty() ? Basis::event : Basis::list;
  spent_ += endpoint_count(before);
  judge(keys_[index], nullptr, grounds);
}

void GuardPass::accidents() {
  for (const auto& taken : state_.accident.take_back(state_.settings, now_)) {
    Entry& entry = state_.entries[taken.key];
    if (!entry.admitted) continue;
    const ServicePtr before = ready_as(*taken.before, *entry.admitted);
    entry.said = taken.said;  // no event explains it any more
    Grounds grounds;
    grounds.mass = true;
    grounds.cause = taken.cause;
    take(judge_service(state_, taken.key, taken.said, grounds, now_, before));
  }
}

void GuardPass::thresholds() {
  const auto keys =
      state_.removals.exceeded(state_.settings, state_.endpoints, state_.entries.size(), now_);
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

// An undoubted list tells only what differs: what it is silent about is as the older answer said.
void GuardPass::newcomers() {
  if (undoubted_list()) keys_ = {state_.newcomers.begin(), state_.newcomers.end()};
}

void GuardPass::confirm(std::size_t index) {
  Grounds grounds;
  grounds.update = update_;
  judge_again(keys_[index], grounds);
}

void GuardPass::absent_from_list() {
  if (undoubted_list()) keys_ = {state_.held.begin(), state_.held.end()};
}

void GuardPass::count_absence(std::size_t index) {
  Entry& entry = state_.entries[keys_[index]];
  HoldBook& book = *entry.hold;
  spent_ += 1 + book.endpoints.size();
  if (entry.absent) book.absences.add(state_.settings, now_);
  bool enough = entry.absent && book.absences.count >= state_.settings.absences;
  for (HeldFacts& facts : book.endpoints) {
    facts.absences.add(state_.settings, now_);
    enough = enough || facts.absences.count >= state_.settings.absences;
  }
  if (enough) judge_again(keys_[index], {});
}

void GuardPass::sweep() {
  state_.claims.sweep();
}

}  // namespace holdfast
