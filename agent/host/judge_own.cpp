// SPDX-License-Identifier: Apache-2.0
// What Holdfast itself has on this host.
#include <fmt/format.h>

#include "agent/host/judge.h"

namespace holdfast::host {

namespace {

void judge_links(const Facts& facts, Findings& out) {
  std::string off, left_out;
  std::size_t attached = 0;
  for (const LinkFact& link : facts.pins.links) {
    attached += link.attached;
    if (link.left_out) left_out += (left_out.empty() ? "" : ", ") + link.program;
    if (link.attached || link.left_out) continue;
    off += (off.empty() ? "" : ", ") + link.program +
           (link.pinned ? " (somebody detached it, or its cgroup is gone)" : "");
  }
  if (!left_out.empty()) {
    out.push_back({"optional programs", Level::warn, "not taken by this kernel: " + left_out,
                   "holdfastd goes without them, and its log says why"});
  }
  if (off.empty()) {
    out.push_back({"programs", Level::ok, fmt::format("{} attached", attached), ""});
    return;
  }
  // Maps that never held a whole generation are not attached on purpose.
  const bool failing = facts.pins.complete;
  out.push_back({"programs", failing ? Level::fail : Level::warn, "not attached: " + off,
                 failing ? std::string(facts.daemon.answers
                                           ? "holdfastd attaches them again within seconds, or its "
                                             "log says why not"
                                           : "start holdfastd, which attaches them") +
                               "; connects go where the network sends them until then"
                         : "nothing was ever applied: see `holdfast source list`"});
}

}  // namespace

void judge_pins(const Facts& facts, Findings& out) {
  const PinFacts& pins = facts.pins;
  if (!pins.problem.empty()) {
    out.push_back({"pins", Level::warn, pins.problem, "run this as root"});
    return;
  }
  if (!pins.present) {
    const bool served = facts.daemon.answers;
    out.push_back(
        {"pins", served ? Level::fail : Level::ok, "nothing is pinned under " + pins.bpffs,
         served ? "holdfastd runs with another dataplane.bpffs; or its pins were removed, which "
                  "it puts back within seconds, once " +
                      pins.parent + " is on bpffs"
                : ""});
    return;
  }
  if (pins.layout != 0 && pins.layout != pins.layout_expected) {
    out.push_back(
        {"pins", Level::fail,
         fmt::format("the maps under {} have layout {}, this version has {}", pins.bpffs,
                     pins.layout, pins.layout_expected),
         "use the `holdfast` of the holdfastd that runs; what is pinned goes on serving"});
  } else {
    out.push_back({"pins", pins.complete ? Level::ok : Level::warn,
                   fmt::format("{}/{}, layout {}{}", pins.bpffs, pins.set, pins.layout,
                               pins.complete ? "" : ", no generation was ever applied"),
                   pins.complete ? "" : "see `holdfast source list`"});
  }
  judge_links(facts, out);
}

void judge_daemon(const Facts& facts, Findings& out) {
  const DaemonFacts& daemon = facts.daemon;
  if (!daemon.answers) {
    out.push_back({"holdfastd", Level::warn, daemon.problem,
                   facts.pins.present
                       ? "start it; the maps go on serving as they are, and do not follow changes"
                       : "start it"});
  } else if (!daemon.ready) {
    out.push_back({"holdfastd", Level::warn, "answers, and is not ready: " + daemon.problem,
                   "see `holdfast status`"});
  } else {
    out.push_back({"holdfastd", Level::ok, "answers, and is ready", ""});
  }
}

void judge_state(const Facts& facts, Findings& out) {
  const StateFacts& state = facts.state;
  constexpr std::uint64_t kLittle = std::uint64_t{64} << 20;
  if (!state.exists) {
    out.push_back({"state", Level::warn, state.directory + " does not exist",
                   "holdfastd makes it; without it nothing is known after a reboot"});
  } else if (!state.writable) {
    out.push_back({"state", Level::warn, state.directory + " cannot be written by this process",
                   "holdfastd must be able to: snapshots are written there"});
  } else if (state.free_bytes < kLittle) {
    out.push_back({"state", Level::warn,
                   fmt::format("{} has {} MiB left", state.directory, state.free_bytes >> 20),
                   "make room: a snapshot that cannot be written leaves the one before"});
  } else if (state.snapshots == 0) {
    out.push_back({"state", Level::warn, state.directory + " has no snapshot",
                   "one is written 10 s after the first generation; without one a reboot waits for "
                   "a source"});
  } else {
    out.push_back({"state", Level::ok,
                   fmt::format("{}, {} snapshots", state.directory, state.snapshots), ""});
  }
}

}  // namespace holdfast::host
