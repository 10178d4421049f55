// SPDX-License-Identifier: Apache-2.0
#include "agent/app/metrics.h"

#include <algorithm>

#include "agent/telemetry/metrics.h"
#include "holdfast/abi/counters.h"
#include "holdfast/abi/pins.h"

namespace holdfast {
namespace {

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

double unix_time(std::chrono::system_clock::time_point time) {
  return seconds(time.time_since_epoch());
}

}  // namespace

std::string MetricsReport::text() const {
  telemetry::Page page;
  page.gauge("holdfast_build_info", "1, with the version as a label.", 1,
             {{"version", HOLDFAST_VERSION}});
  page.gauge("holdfast_ready", "1 when the maps serve a whole generation.", view_.pipeline.ready());
  generations(page);
  snapshots(page);
  sources(page);
  catalog(page);
  guards(page);
  network(page);
  maps(page);
  datapath(page);
  page.add_process();
  return page.text();
}

void MetricsReport::generations(telemetry::Page& page) const {
  const Intake& intake = view_.pipeline.intake();
  const ReconcileStatus reconciled = view_.pipeline.serving().status();
  page.gauge("holdfast_generation_desired", "Newest generation of the catalog.",
             intake.begun() ? static_cast<double>(intake.catalog().number()) : 0);
  page.gauge("holdfast_generation_applied", "Generation that the maps hold.",
             static_cast<double>(reconciled.applied_generation));
  page.counter("holdfast_applies_total", "Generations applied by this process.",
               static_cast<double>(reconciled.applies));
  page.counter("holdfast_repairs_total", "Differences mended by read-back.",
               static_cast<double>(reconciled.repairs));
  page.gauge("holdfast_apply_failed", "1 while the newest generation could not be applied.",
             !reconciled.last_error.empty());
  page.gauge("holdfast_unfit_services",
             "Services that are not in the maps as they should be, for lack of room.",
             static_cast<double>(reconciled.unfit.size()));
  page.counter("holdfast_endpoints_forced_total",
               "Draining endpoints retired with connections open, for lack of room.",
               static_cast<double>(reconciled.forced));
  page.counter("holdfast_lost_closes_total",
               "Closes that nobody counted, of draining endpoints without a socket.",
               static_cast<double>(reconciled.lost_closes));
  view_.pipeline.serving().times().put(page);
}

void MetricsReport::snapshots(telemetry::Page& page) const {
  const SnapshotFacts& facts = view_.snapshots;
  page.counter("holdfast_snapshots_written_total", "Snapshots written by this process.",
               static_cast<double>(facts.writes));
  page.counter("holdfast_snapshot_errors_total", "Snapshots that could not be written.",
               static_cast<double>(facts.errors));
  page.gauge("holdfast_snapshots_untrusted", "Snapshots that were not trusted at the start.",
             static_cast<double>(facts.untrusted.size()));
  if (!facts.newest) return;
  page.gauge("holdfast_snapshot_generation", "Generation of the newest snapshot.",
             static_cast<double>(facts.newest->generation));
  page.gauge("holdfast_snapshot_timestamp_seconds", "When it was written, since the epoch.",
             static_cast<double>(facts.newest->at));
}

// Family by family, as the format wants it.
void MetricsReport::sources(telemetry::Page& page) const {
  std::vector<std::pair<std::string, SourceStatus>> all;
  for (const GuardedSource& state : view_.pipeline.intake().sources())
    all.emplace_back(state.name, state.source->status());
  for (const auto& [name, status] : all) {
    page.gauge("holdfast_source_current", "1 while the source is confirmed current.",
               status.state == SourceState::current, {{"source", name}, {"kind", status.kind}});
  }
  for (const auto& [name, status] : all) {
    for (const SourceState state : kSourceStates) {
      page.gauge("holdfast_source_state",
                 "1 for the state that the source is in, 0 for the others.", status.state == state,
                 {{"source", name}, {"state", std::string(to_string(state))}});
    }
  }
  // There from the first second: what is not there raises no alarm.
  for (const auto& [name, status] : all) {
    page.gauge("holdfast_source_confirmed_timestamp_seconds",
               "When the source was last confirmed current, since the epoch; 0: never since the "
               "start of this process.",
               status.last_confirmed ? unix_time(*status.last_confirmed) : 0, {{"source", name}});
  }
  for (const GuardedSource& state : view_.pipeline.intake().sources()) {
    page.gauge("holdfast_source_problems", "Objects of the source that are not used, or not whole.",
               static_cast<double>(state.problems.size() - notes_in(state.problems)),
               {{"source", state.name}});
  }
  for (const GuardedSource& state : view_.pipeline.intake().sources()) {
    page.gauge("holdfast_source_notes", "What the source's objects ask for and is not honoured.",
               static_cast<double>(notes_in(state.problems)), {{"source", state.name}});
  }
  for (const GuardedSource& state : view_.pipeline.intake().sources()) {
    page.gauge("holdfast_source_doubts", "Parts of the source whose absences explain nothing.",
               static_cast<double>(state.doubts.size()), {{"source", state.name}});
  }
  std::vector<std::string> kinds;  // of counters, over all sources
  for (const auto& [name, status] : all) {
    for (const auto& [what, count] : status.counters) {
      if (std::find(kinds.begin(), kinds.end(), what) == kinds.end()) kinds.push_back(what);
    }
  }
  for (const std::string& kind : kinds) {
    for (const auto& [name, status] : all) {
      for (const auto& [what, count] : status.counters) {
        if (what != kind) continue;
        page.counter("holdfast_source_" + what + "_total", "The source's " + what + ".",
                     static_cast<double>(count), {{"source", name}});
      }
    }
  }
}

void MetricsReport::catalog(telemetry::Page& page) const {
  const Intake& intake = view_.pipeline.intake();
  page.gauge("holdfast_conflicts", "Claims of a frontend that another service has.",
             intake.begun() ? static_cast<double>(intake.catalog().conflicts().size()) : 0);
  for (const Ruling why : kDepartureRulings) {
    page.counter("holdfast_endpoints_left_total",
                 "Endpoints that left a service in this life, by why they were let go.",
                 static_cast<double>(view_.pipeline.left().of(why)),
                 {{"why", std::string(to_string(why))}});
  }
  const auto gone = intake.gone().rows(view_.now);
  for (const auto& one : gone) {
    page.gauge("holdfast_source_gone_services",
               "Services that are served of a source that is not in the configuration.",
               static_cast<double>(one.services), {{"source", one.name}});
  }
  for (const auto& one : gone) {
    page.gauge("holdfast_source_gone_seconds_left", "Until these services leave.",
               static_cast<double>(one.left.count()), {{"source", one.name}});
  }
}

void MetricsReport::guards(telemetry::Page& page) const {
  std::vector<std::pair<std::string, HoldSummary>> all;
  for (const GuardedSource& state : view_.pipeline.intake().sources())
    all.emplace_back(state.name, state.guard.summary());
  for (const auto& [name, held] : all) {
    page.gauge("holdfast_holds", "Services with removals that are held.",
               static_cast<double>(held.services), {{"source", name}});
  }
  for (const auto& [name, held] : all) {
    for (const HoldReason reason : kHoldReasons) {
      page.gauge("holdfast_holds_by_reason", "The same, by why they are held.",
                 static_cast<double>(held.by_reason[static_cast<std::size_t>(reason)]),
                 {{"source", name}, {"reason", std::string(to_string(reason))}});
    }
  }
  for (const auto& [name, held] : all) {
    page.gauge("holdfast_held_endpoints", "Endpoints kept against what the source says.",
               static_cast<double>(held.endpoints), {{"source", name}});
  }
  for (const auto& [name, held] : all) {
    page.gauge("holdfast_hold_oldest_seconds", "Age of the oldest hold; 0 without one.",
               held.oldest ? seconds(view_.now - *held.oldest) : 0, {{"source", name}});
  }
}

void MetricsReport::network(telemetry::Page& page) const {
  for (const bool v4 : {true, false}) {
    page.gauge("holdfast_network_unreachable",
               "1 while no endpoint on another node that answered before answers this node.",
               view_.pipeline.health().reach(v4).state == Reach::State::fails,
               {{"family", v4 ? "ipv4" : "ipv6"}});
  }
}

void MetricsReport::maps(telemetry::Page& page) const {
  const Serving& serving = view_.pipeline.serving();
  if (!serving.is_open()) return;
  const std::vector<MapStatus> rows = serving.map_status();
  for (const MapStatus& row : rows) {
    page.gauge("holdfast_bpf_map_entries", "Entries in use.", static_cast<double>(row.used),
               {{"map", row.name}});
  }
  for (const MapStatus& row : rows) {
    page.gauge("holdfast_bpf_map_capacity", "Entries there is room for.",
               static_cast<double>(row.capacity), {{"map", row.name}});
  }
  page.gauge("holdfast_endpoints_draining",
             "Endpoints out of every pool that wait for their last connection.",
             serving.usage().draining);
  for (const ProgramStatus& program : serving.hooks()->programs()) {
    if (!program.left_out.empty()) continue;
    page.gauge("holdfast_bpf_program_attached", "1 while its link is attached.", program.attached,
               {{"program", program.name}});
  }
  page.counter("holdfast_bpf_link_repairs_total",
               "Times at which links or pins that somebody removed were put back.",
               static_cast<double>(serving.links().repairs()));
  page.gauge("holdfast_grace_mode", "1, with how grace periods are waited for as a label.", 1,
             {{"mode", std::string(serving.hooks()->grace())}});
}

void MetricsReport::datapath(telemetry::Page& page) const {
  if (!view_.pipeline.serving().is_open()) return;
  const auto counters = view_.pipeline.serving().maps()->counters();
  if (!counters) return;
  for (const CounterValue& counter : *counters) {
    page.counter("holdfast_datapath_events_total",
                 "Decisions and early returns of the programs, over every life of the daemon.",
                 static_cast<double>(counter.value), {{"event", counter.name}});
  }
}

}  // namespace holdfast
