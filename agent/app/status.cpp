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

std::int64_t seconds_between(system_clock::time_point then, system_clock::time_point now) {
  return std::chrono::duration_cast<std::chrono::seconds>(now - then).count();
}

std::string rfc3339(system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(system_clock::to_time_t(time)));
}

array map_rows(const std::vector<MapStatus>& maps) {
  array rows;
  for (const MapStatus& map : maps)
    rows.push_back(object{{"name", map.name}, {"used", map.used}, {"capacity", map.capacity}});
  return rows;
}

}  // namespace

object StatusReport::programs() const {
  std::size_t attached = 0, wanted = 0;
  array links;
  if (Hooks* const hooks = view_.pipeline.serving().hooks()) {
    for (const ProgramStatus& program : hooks->programs()) {
      attached += program.attached;
      wanted += program.left_out.empty();
      object link{
          {"name", program.name}, {"attached", program.attached}, {"pinned", program.pinned}};
      if (!program.left_out.empty()) link["left_out"] = program.left_out;
      links.push_back(std::move(link));
    }
  }
  const LinksWatch& watch = view_.pipeline.serving().links();
  return {{"attached", attached == wanted && attached != 0},
          {"effective", "unknown"},
          {"links", links},
          {"repairs", watch.repairs()},
          {"last_error", watch.last_error()}};
}

value StatusReport::status() const {
  const Intake& intake = view_.pipeline.intake();
  const Serving& serving = view_.pipeline.serving();
  const ReconcileStatus reconciled = serving.status();
  const bool open = serving.is_open();
  object report;
  report["ready"] = view_.pipeline.ready();
  report["generation"] = reconciled.applied_generation;
  report["desired_generation"] = intake.begun() ? intake.catalog().number() : 0;
  report["programs"] = programs();
  report["grace"] = open ? serving.hooks()->grace() : "";
  report["maps"] = map_rows(serving.map_status());
  report["set"] = open ? serving.maps()->set() : 0;
  report["layout"] = HF_ABI_VERSION;
  report["unreadable"] = open ? serving.hooks()->unreadable() : "";
  array sources;
  for (const GuardedSource& state : intake.sources()) sources.push_back(source(state));
  for (value& row : gone()) sources.push_back(std::move(row));
  report["sources"] = std::move(sources);
  report["holds"] = intake.open_holds();
  array contested = conflicts();
  report["conflicts"] = contested.size();
  if (contested.size() > kShownConflicts) contested.resize(kShownConflicts);
  report["contested"] = std::move(contested);
  report["network"] = network();
  report["last_error"] = reconciled.last_error;
  report["repairs"] = reconciled.repairs;
  report["unfit"] = unfit(reconciled);
  report["snapshot"] = snapshot();
  return report;
}

array StatusReport::unfit(const ReconcileStatus& reconciled) {
  array rows;
  for (const Unfit& one : reconciled.unfit)
    rows.push_back(object{{"service", one.key.to_string()}, {"lacking", one.lacking}});
  return rows;
}

array StatusReport::network() const {
  array rows;
  for (const bool v4 : {true, false}) {
    const Reach reach = view_.pipeline.health().reach(v4);
    const auto age = view_.now - reach.since;
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
  const SnapshotFacts& facts = view_.snapshots;
  if (!facts.newest && facts.last_error.empty() && facts.untrusted.empty()) return nullptr;
  object row{{"generation", nullptr}, {"age_seconds", nullptr}};
  if (facts.newest) {
    row["generation"] = facts.newest->generation;
    row["age_seconds"] = seconds_between(
        system_clock::time_point(std::chrono::seconds(facts.newest->at)), view_.date);
  }
  row["last_error"] = facts.last_error;
  row["errors"] = facts.errors;
  row["untrusted"] = array(facts.untrusted.begin(), facts.untrusted.end());
  return row;
}

object StatusReport::source(const GuardedSource& state) const {
  const SourceStatus status = state.source->status();
  object row{{"name", state.name},
             {"kind", state.kind},
             {"role", state.fallback ? "fallback" : "primary"},
             {"state", to_string(status.state)}};
  if (status.last_confirmed) {
    row["last_confirmed"] = rfc3339(*status.last_confirmed);
    row["age_seconds"] = seconds_between(*status.last_confirmed, view_.date);
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
  for (const GuardedSource& state : view_.pipeline.intake().sources()) {
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
          {"reason", printable(describe(hold.cause), kCellLimit)},
          {"reason_code", to_string(hold.cause.reason)},
          {"endpoints", std::move(endpoints)}};
}

value StatusReport::holds() const {
  array rows;
  const TimePoint now = view_.now;
  for (const GuardedSource& state : view_.pipeline.intake().sources()) {
    if (const SourceStatus status = state.source->status(); status.state == SourceState::refused) {
      rows.push_back(object{{"id", state.name},
                            {"source", state.name},
                            {"service", ""},
                            {"state", "open"},
                            {"whole_service", false},
                            {"since_seconds", status.refused_seconds},
                            {"reason", printable(status.last_error, kCellLimit)},
                            {"reason_code", "refused"},
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
