// SPDX-License-Identifier: Apache-2.0
#include "agent/guard/guard.h"

#include <algorithm>
#include <utility>

#include "agent/guard/pass.h"
#include "agent/guard/state.h"
#include "agent/model/ready.h"

namespace holdfast {

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
  Grounds grounds;
  grounds.cause = {HoldReason::restored};
  std::vector<Admitted> result;
  for (std::size_t index = 0; index < said.size(); ++index) {
    const GuardMemory::Entry& one = memory.services[index];
    const ServiceKey& key = one.admitted->key;
    auto admitted = judge_service(state, key, said[index], grounds, now, one.admitted);
    if (!admitted) continue;
    const auto entry = state.entries.find(key);
    if (entry != state.entries.end()) {
      state.set_restored(key, entry->second, true);
      if (entry->second.hold) entry->second.hold->rejected = one.rejected;
    }
    result.push_back(std::move(*admitted));
  }
  state.claims.take_contested();
  GuardPass(state, now).thresholds();
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

void Guard::begin(const SourceUpdate& update, TimePoint now) {
  pass_ = std::make_unique<GuardPass>(*state_, update, now);
}

bool Guard::step(std::size_t share) {
  return pass_->step(share);
}

std::vector<Admitted> Guard::finish() {
  pass_->step(GuardPass::kAll);
  return std::exchange(pass_, nullptr)->take();
}

std::vector<Admitted> Guard::admit(const SourceUpdate& update, TimePoint now) {
  begin(update, now);
  return finish();
}

std::vector<Admitted> Guard::tick(TimePoint now) {
  GuardPass pass(*state_, now);
  Grounds grounds;
  grounds.explained = true;  // by the event that settled
  for (const auto& [key, said] : state_->accident.due(state_->settings, now)) {
    pass.judge(key, said, grounds);
  }
  state_->claims.sweep();
  return pass.take();
}

std::optional<TimePoint> Guard::next_deadline() const {
  return state_->accident.next();
}

}  // namespace holdfast
