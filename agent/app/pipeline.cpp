// SPDX-License-Identifier: Apache-2.0
#include "agent/app/pipeline.h"

#include <fmt/format.h>

#include <utility>

#include "agent/app/log.h"
#include "agent/base/memory.h"
#include "agent/model/ready.h"

namespace holdfast {

using namespace std::chrono_literals;

namespace {

constexpr auto kMakingPoll = 2ms;
constexpr auto kFirstWords = 2s;  // how long a first start waits before it sizes the maps

}  // namespace

Pipeline::Pipeline(Timers& timers, Probes& probes, Settings settings, Surroundings surroundings)
    : timers_(timers),
      settings_(std::move(settings)),
      surroundings_(std::move(surroundings)),
      intake_(timers, followers(), settings_.vantage()),
      serving_(timers, settings_.room, serving_surroundings()),
      health_(timers, probes, intake_, serving_, {settings_.probes, settings_.node}),
      first_words_timer_(timers.timer()) {}

Intake::Followers Pipeline::followers() {
  return {.generations = {[this](const Generation&) { as_read_ = as_read_ && restoring_; },
                          [this](const Generation& generation) { serving_.follow(generation); },
                          [this](const Generation& generation) { left_.follow(generation); }},
          .taking = [this] { serving_.taking(); },
          .taken = [this](const SourceUpdate& update, bool first) { taken(update, first); },
          .complete = [this](const std::string& source) { serving_.prune(source); },
          .keep =
              [this] {
                as_read_ = false;
                keep();
              },
          .questions = [this] { health_.look_for_suspects(); }};
}

Serving::Surroundings Pipeline::serving_surroundings() {
  return {.open = surroundings_.open,
          .everything = [this] { return intake_.catalog().all(); },
          .may_attach = [this] { return may_attach(); },
          .attached = surroundings_.attached,
          .keep = [this] { keep(); },
          .failed = surroundings_.failed,
          .vantage = settings_.vantage(),
          .beside = surroundings_.beside};
}

Result<> Pipeline::start(std::optional<Snapshot> snapshot, std::uint64_t number) {
  last_ = std::move(snapshot);
  if (last_ || surroundings_.maps_exist()) {
    if (auto opened = serving_.open(needed()); !opened) return opened;
    restore(number);
    return {};
  }
  intake_.begin(number);
  first_words_timer_->after(kFirstWords, [this] { after_first_words(); });
  return {};
}

// What the maps of an earlier life hold serves before anything is read.
void Pipeline::restore(std::uint64_t number) {
  Restored restored = holdfast::restore(serving_.found(), last_, settings_.node);
  const std::size_t from_maps = restored.from_maps, from_files = restored.from_files;
  const std::uint64_t generation = restored.generation;
  restoring_ = as_read_ = true;
  intake_.restore(std::move(restored), serving_.found(), last_, number);
  serving_.release_found();  // as large as the maps
  restoring_ = false;
  as_read_ = from_maps == 0 && intake_.gone().empty();
  keep();
  if (from_maps + from_files != 0)
    log::info(fmt::format("restored generation {}: {} services from the maps, {} from the snapshot",
                          generation, from_maps, from_files));
  serving_.attach();
}

void Pipeline::start_sources() {
  intake_.start(last_);
  if (last_) last_->sources = {};  // the guards have it
  health_.start();
}

void Pipeline::stop() {
  stopped_ = true;
  intake_.stop();
}

// The maps are made beside the loop, and filled in its turns.
void Pipeline::after_first_words() {
  if (serving_.is_open() || stopped_) return;
  if (!serving_.making()) serving_.make(needed());
  if (!serving_.is_made()) {
    return first_words_timer_->after(kMakingPoll, [this] { after_first_words(); });
  }
  first_words_timer_->cancel();
  if (auto made = serving_.take_made(); !made) return surroundings_.failed(made.error());
  if (auto adopted = serving_.adopt(); !adopted) return surroundings_.failed(adopted.error());
  serving_.release_found();
  serving_.follow({intake_.catalog().number(), intake_.catalog().all()});
  serving_.attach();
}

void Pipeline::taken(const SourceUpdate& update, bool first) {
  serving_.taken(update);
  if (!serving_.is_open() && !serving_.making() && intake_.all_spoke())
    first_words_timer_->after(0s, [this] { after_first_words(); });
  serving_.attach();
  if (first) give_back_memory();
}

void Pipeline::keep() {
  if (serving_.is_open() && !as_read_) surroundings_.keep(intake_.all_complete());
}

// A part that cannot be read keeps nothing of the others back: what it lists is not known, so it
// passes through as before; only prunings and absences wait for a source to have said all. What
// another version's set serves meanwhile is of all sources, and of all their parts.
bool Pipeline::may_attach() const {
  if (stopped_) return false;
  const bool spoke =
      serving_.hooks()->unreadable().empty() ? intake_.any_spoke() : intake_.all_complete();
  return spoke || serving_.found().meta.complete || last_;
}

Room Pipeline::needed() const {
  Room room;
  const auto count = [&](const Service& service) {
    ++room.services;
    room.endpoints += endpoint_count(service);
  };
  if (intake_.begun()) {
    for (const CatalogChange& change : intake_.catalog().all()) count(*change.now);
  }
  if (last_) {
    for (const auto& source : last_->sources) {
      for (const auto& entry : source.memory.services) count(*entry.admitted);
    }
  }
  return room;
}

std::optional<Snapshot> Pipeline::snapshot() {
  if (intake_.begun()) intake_.finish_update();
  if (!serving_.is_open() || intake_.catalog().number() == 0) return std::nullopt;
  Snapshot snapshot;
  snapshot.generation = intake_.catalog().number();
  snapshot.written_at = std::chrono::system_clock::to_time_t(timers_.date());
  snapshot.node = settings_.node;
  intake_.put(snapshot);
  return snapshot;
}

}  // namespace holdfast
