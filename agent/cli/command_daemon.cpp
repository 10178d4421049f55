// SPDX-License-Identifier: Apache-2.0
// Commands that ask the daemon over its admin socket.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <ostream>

#include "agent/base/text.h"
#include "agent/cli/ask.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

int show_rows(const Env& env, const Options& options, const std::string& path,
              const std::vector<Column>& columns, const std::string& name) {
  const auto answer = ask(env, options, "GET", path);
  if (!answer) return report(env, options, answer.error());
  print_rows(env.out, options.rendering, answer->as_array(), columns, {name});
  return kOk;
}

// "set 3, layout 1, room for 4096 services, 65536 endpoints"; "": there are none yet.
std::string describe_set(const json::object& report) {
  const auto* set = report.if_contains("set");
  const auto* layout = report.if_contains("layout");
  const auto* maps = report.if_contains("maps");
  if (!set || !layout || !maps || !maps->is_array() || maps->get_array().empty()) return "";
  std::map<std::string, std::string> room;
  for (const json::value& map : maps->get_array()) {
    room[cell(map.at("name"))] = cell(map.at("capacity"));
  }
  return "set " + cell(*set) + ", layout " + cell(*layout) + ", room for " + room["service_names"] +
         " services, " + room["endpoints"] + " endpoints";
}

// The first few: a limit that is too low may lack room for thousands.
void describe_unfit(std::ostream& out, const json::object& report) {
  constexpr std::size_t kNamed = 5;
  const auto* unfit = report.if_contains("unfit");
  if (!unfit || !unfit->is_array() || unfit->get_array().empty()) return;
  const json::array& rows = unfit->get_array();
  out << "unfit       " << rows.size() << " services do not fit, what fits of them serves\n";
  for (std::size_t row = 0; row < std::min(rows.size(), kNamed); ++row)
    out << "  " << cell(rows[row].at("service")) << "  " << cell(rows[row].at("lacking")) << "\n";
}

// "attached", "attached, NOT pinned: hf_connect4", "NOT attached: hf_connect4, hf_connect6"
std::string describe_programs(const json::object& programs) {
  const auto* links = programs.if_contains("links");
  const auto without = [&](const char* what) {
    std::string names;
    if (!links || !links->is_array()) return names;
    for (const json::value& link : links->get_array()) {
      const auto* value = link.as_object().if_contains(what);
      if (value && value->is_bool() && !value->get_bool()) {
        names += (names.empty() ? ": " : ", ") + cell(link.at("name"));
      }
    }
    return names;
  };
  if (!programs.at("attached").as_bool()) return "NOT attached" + without("attached");
  const std::string unpinned = without("pinned");
  return unpinned.empty() ? "attached" : "attached, NOT pinned" + unpinned;
}

void describe(std::ostream& out, const json::object& report) {
  const auto line = [&out](const char* name, const std::string& text) {
    out << name << text << "\n";
  };
  line("ready       ", cell(report.at("ready")));
  line("generation  ", cell(report.at("generation")));
  const auto& programs = report.at("programs").as_object();
  line("programs    ",
       describe_programs(programs) + ", effective " + cell(programs.at("effective")));
  if (const auto* error = programs.if_contains("last_error"); error && cell(*error) != "-") {
    line("  NOT PUT BACK  ", cell(*error));
  }
  if (const auto* grace = report.if_contains("grace"); grace && cell(*grace) != "-") {
    line("grace       ", cell(*grace));
  }
  if (const std::string set = describe_set(report); !set.empty()) line("maps        ", set);
  if (const auto* old = report.if_contains("unreadable"); old && cell(*old) != "-") {
    line("  of another version, serving meanwhile  ", cell(*old));
  }
  line("holds       ", cell(report.at("holds")));
  describe_unfit(out, report);
  if (const auto* conflicts = report.if_contains("conflicts"))
    line("conflicts   ", cell(*conflicts));
  if (const auto* network = report.if_contains("network"); network && network->is_array()) {
    for (const json::value& family : network->get_array()) {
      if (const std::string message = cell(family.at("message")); message != "-")
        line("NETWORK     ", message);
    }
  }
  if (const auto* error = report.if_contains("last_error"); error && cell(*error) != "-") {
    line("last error  ", cell(*error));
  }
  const auto& snapshot = report.at("snapshot");
  if (snapshot.is_null()) return line("snapshot    ", "none");
  line("snapshot    ", snapshot.at("generation").is_null()
                           ? "none"
                           : "generation " + cell(snapshot.at("generation")) + ", " +
                                 cell(snapshot.at("age_seconds")) + " s old");
  if (const auto* error = snapshot.as_object().if_contains("last_error");
      error && cell(*error) != "-") {
    line("  NOT WRITTEN  ", cell(*error));
  }
  if (const auto* untrusted = snapshot.as_object().if_contains("untrusted")) {
    for (const auto& one : untrusted->as_array()) line("  not trusted  ", cell(one));
  }
}

// For people: what the members of a hold mean, in its state, its reason and one column more.
void summarize(json::object& hold) {
  std::map<std::string, std::size_t> counts;
  for (const json::value& endpoint : hold.at("endpoints").as_array()) {
    ++counts[cell(endpoint.at("verdict"))];
  }
  std::string verdicts;
  for (const auto& [verdict, count] : counts) {
    verdicts += (verdicts.empty() ? "" : ", ") + std::to_string(count) + " " + verdict;
  }
  hold["verdicts"] = verdicts;
  const auto is = [&](const char* member) {
    const json::value* const value = hold.if_contains(member);
    return value && value->is_bool() && value->get_bool();
  };
  if (is("pending")) hold["state"] = "pending";
  std::string reason = cell(hold.at("reason"));
  const json::value* const absences = hold.if_contains("absences");
  if (absences && absences->is_int64() && absences->get_int64() > 0) {
    const std::int64_t count = absences->get_int64();
    reason += "; absent from " + std::to_string(count) + " complete list" + (count > 1 ? "s" : "");
  }
  if (is("beyond_thresholds")) reason += "; beyond the thresholds";
  hold["reason"] = reason;
}

int decide(const Env& env, const Options& options, const std::string& verb) {
  if (options.arguments.empty() == !options.all) {
    return report_usage(env, options, "give the ID of one hold, or --all");
  }
  const std::string id = options.all ? "all" : options.arguments[0];
  const auto answer = ask(env, options, "POST", "/v1/holds/" + id + "/" + verb);
  if (!answer) return report(env, options, answer.error());
  if (print_document(env.out, options.rendering, *answer)) return kOk;
  if (options.all)
    env.out << verb << "ed " << cell(answer->at("count")) << " holds\n";
  else
    env.out << verb << "ed " << printable(id) << "\n";
  return kOk;
}

}  // namespace

int status(const Env& env, const Options& options) {
  const auto answer = ask(env, options, "GET", "/v1/status");
  if (!answer) return report(env, options, answer.error());
  const json::object& report = answer->as_object();
  if (!print_document(env.out, options.rendering, *answer)) {
    describe(env.out, report);
    print_rows(env.out, options.rendering, report.at("sources").as_array(),
               {{"SOURCE", "name"},
                {"KIND", "kind"},
                {"STATE", "state"},
                {"AGE", "age_seconds"},
                {"LAST-ERROR", "last_error"}},
               {"name"});
    if (const auto* contested = report.if_contains("contested");
        contested && contested->is_array() && !contested->get_array().empty()) {
      print_rows(env.out, options.rendering, contested->get_array(),
                 {{"CONTESTED", "address"},
                  {"PORT", "port"},
                  {"PROTOCOL", "protocol"},
                  {"HAS-IT", "owner"},
                  {"DOES-NOT", "loser"},
                  {"REASON", "reason"}},
                 {"address", "port"});
    }
    if (options.rendering.format == Format::wide) {
      print_rows(env.out, options.rendering, report.at("maps").as_array(),
                 {{"MAP", "name"}, {"USED", "used"}, {"CAPACITY", "capacity"}}, {"name"});
    }
  }
  return report.at("ready").as_bool() ? kOk : kFailed;
}

int source_list(const Env& env, const Options& options) {
  return show_rows(env, options, "/v1/sources",
                   {{"NAME", "name"},
                    {"KIND", "kind"},
                    {"ROLE", "role", true},
                    {"STATE", "state"},
                    {"LAST-CONFIRMED", "last_confirmed"},
                    {"ERRORS", "errors"},
                    {"NOTES", "notes"},
                    {"LAST-ERROR", "last_error"}},
                   "name");
}

int hold_list(const Env& env, const Options& options) {
  const auto answer = ask(env, options, "GET", "/v1/holds");
  if (!answer) return report(env, options, answer.error());
  json::array rows = answer->as_array();
  const bool document =
      options.rendering.format == Format::json || options.rendering.format == Format::yaml;
  for (json::value& row : rows) {
    if (!document) summarize(row.as_object());
  }
  print_rows(env.out, options.rendering, rows,
             {{"ID", "id"},
              {"SOURCE", "source"},
              {"SERVICE", "service"},
              {"STATE", "state"},
              {"SINCE-S", "since_seconds"},
              {"VERDICTS", "verdicts"},
              {"ENDPOINTS", "endpoints", true},
              {"REASON-CODE", "reason_code", true},
              {"REASON", "reason"}},
             {"id"});
  return kOk;
}

int hold_show(const Env& env, const Options& options) {
  const auto answer = ask(env, options, "GET", "/v1/holds");
  if (!answer) return report(env, options, answer.error());
  for (const json::value& hold : answer->as_array()) {
    if (cell(hold.at("id")) != options.arguments[0]) continue;
    if (print_document(env.out, options.rendering, hold)) return kOk;
    if (options.rendering.format != Format::name) {
      json::object row = hold.as_object();
      summarize(row);
      env.out << cell(row.at("service")) << " of source " << cell(row.at("source")) << ", "
              << cell(row.at("state")) << " for " << cell(row.at("since_seconds"))
              << " s: " << cell(row.at("reason")) << "\n";
    }
    print_rows(env.out, options.rendering, hold.at("endpoints").as_array(),
               {{"ADDRESS", "address"},
                {"PORT", "port"},
                {"PROTOCOL", "protocol"},
                {"VERDICT", "verdict"},
                {"EVIDENCE", "evidence"}},
               {"address", "port"});
    return kOk;
  }
  return report(env, options, Error{Errc::not_found, 0, "no hold " + options.arguments[0]});
}

int accept(const Env& env, const Options& options) {
  return decide(env, options, "accept");
}
int reject(const Env& env, const Options& options) {
  return decide(env, options, "reject");
}

int diff(const Env& env, const Options& options) {
  const auto answer = ask(env, options, "GET", "/v1/diff");
  if (!answer) return report(env, options, answer.error());
  const json::array& rows = answer->as_array();
  const bool document =
      options.rendering.format == Format::json || options.rendering.format == Format::yaml;
  if (!rows.empty() || document) {
    print_rows(env.out, options.rendering, rows,
               {{"MAP", "map"}, {"KEY", "key"}, {"DESIRED", "desired"}, {"ACTUAL", "actual"}},
               {"map", "key"});
  }
  return rows.empty() ? kOk : kFailed;
}

int uninstall_source(const Env& env, const Options& options) {
  const auto answer = ask(env, options, "POST", "/v1/sources/" + options.source + "/uninstall");
  if (!answer) return report(env, options, answer.error());
  if (!print_document(env.out, options.rendering, *answer)) {
    env.out << "uninstalled source " << cell(answer->at("source")) << ": "
            << cell(answer->at("services")) << " services\n";
  }
  return kOk;
}

}  // namespace holdfast::cli
