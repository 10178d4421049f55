// SPDX-License-Identifier: Apache-2.0
// What follows from a hold: it is said aloud, its source is told, its endpoints are probed, and
// what the probes find goes back through the guard.
#include <fmt/format.h>

#include <utility>

#include "agent/app/daemon.h"
#include "agent/app/log.h"

namespace holdfast {

using std::chrono::steady_clock;

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

void Daemon::probe_held() {
  std::uint64_t revision = 0;
  for (const SourceState& source : sources_) revision += source.guard.holds_revision();
  if (std::exchange(probed_revision_, revision) == revision) return;
  std::vector<ProbeTarget> targets;
  for (const SourceState& source : sources_) {
    const auto suspects = source.guard.suspects();
    targets.insert(targets.end(), suspects.begin(), suspects.end());
  }
  prober_.set_targets(targets);
}

void Daemon::on_finding(const Finding& finding) {
  if (stopping_) return;
  const ProbeTarget& target = finding.target;
  for (SourceState& source : sources_) {
    const auto admitted =
        source.guard.evidence(target.address, target.port, target.protocol, finding.verdict,
                              finding.words, steady_clock::now());
    if (admitted.empty()) continue;
    log::info(fmt::format("held endpoint {} is {}: {}",
                          format_host_port(target.address, target.port), to_string(finding.verdict),
                          finding.words));
    carry(source, admitted);
  }
}

}  // namespace holdfast
