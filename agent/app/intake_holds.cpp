// SPDX-License-Identifier: Apache-2.0
// What follows from a hold: it is said aloud, its source is told, and what probes, workloads and
// the operator find goes back through the guard.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/app/intake.h"
#include "agent/app/log.h"

namespace holdfast {
namespace {

void log_hold(const HoldNews& hold, const std::string& source) {
  if (hold.opened) {
    log::warn(fmt::format("hold {}: {} of source {}: {}", hold.id, hold.service.to_string(), source,
                          describe(hold.cause)));
  } else {
    log::info(fmt::format("hold {} of {} ended", hold.id, hold.service.to_string()));
  }
}

const char* word_of(bool accept) {
  return accept ? "accepted" : "rejected";
}

void log_decision(const HoldName& hold, bool accept) {
  log::info(fmt::format("hold {} of {}: {} by the operator", hold.id, hold.service.to_string(),
                        word_of(accept)));
}

}  // namespace

void Intake::report_holds() {
  bool news = false;
  take_refusals();
  for (GuardedSource& source : sources_) {
    const auto holds = source.guard.take_news();
    news = news || !holds.empty();
    const std::size_t more =
        log::first(holds, [&](const HoldNews& hold) { log_hold(hold, source.name); });
    if (more)
      log::warn(
          fmt::format("{} more holds of source {} began or ended; `holdfast hold list` has "
                      "those that are open",
                      more, source.name));
    tell_source(source);
  }
  if (news) followers_.keep();
  followers_.questions();
}

void Intake::tell_source(GuardedSource& source) {
  Feedback& feedback = source.feedback;
  bool news = std::exchange(source.untold, false);
  const auto put = [&news](auto& into, auto now) {
    news = news || into != now;
    into = std::move(now);
  };
  const bool parts = std::any_of(source.doubts.begin(), source.doubts.end(),
                                 [](const Doubt& doubt) { return !doubt.origin.empty(); });
  put(feedback.held, source.guard.held_by_reason());
  put(feedback.undecided, parts ? source.guard.undecided_origins() : std::set<std::string>());
  if (news || parts) source.source->heard(feedback);
}

void Intake::take_refusals() {
  const std::uint64_t revision = catalog_->conflicts_revision();
  if (std::exchange(refusals_, revision) == revision) return;
  std::map<std::string, std::vector<Refused>> refused;
  for (const Conflict& one : catalog_->conflicts()) {
    refused[one.wants.source].push_back(
        {one.loser, fmt::format("frontend {} {}: {}",
                                format_host_port(one.frontend.address, one.frontend.port),
                                to_string(one.protocol), one.reason())});
  }
  for (GuardedSource& source : sources_) {
    std::vector<Refused>& now = refused[source.name];
    source.untold = source.untold || source.feedback.refused != now;
    source.feedback.refused = std::move(now);
  }
}

std::size_t Intake::open_holds() const {
  std::size_t count = 0;
  for (const GuardedSource& source : sources_) count += source.guard.held_services();
  return count;
}

std::uint64_t Intake::questions_revision() const {
  std::uint64_t revision = 0;
  for (const GuardedSource& source : sources_) revision += source.guard.suspects_revision();
  return revision;
}

std::vector<ProbeTarget> Intake::suspects() const {
  std::vector<ProbeTarget> all;
  for (const GuardedSource& source : sources_) {
    const auto suspects = source.guard.suspects();
    all.insert(all.end(), suspects.begin(), suspects.end());
  }
  return all;
}

void Intake::judge(const std::vector<Evidence>& found) {
  finish_update();
  for (GuardedSource& source : sources_) {
    const Judged judged = source.guard.evidence(found, timers_.now());
    for (const Evidence& one : judged.news) {
      log::info(fmt::format("endpoint {} is {}: {}", format_host_port(one.address, one.port),
                            to_string(one.verdict), one.words));
    }
    if (!judged.admitted.empty()) carry(source, judged.admitted);
  }
  followers_.questions();
}

// A source that is refused as a whole (another cluster answers) goes by its name, never by "all".
Result<std::size_t> Intake::decide_refusal(GuardedSource& source, bool accept) {
  if (source.source->status().state != SourceState::refused)
    return fail(Errc::not_found, fmt::format("source {} is not refused", source.name));
  if (!accept) return 1;
  if (auto confirmed = source.source->confirm(); !confirmed)
    return fail(Errc::not_found, confirmed.error().what);
  log::warn(fmt::format("source {}: the other cluster is accepted by the operator", source.name));
  return 1;
}

// All of them are one change: ten thousand generations would hold up the loop for minutes.
std::size_t Intake::decide_all(bool accept) {
  std::size_t count = 0;
  for (GuardedSource& source : sources_) {
    const auto names = source.guard.hold_names();
    const std::size_t more =
        log::first(names, [&](const HoldName& hold) { log_decision(hold, accept); });
    if (more)
      log::info(fmt::format("{} more holds of source {}: {} by the operator", more, source.name,
                            word_of(accept)));
    count += names.size();
    if (names.empty()) continue;
    if (accept) {
      carry(source, source.guard.accept_all(timers_.now()));
    } else {
      source.guard.reject_all();
    }
  }
  report_holds();
  followers_.keep();
  return count;
}

Result<std::size_t> Intake::decide(const std::string& id, bool accept) {
  finish_update();
  for (GuardedSource& source : sources_) {
    if (id == source.name) return decide_refusal(source, accept);
  }
  if (id == "all") return decide_all(accept);
  for (GuardedSource& source : sources_) {
    const auto names = source.guard.hold_names();
    const auto hold = std::find_if(names.begin(), names.end(),
                                   [&id](const HoldName& one) { return one.id == id; });
    if (hold == names.end()) continue;
    log_decision(*hold, accept);
    if (accept) {
      const auto admitted = source.guard.accept(id, timers_.now());
      if (!admitted) return tl::unexpected(admitted.error());
      carry(source, *admitted);
    } else if (const auto rejected = source.guard.reject(id); !rejected) {
      return tl::unexpected(rejected.error());
    }
    report_holds();
    followers_.keep();
    return 1;
  }
  return fail(Errc::not_found, fmt::format("no hold {}", id));
}

}  // namespace holdfast
