// SPDX-License-Identifier: Apache-2.0
#include "agent/app/status.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "agent/app/reach.h"
#include "agent/base/text.h"
#include "holdfast/abi/base.h"

namespace holdfast {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using std::chrono::system_clock;
using namespace std::chrono_literals;

constexpr std::size_t kShownConflicts = 100;  // in a status; /v1/conflicts has them all

std::int64_t seconds_since(system_clock::time_point then) {
  return std::chrono::duration_cast<std::chrono::seconds>(system_clock::now() - then).count();
}

std::string rfc3339(system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(system_clock::to_time_t(time)));
}

array map_rows(const Usage& usage, const Capacity& capacity) {
  const auto row = [](const char* name, std::uint32_t used, std::uint32_t room) {
    return object{{"name", name}, {"used", used}, {"capacity", room}};
  };
  return {row("frontends", usage.frontends, capacity.frontends),
          row("service_names", usage.services, capacity.services),
          row("pools", usage.pools, capacity.pools),
          row("slots", usage.slots, capacity.slots),
          row("endpoints", usage.endpoints, capacity.endpoints),
          row("strings", usage.strings, capacity.strings)};
}

}  // namespace

value StatusReport::status() const {
  object report;
  report["ready"] = daemon_.ready();
  report["generation"] = daemon_.reconciler_ ? daemon_.reconciler_->status().applied_generation : 0;
  report["desired_generation"] = daemon_.catalog_ ? daemon_.catalog_->number() : 0;
  std::size_t attached = 0;
  array links;
  if (daemon_.dataplane_) {
    for (const ProgramStatus& program : daemon_.dataplane_->programs()) {
      attached += program.attached;
      links.push_back(object{
          {"name", program.name}, {"attached", program.attached}, {"pinned", program.pinned}});
    }
  }
  report["programs"] = object{{"attached", attached == links.size() && attached != 0},
                              {"effective", "unknown"},
                              {"links", links},
                              {"repairs", daemon_.links_watch_.repairs()},
                              {"last_error", daemon_.links_watch_.last_error()}};
  report["grace"] = daemon_.dataplane_ ? to_string(daemon_.dataplane_->grace_mode()) : "";
  report["maps"] = daemon_.reconciler_
                       ? map_rows(daemon_.reconciler_->usage(), daemon_.dataplane_->capacity())
                       : array{};
  report["set"] = daemon_.dataplane_ ? daemon_.dataplane_->set() : 0;
  report["layout"] = HF_ABI_VERSION;
  report["unreadable"] = daemon_.dataplane_ ? daemon_.dataplane_->unreadable() : "";
  array sources;
  for (const SourceState& state : daemon_.sources_) sources.push_back(source(state));
  for (value& row : gone()) sources.push_back(std::move(row));
  report["sources"] = std::move(sources);
  report["holds"] = daemon_.open_holds();
  array contested = conflicts();
  report["conflicts"] = contested.size();
  if (contested.size() > kShownConflicts) contested.resize(kShownConflicts);
  report["contested"] = std::move(contested);
  report["network"] = network();
  report["last_error"] = daemon_.reconciler_ ? daemon_.reconciler_->status().last_error : "";
  report["repairs"] = daemon_.reconciler_ ? daemon_.reconciler_->status().repairs : 0;
  report["unfit"] = unfit();
  report["snapshot"] = snapshot();
  return report;
}

array StatusReport::unfit() const {
  array rows;
  if (!daemon_.reconciler_) return rows;
  for (const Unfit& one : daemon_.reconciler_->status().unfit) {
    rows.push_back(object{{"service", one.key.to_string()}, {"lacking", one.lacking}});
  }
  return rows;
}

array StatusReport::network() const {
  array rows;
  for (const bool v4 : {true, false}) {
    const Reach reach = daemon_.prober_.reach(v4);
    const auto age = std::chrono::steady_clock::now() - reach.since;
    const bool fails = reach.state == Reach::State::fails;
    rows.push_back(
        object{{"family", v4 ? "ipv4" : "ipv6"},
               {"state", fails                                  ? "fails"
                         : reach.state == Reach::State::answers ? "answers"
                                                                : "unknown"},
               {"since_seconds", reach.since == TimePoint{} ? value(nullptr) : value(age / 1s)},
               {"message", describe(reach, v4)}});
  }
  return rows;
}

// null: there is none, and nothing is wrong.
value StatusReport::snapshot() const {
  const Snapshots& snapshots = daemon_.snapshots_;
  const auto& newest = snapshots.newest();
  if (!newest && snapshots.last_error().empty() && snapshots.untrusted().empty()) return nullptr;
  object row{{"generation", nullptr}, {"age_seconds", nullptr}};
  if (newest) {
    row["generation"] = newest->generation;
    row["age_seconds"] = seconds_since(system_clock::time_point(std::chrono::seconds(newest->at)));
  }
  row["last_error"] = snapshots.last_error();
  row["errors"] = snapshots.errors();
  row["untrusted"] = array(snapshots.untrusted().begin(), snapshots.untrusted().end());
  return row;
}

object StatusReport::source(const SourceState& state) const {
  const SourceStatus status = state.source->status();
  object row{{"name", state.name},
             {"kind", state.kind},
             {"role", state.fallback ? "fallback" : "primary"},
             {"state", status.state}};
  if (status.last_confirmed) {
    row["last_confirmed"] = rfc3339(*status.last_confirmed);
    row["age_seconds"] = seconds_since(*status.last_confirmed);
  } else {
    row["last_confirmed"] = nullptr;
    row["age_seconds"] = nullptr;
  }
  row["last_error"] = printable(status.last_error, kCellLimit);
  object details;
  for (const auto& [key, text] : status.details) details[key] = printable(text, kCellLimit);
  for (const auto& [key, count] : status.counters) details[key] = count;
  row["details"] = std::move(details);
  return row;
}

value StatusReport::sources() const {
  array rows;
  for (const SourceState& state : daemon_.sources_) {
    object row = source(state);
    array problems, doubts;
    for (const Problem& problem : state.problems) {
      problems.push_back(object{{"file", problem.file},
                                {"line", problem.line},
                                {"column", problem.column},
                                {"object", problem.object},
                                {"message", problem.message},
                                {"kind", to_string(problem.kind)}});
    }
    for (const Doubt& doubt : state.doubts) {
      doubts.push_back(object{{"origin", doubt.origin}, {"reason", doubt.reason}});
    }
    row["problems"] = std::move(problems);
    row["errors"] = state.problems.size() - notes_in(state.problems);
    row["notes"] = notes_in(state.problems);
    row["doubts"] = std::move(doubts);
    rows.push_back(std::move(row));
  }
  for (value& row : gone()) {
    row.as_object()["problems"] = array{};
    row.as_object()["doubts"] = array{};
    rows.push_back(std::move(row));
  }
  return rows;
}

object hold_row(const Hold& hold, TimePoint now) {
  array endpoints;
  for (const HeldEndpoint& endpoint : hold.endpoints) {
    endpoints.push_back(object{{"address", endpoint.address.to_string()},
                               {"port", endpoint.port},
                               {"protocol", to_string(endpoint.protocol)},
                               {"verdict", to_string(endpoint.verdict)},
                               {"evidence", printable(endpoint.evidence, kCellLimit)}});
  }
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - hold.since);
  return {{"id", hold.id},
          {"source", hold.source},
          {"service", hold.service.to_string()},
          {"state", hold.state == HoldState::open ? "open" : "rejected"},
          {"whole_service", hold.whole_service},
          {"pending", hold.state == HoldState::open && age < kPendingHold},
          {"absences", hold.absences},
          {"beyond_thresholds", hold.beyond_thresholds},
          {"since_seconds", age.count()},
          {"reason", printable(hold.reason, kCellLimit)},
          {"endpoints", std::move(endpoints)}};
}

value StatusReport::holds() const {
  array rows;
  const TimePoint now = std::chrono::steady_clock::now();
  for (const SourceState& state : daemon_.sources_) {
    if (const SourceStatus status = state.source->status(); status.state == "refused") {
      rows.push_back(object{{"id", state.name},
                            {"source", state.name},
                            {"service", ""},
                            {"state", "open"},
                            {"whole_service", false},
                            {"since_seconds", status.refused_seconds},
                            {"reason", printable(status.last_error, kCellLimit)},
                            {"endpoints", array{}}});
    }
    for (const Hold& hold : state.guard.holds()) rows.push_back(hold_row(hold, now));
  }
  return rows;
}

value to_json(const std::vector<Difference>& differences) {
  array rows;
  for (const Difference& difference : differences) {
    rows.push_back(object{{"map", difference.map},
                          {"key", difference.key},
                          {"desired", difference.desired},
                          {"actual", difference.actual}});
  }
  return rows;
}

}  // namespace holdfast
