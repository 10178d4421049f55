// SPDX-License-Identifier: Apache-2.0
// Removals that are not trusted yet: shown, and decided.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <memory>
#include <ostream>

#include "agent/base/text.h"
#include "agent/cli/ask.h"
#include "agent/cli/commands/table.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

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

int list(const Env& env, const Options& options) {
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

int show(const Env& env, const Options& options, const std::string& id) {
  const auto answer = ask(env, options, "GET", "/v1/holds");
  if (!answer) return report(env, options, answer.error());
  for (const json::value& hold : answer->as_array()) {
    if (cell(hold.at("id")) != id) continue;
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
  return report(env, options, Error{Errc::not_found, 0, "no hold " + id});
}

struct Which {
  std::string id;
  bool all = false;
};

int decide(const Env& env, const Options& options, const Which& which, const std::string& verb) {
  if (which.id.empty() == !which.all) {
    return report_usage(env, options, "give the ID of one hold, or --all");
  }
  const std::string id = which.all ? "all" : which.id;
  const auto answer = ask(env, options, "POST", "/v1/holds/" + id + "/" + verb);
  if (!answer) return report(env, options, answer.error());
  if (print_document(env.out, options.rendering, *answer)) return kOk;
  if (which.all)
    env.out << verb << "ed " << cell(answer->at("count")) << " holds\n";
  else
    env.out << verb << "ed " << printable(id) << "\n";
  return kOk;
}

Run decision(Usage& usage, const std::string& verb) {
  const auto which = std::make_shared<Which>();
  usage.optional("ID", which->id);
  usage.flag("--all", &which->all, "every hold");
  usage.examples = {"holdfast " + verb + " 7", "holdfast " + verb + " --all"};
  return [which, verb](const Env& env, const Options& options) {
    return decide(env, options, *which, verb);
  };
}

}  // namespace

Run hold_list(Usage&) {
  return list;
}

Run hold_show(Usage& usage) {
  const auto id = std::make_shared<std::string>();
  usage.argument("ID", *id);
  return [id](const Env& env, const Options& options) { return show(env, options, *id); };
}

Run accept(Usage& usage) {
  return decision(usage, "accept");
}

Run reject(Usage& usage) {
  return decision(usage, "reject");
}

}  // namespace holdfast::cli
