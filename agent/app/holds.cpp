// SPDX-License-Identifier: Apache-2.0
// What follows from a hold: it is said aloud, its source is told, its endpoints are probed, and
// what the probes find goes back through the guard.
#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "agent/app/daemon.h"
#include "agent/app/log.h"

namespace holdfast {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr int kTargetsShare = 20;  // times what gathering them took, until it is done again
constexpr auto kGatherFindings = 20ms;

}  // namespace

void Daemon::report_holds() {
  bool news = false;
  for (SourceState& source : sources_) {
    for (const HoldNews& hold : source.guard.take_news()) {
      news = true;
      if (hold.opened) {
        log::warn(fmt::format("hold {}: {} of source {}: {}", hold.id, hold.service.to_string(),
                              source.name, hold.reason));
      } else {
        log::info(fmt::format("hold {} of {} ended", hold.id, hold.service.to_string()));
      }
    }
    const bool held = source.guard.held_services() > 0;
    if (std::exchange(source.doubted, held) != held) source.source->doubt(held);
  }
  if (news) schedule_snapshot();
  probe_held();
}

// To gather half a million held endpoints takes a second, and each one found dead changes what is
// held: at most a twentieth of the time goes into it.
void Daemon::probe_held() {
  std::uint64_t revision = 0;
  for (const SourceState& source : sources_) revision += source.guard.holds_revision();
  if (std::exchange(probed_revision_, revision) == revision) return;
  if (steady_clock::now() >= targets_due_) return set_probe_targets();
  targets_timer_.expires_at(targets_due_);
  targets_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopping_) set_probe_targets();
  });
}

void Daemon::set_probe_targets() {
  const auto began = steady_clock::now();
  std::vector<ProbeTarget> targets;
  for (const SourceState& source : sources_) {
    const auto suspects = source.guard.suspects();
    targets.insert(targets.end(), suspects.begin(), suspects.end());
  }
  prober_.set_targets(targets);
  const auto ended = steady_clock::now();
  targets_due_ = ended + kTargetsShare * (ended - began);
}

// Findings come many at a time; each alone would pay the grace periods of its own generation.
void Daemon::on_finding(const Finding& finding) {
  findings_.push_back(finding);
  if (findings_.size() > 1) return;
  findings_timer_.expires_after(kGatherFindings);
  findings_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopping_) take_findings();
  });
}

void Daemon::take_findings() {
  const std::vector<Finding> findings = std::exchange(findings_, {});
  for (SourceState& source : sources_) {
    std::vector<Admitted> all;
    for (const Finding& finding : findings) {
      const ProbeTarget& target = finding.target;
      auto admitted = source.guard.evidence(target.address, target.port, target.protocol,
                                            finding.verdict, finding.words, steady_clock::now());
      if (admitted.empty()) continue;
      log::info(fmt::format("held endpoint {} is {}: {}",
                            format_host_port(target.address, target.port),
                            to_string(finding.verdict), finding.words));
      std::move(admitted.begin(), admitted.end(), std::back_inserter(all));
    }
    if (!all.empty()) carry(source, all);
  }
}

}  // namespace holdfast
