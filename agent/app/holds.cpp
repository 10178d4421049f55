// SPDX-License-Identifier: Apache-2.0
// What follows from a hold: it is said aloud, its source is told, its endpoints are probed, and
// what probes and workloads find goes back through the guard.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/app/daemon.h"
#include "agent/app/log.h"
#include "agent/app/timer.h"

namespace holdfast {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr int kTargetsShare = 20;  // times what gathering them took, until it is done again
constexpr auto kGatherEvidence = 20ms;
constexpr auto kLookInterval = 1s;
constexpr std::size_t kLooks = 2000;  // in one turn: a system call each

void log_hold(const HoldNews& hold, const std::string& source) {
  if (hold.opened) {
    log::warn(fmt::format("hold {}: {} of source {}: {}", hold.id, hold.service.to_string(), source,
                          hold.reason));
  } else {
    log::info(fmt::format("hold {} of {} ended", hold.id, hold.service.to_string()));
  }
}

}  // namespace

void Daemon::report_holds() {
  bool news = false;
  for (SourceState& source : sources_) {
    const auto holds = source.guard.take_news();
    news = news || !holds.empty();
    for (std::size_t index = 0; index < std::min(holds.size(), log::kMostNamed); ++index)
      log_hold(holds[index], source.name);
    if (holds.size() > log::kMostNamed)
      log::warn(
          fmt::format("{} more holds of source {} began or ended; `holdfast hold list` has "
                      "those that are open",
                      holds.size() - log::kMostNamed, source.name));
    const bool held = source.guard.held_services() > 0;
    if (std::exchange(source.doubted, held) != held) source.source->doubt(held);
    const bool parts = std::any_of(source.doubts.begin(), source.doubts.end(),
                                   [](const Doubt& doubt) { return !doubt.origin.empty(); });
    if (parts) source.source->undecided(source.guard.undecided_origins());
  }
  if (news) schedule_snapshot();
  probe_held();
}

void Daemon::report_conflicts() {
  const auto news = conflicts_.look(*catalog_);
  for (const std::string& line : news.begun) log::warn(line);
  for (const std::string& line : news.ended) log::info(line);
}

void Daemon::probe_held() {
  std::uint64_t revision = 0;
  for (const SourceState& source : sources_) revision += source.guard.suspects_revision();
  if (std::exchange(suspects_revision_, revision) == revision) return;
  if (steady_clock::now() >= targets_due_) return set_suspects();
  after(targets_timer_, targets_due_ - steady_clock::now(), [this] { set_suspects(); });
}

// To gather half a million held endpoints takes a second, and each one found dead changes what is
// held: at most a twentieth of the time goes into it.
void Daemon::set_suspects() {
  const auto began = steady_clock::now();
  std::vector<ProbeTarget> targets;
  for (const SourceState& source : sources_) {
    const auto suspects = source.guard.suspects();
    targets.insert(targets.end(), suspects.begin(), suspects.end());
  }
  suspects_.set(targets);
  if (!targets.empty()) set_controls();
  look_at_traffic();
  const auto ended = steady_clock::now();
  targets_due_ = ended + kTargetsShare * (ended - began);
}

void Daemon::set_probe_targets() {
  if (std::exchange(probed_revision_, suspects_.revision()) == suspects_.revision()) return;
  prober_.set_targets(suspects_.worth_probing());
}

void Daemon::look_at_traffic() {
  const auto stats = [this](const ProbeTarget& target) { return traffic_of(target); };
  for (Evidence& one : suspects_.look(kLooks, stats, steady_clock::now())) learn(std::move(one));
  set_probe_targets();
  if (suspects_.empty()) return;
  after(traffic_timer_, kLookInterval, [this] { look_at_traffic(); });
}

// Evidence comes many at a time; each alone would pay the grace periods of its own generation.
void Daemon::learn(Evidence evidence) {
  evidence_.push_back(std::move(evidence));
  if (evidence_.size() > 1) return;
  after(evidence_timer_, kGatherEvidence, [this] { judge_evidence(); });
}

void Daemon::judge_evidence() {
  const std::vector<Evidence> found = std::exchange(evidence_, {});
  for (SourceState& source : sources_) {
    const Judged judged = source.guard.evidence(found, steady_clock::now());
    for (const Evidence& one : judged.news) {
      log::info(fmt::format("endpoint {} is {}: {}", format_host_port(one.address, one.port),
                            to_string(one.verdict), one.words));
    }
    if (!judged.admitted.empty()) carry(source, judged.admitted);
  }
  probe_held();
}

}  // namespace holdfast
