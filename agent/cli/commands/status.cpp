// SPDX-License-Identifier: Apache-2.0
// `status`: what the daemon says of itself, for people in its order of weight.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <ostream>

#include "agent/cli/ask.h"
#include "agent/cli/commands/table.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

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

int show(const Env& env, const Options& options) {
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

}  // namespace

Run status(Usage&) {
  return show;
}

}  // namespace holdfast::cli
