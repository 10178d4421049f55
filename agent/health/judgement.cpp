// SPDX-License-Identifier: Apache-2.0
// What an outcome says of an endpoint, and how much this node's word counts (design.md 4.2).
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "agent/health/schedule.h"

namespace holdfast {
namespace {

using Kind = ProbeOutcome::Kind;

constexpr std::chrono::seconds kSameSeconds{1};
constexpr std::size_t kQuiet = 2;  // UDP: so many silences, and it is no refusal any more

std::string times(std::size_t count) {
  return count == 2 ? "twice" : fmt::format("{} times", count);
}

std::string why_nothing(const ControlGroup::Tally& tally) {
  const std::size_t all = tally.answered + tally.refused + tally.failed;
  if (all == 0)
    return "nothing on another node could be asked: it may be this node that is cut off";
  return fmt::format("{} of {} others do not answer either: it may be this node that is cut off",
                     all - tally.answered, all);
}

}  // namespace

// Its own host answered, so the network is there; unless what else was asked is refused, too, or
// silent: then something near this node refuses for all.
void ProbeSchedule::judge_refused(const Entry& entry, const ProbeOutcome& outcome, TimePoint sent,
                                  TimePoint now, Evidence& finding) const {
  finding.words = fmt::format("refused the prober: {}", std::strerror(outcome.error));
  const TimePoint since = std::max<TimePoint>(entry.failed_at, sent - kSameSeconds);
  const auto tally = controls_.tally(entry.target, since, now);
  if (2 * tally.answered < tally.answered + tally.refused + tally.failed) {
    finding.words += "; " + why_nothing(tally);
  } else {
    finding.verdict = Verdict::dead;
  }
}

// Silent, or unreachable by the word of a router: nobody knows where the packet was lost.
void ProbeSchedule::judge_unheard(const Entry& entry, const ProbeOutcome& outcome, TimePoint sent,
                                  TimePoint now, Evidence& finding) const {
  const bool silent = outcome.kind == Kind::silent;
  finding.words =
      silent ? fmt::format("silent for {} ms, {}", settings_.timeout.count(), times(entry.failed))
             : fmt::format("unreachable: {}", std::strerror(outcome.error));
  if (silent && !reached(entry.target)) {
    finding.words += "; it never answered this node";
    return;
  }
  const auto tally = controls_.tally(entry.target, sent, now);
  const std::size_t heard = tally.answered + tally.refused;
  if (heard == 0 || heard < tally.failed) {
    finding.words += "; " + why_nothing(tally);
    return;
  }
  finding.verdict = Verdict::silent;
  finding.words += fmt::format("; {} of {} others answer", heard, heard + tally.failed);
}

Evidence ProbeSchedule::judge(Entry& entry, const ProbeOutcome& outcome, TimePoint sent,
                              TimePoint now) {
  Evidence finding{entry.target.address, entry.target.port, entry.target.protocol, {}, {}};
  switch (outcome.kind) {
    case Kind::answered:
      finding.verdict = Verdict::alive;
      finding.words = fmt::format("answered the prober in {} ms", outcome.took.count());
      break;
    case Kind::refused:
      judge_refused(entry, outcome, sent, now, finding);
      break;
    case Kind::unreachable:
      judge_unheard(entry, outcome, sent, now, finding);
      break;
    case Kind::silent:
      if (entry.target.protocol == Protocol::tcp) {
        judge_unheard(entry, outcome, sent, now, finding);
        break;
      }
      finding.words = "silent, as UDP may be";
      if (entry.quiet < kQuiet) break;
      entry.failed = entry.quiet = 0;
      finding.words += "; it refuses no more";
      finding.withdraws = true;
      break;
    case Kind::replied:
      finding.words = "a datagram came back: its host lives";
      finding.withdraws = true;
      break;
    case Kind::failed:
      finding.words = fmt::format("this node cannot probe it: {}", std::strerror(outcome.error));
      break;
  }
  return finding;
}

}  // namespace holdfast
