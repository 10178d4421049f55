// SPDX-License-Identifier: Apache-2.0
#include "agent/app/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/app/log.h"
#include "agent/app/problems.h"
#include "agent/sources/own_node.h"

namespace holdfast {

using namespace std::chrono_literals;

namespace {

constexpr auto kWatchSources = 1s;
// So many services and endpoints the guard looks at in one turn of the loop: about 10 ms.
constexpr std::size_t kShare = 10'000;

}  // namespace

Intake::Intake(Timers& timers, Followers followers, Vantage vantage)
    : timers_(timers),
      followers_(std::move(followers)),
      vantage_(std::move(vantage)),
      later_timer_(timers.timer()),
      tick_timer_(timers.timer()),
      sources_timer_(timers.timer()),
      gone_timer_(timers.timer()) {}

void Intake::add(std::string name, std::string kind, bool fallback, std::unique_ptr<Source> source,
                 const GuardSettings& settings) {
  Guard guard(name, settings, vantage_);
  sources_.push_back(
      {std::move(name), std::move(kind), fallback, std::move(source), std::move(guard)});
}

// In the order of the file, with the fallbacks behind all others, and then what is no longer in it.
std::vector<SourceRank> Intake::ranks() const {
  std::vector<SourceRank> result;
  for (const bool fallback : {false, true}) {
    for (const GuardedSource& source : sources_) {
      if (source.fallback == fallback) result.push_back({source.name});
    }
  }
  for (const auto& gone : gone_.rows(timers_.now())) result.push_back({gone.name});
  return result;
}

void Intake::begin(std::uint64_t number) {
  catalog_.emplace(ranks(), number);
}

void Intake::restore(Restored restored, const Image& found, const std::optional<Snapshot>& snapshot,
                     std::uint64_t number) {
  std::set<std::string> configured;
  for (const GuardedSource& source : sources_) configured.insert(source.name);
  gone_.take(restored, found, snapshot, configured, vantage_.node.get(), timers_.now());
  catalog_.emplace(ranks(), std::max(restored.generation, number));
  catalog_->restore(restored.tombstones, restored.sitting);
  for (GuardedSource& source : sources_) {
    const auto memory = restored.sources.find(source.name);
    if (memory == restored.sources.end()) continue;
    const auto admitted = source.guard.restore(memory->second, timers_.now());
    place(source.name, source.guard.nodes());
    publish(catalog_->apply(source.name, admitted));
  }
  serve_gone();
}

void Intake::start(const std::optional<Snapshot>& snapshot) {
  for (GuardedSource& source : sources_) {
    if (snapshot) {
      for (const auto& memory : snapshot->sources) {
        if (memory.name == source.name) source.source->restore(memory.source_memory);
      }
    }
    source.source->remember(source.guard.said(), source.guard.nodes());
    source.source->start(
        [this, &source](SourceUpdate update) { on_update(source, std::move(update)); });
  }
  watch_sources();
  followers_.questions();
}

void Intake::stop() {
  finish_update();  // the last snapshot is of what the guards have
  stopped_ = true;
  for (GuardedSource& source : sources_) source.source->stop();
}

void Intake::watch_sources() {
  for (GuardedSource& source : sources_) {
    const auto line = source.watch.look(source.source->status(), timers_.now());
    if (line) line->current ? log::info(line->text) : log::warn(line->text);
  }
  sources_timer_->after(kWatchSources, [this] { watch_sources(); });
}

void Intake::take_faults(GuardedSource& source, const SourceUpdate& update) {
  const auto note =
      no_own_node(source.guard.nodes(), source.guard.has_node_ports(), vantage_.node.get());
  if (same(source.problems, source.doubts, update, note)) return;
  Faults faults = faults_of(update, note);
  const FaultNews said = news({std::move(source.problems), std::move(source.doubts)}, faults);
  for (const std::string& line : said.warnings)
    log::warn(fmt::format("source {}: {}", source.name, line));
  if (!said.note.empty()) log::info(fmt::format("source {}: {}", source.name, said.note));
  source.problems = std::move(faults.problems);
  source.doubts = std::move(faults.doubts);
}

void Intake::on_update(GuardedSource& source, SourceUpdate update) {
  if (stopped_) return;
  finish_update();
  hear_of_addresses({}, update.claims);
  in_hand_ = std::make_unique<InHand>(InHand{source, std::move(update)});
  source.guard.begin(in_hand_->update, timers_.now());
  go_on();
}

// A turn of the loop for each share of a large update, and one for the catalog.
void Intake::go_on() {
  const bool unfinished = in_hand_->source.guard.step(kShare);
  if (!unfinished && !std::exchange(in_hand_->large, false)) return take_in();
  in_hand_->large = unfinished;
  later_timer_->after(0s, [this] { go_on(); });
}

void Intake::finish_update() {
  if (!in_hand_) return;
  later_timer_->cancel();
  take_in();
}

void Intake::take_in() {
  const auto hand = std::exchange(in_hand_, nullptr);
  const auto admitted = hand->source.guard.finish();
  take_faults(hand->source, hand->update);
  pass(hand->source, hand->update, admitted);
}

void Intake::pass(GuardedSource& source, const SourceUpdate& update,
                  const std::vector<Admitted>& admitted) {
  const bool first = update.complete && !source.complete;
  source.complete = source.complete || update.complete;
  source.spoke = source.spoke || update.complete || !update.confirmed_origins.empty();
  followers_.taking();
  place(source.name, source.guard.nodes());
  carry(source, admitted);
  if (first) followers_.keep();  // confirmed, though nothing may have changed
  if (first) followers_.complete(source.name);
  followers_.taken(update, first);
}

void Intake::carry(GuardedSource& source, const std::vector<Admitted>& admitted) {
  admit(source, admitted);
  report_holds();
  tick_guards();
}

// Every configured source's word goes through here. What it lists is its own before a gone source
// lets go of it, so that no connect finds neither.
void Intake::admit(const GuardedSource& source, const std::vector<Admitted>& admitted) {
  const auto taken = gone_.taken_over(admitted);
  hear_of_addresses(admitted, {});
  publish(catalog_->apply(source.name, admitted));
  if (taken.empty()) return;
  publish_gone(taken);
  log::info(
      fmt::format("source {} lists {} services of sources that are not in the configuration, "
                  "and has taken them over",
                  source.name, services_in(taken)));
  followers_.keep();
}

void Intake::publish(const Generation& generation) {
  const auto news = conflicts_.look(*catalog_);
  for (const std::string& line : news.begun) log::warn(line);
  for (const std::string& line : news.ended) log::info(line);
  if (generation.changes.empty()) return;
  for (const auto& follow : followers_.generations) follow(generation);
}

// Where this node is, by what the source says of it: the catalog follows if that is news.
void Intake::place(const std::string& source, const std::map<std::string, Node>& nodes) {
  const Generation seen = catalog_->place(source, addresses_of(nodes, vantage_.node.get()));
  if (!seen.changes.empty()) publish(seen);
}

void Intake::tick_guards() {
  std::optional<TimePoint> next;
  for (GuardedSource& source : sources_) {
    const auto deadline = source.guard.next_deadline();
    if (deadline && (!next || *deadline < *next)) next = deadline;
  }
  if (!next) return;
  tick_timer_->after(*next - timers_.now(), [this] {
    finish_update();
    for (GuardedSource& source : sources_) {
      const auto deadline = source.guard.next_deadline();
      if (!deadline || *deadline > timers_.now()) continue;
      admit(source, source.guard.tick(timers_.now()));
    }
    report_holds();
    tick_guards();
  });
}

bool Intake::any_spoke() const {
  return std::any_of(sources_.begin(), sources_.end(), [](const auto& one) { return one.spoke; });
}

bool Intake::all_spoke() const {
  return std::all_of(sources_.begin(), sources_.end(), [](const auto& one) { return one.spoke; });
}

bool Intake::all_complete() const {
  return std::all_of(sources_.begin(), sources_.end(),
                     [](const auto& one) { return one.complete; });
}

void Intake::put(Snapshot& snapshot) const {
  for (const GuardedSource& source : sources_) {
    snapshot.sources.push_back(
        {source.name, source.guard.memory(), source.source->memory(), source.source->cluster()});
  }
  snapshot.tombstones = catalog_->tombstones();
  gone_.put(snapshot, timers_.now());
}

}  // namespace holdfast
