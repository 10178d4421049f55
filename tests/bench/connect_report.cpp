// SPDX-License-Identifier: Apache-2.0
// From the rounds of `connect` to its JSON, and to lines for people.
#include <fmt/format.h>

#include <cstdio>

#include "tests/bench/figures.h"
#include "tests/bench/rounds.h"

namespace holdfast::bench {
namespace {

using Values = std::vector<double>;

const Record& record_of(const Results& results, const std::string& series, const std::string& arm) {
  static const Record none;
  const auto found = results.records.find({series, arm});
  return found == results.records.end() ? none : found->second;
}

double median(const Values& values) {
  return spread_of(values).median;
}

boost::json::object series_row(const Results& results, const std::string& series,
                               const std::string& arm, const Record& record) {
  const Record& direct = record_of(results, series, "direct");
  const Record& empty = record_of(results, series, "empty");
  boost::json::object row{
      {"series", series},
      {"arm", arm},
      {"connect_p50_ns", to_json(spread_of(record.connect_p50))},
      {"connect_p99_ns", to_json(spread_of(record.connect_p99))},
      {"ratio_to_direct", to_json(spread_of(ratios(record.connect_p50, direct.connect_p50)))},
      {"over_direct_ns", to_json(spread_of(differences(record.connect_p50, direct.connect_p50)))},
      {"over_empty_ns", to_json(spread_of(differences(record.connect_p50, empty.connect_p50)))},
      {"p99_over_empty_ns",
       to_json(spread_of(differences(record.connect_p99, empty.connect_p99)))}};
  if (record.whole_p50.empty()) return row;
  row["close_p50_ns"] = to_json(spread_of(record.close_p50));
  row["close_over_direct_ns"] = to_json(spread_of(differences(record.close_p50, direct.close_p50)));
  row["whole_over_direct_ns"] = to_json(spread_of(differences(record.whole_p50, direct.whole_p50)));
  row["whole_ratio_to_direct"] = to_json(spread_of(ratios(record.whole_p50, direct.whole_p50)));
  return row;
}

// What ours adds beside what theirs adds, each over `base`. A ratio of two small differences is
// unsteady in one round, so the figure is the ratio of the medians; the rounds stand beside it.
boost::json::object share(const std::string& what, const Values& ours, const Values& theirs,
                          const Values& base, double target) {
  const Values our_time = differences(ours, base), their_time = differences(theirs, base);
  const double value = median(their_time) > 0 ? median(our_time) / median(their_time) : 0;
  boost::json::object row{{"what", what},
                          {"unit", "ratio"},
                          {"value", value},
                          {"ours_ns", median(our_time)},
                          {"theirs_ns", median(their_time)},
                          {"rounds", to_json(spread_of(ratios(our_time, their_time)))}};
  if (target > 0) {
    row["target"] = target;
    row["reached"] = value <= target;
  }
  return row;
}

boost::json::object bound(const std::string& what, const std::string& unit, const Values& values,
                          double target) {
  const Spread rounds = spread_of(values);
  return {{"what", what},
          {"unit", unit},
          {"value", rounds.median},
          {"target", target},
          {"reached", rounds.median <= target},
          {"rounds", to_json(rounds)}};
}

const Values& program_time(const Results& results, const std::string& arm,
                           const std::string& pattern, const std::string& program) {
  static const Values none;
  const auto found = results.programs.find({arm, pattern, program});
  return found == results.programs.end() ? none : found->second;
}

void lookup_figures(const Results& results, boost::json::array& into) {
  for (const auto& [pattern, target] : {std::pair<std::string, double>{"hot", 0.5},
                                        std::pair<std::string, double>{"random", 0.2}}) {
    const std::string series = "udp4/" + pattern;
    const auto p50 = [&](const char* arm) { return record_of(results, series, arm).connect_p50; };
    const std::string what = "look-up, " + pattern + ", net of an empty hook, beside ";
    into.push_back(share(what + "the usual layout with its LRU", p50("lookup"), p50("usual_lru"),
                         p50("empty"), target));
    into.push_back(
        share(what + "its three look-ups alone", p50("lookup"), p50("usual"), p50("empty"), 0));
  }
}

void connect_figures(const Results& results, boost::json::array& into) {
  for (const std::string pattern : {"hot", "random"}) {
    const std::string series = "tcp4/" + pattern, end = ", " + pattern;
    const auto of = [&](const char* arm) -> const Record& {
      return record_of(results, series, arm);
    };
    into.push_back(share("connect with per-socket state, added beside the usual layout's" + end,
                         of("state").connect_p50, of("usual_lru").connect_p50,
                         of("direct").connect_p50, 0.6));
    into.push_back(share("connect with state and evidence, added beside the usual layout's" + end,
                         of("holdfast").connect_p50, of("usual_lru").connect_p50,
                         of("direct").connect_p50, 0.7));
    into.push_back(share("connect and close with evidence, added beside the usual layout's" + end,
                         of("holdfast").whole_p50, of("usual_lru").whole_p50,
                         of("direct").whole_p50, 0));
    into.push_back(bound("connect with everything, of direct" + end, "ratio",
                         ratios(of("holdfast").connect_p50, of("direct").connect_p50), 1.10));
    into.push_back(bound("connect with everything, p99 over an empty hook's" + end, "ns",
                         differences(of("holdfast").connect_p99, of("empty").connect_p99), 2000));
  }
  into.push_back(bound("a miss over an empty hook, one after the other", "ns",
                       differences(record_of(results, "tcp4/no-route", "miss").connect_p50,
                                   record_of(results, "tcp4/no-route", "empty").connect_p50),
                       25));
  into.push_back(bound("a miss over an empty hook, amid whole connects (bpf_stats)", "ns",
                       differences(program_time(results, "miss", "hot", "hf_connect4"),
                                   program_time(results, "empty", "hot", "bench_empty4")),
                       25));
}

}  // namespace

boost::json::object connect_document(const ConnectOptions& options, const Results& results,
                                     boost::json::object machine) {
  boost::json::array series, programs, figures;
  for (const auto& [key, record] : results.records) {
    series.push_back(series_row(results, key.first, key.second, record));
  }
  for (const auto& [key, values] : results.programs) {
    programs.push_back({{"arm", std::get<0>(key)},
                        {"pattern", std::get<1>(key)},
                        {"program", std::get<2>(key)},
                        {"mean_ns", to_json(spread_of(values))}});
  }
  lookup_figures(results, figures);
  connect_figures(results, figures);
  return {{"benchmark", "connect"},
          {"version", HOLDFAST_VERSION},
          {"machine", std::move(machine)},
          {"services", options.size.services},
          {"endpoints_per_service", options.size.endpoints},
          {"rounds", options.rounds},
          {"connects_per_round", options.connects},
          {"redirected", results.redirected},
          {"passed", results.passed},
          {"figures", std::move(figures)},
          {"series", std::move(series)},
          {"programs", std::move(programs)}};
}

void print_connect(const boost::json::object& document) {
  const auto number = [](const boost::json::value& value) { return value.to_number<double>(); };
  const auto three = [&](const boost::json::value& spread, double unit, int digits) {
    return fmt::format("{:.{}f}/{:.{}f}/{:.{}f}", number(spread.at("min")) / unit, digits,
                       number(spread.at("median")) / unit, digits, number(spread.at("max")) / unit,
                       digits);
  };
  fmt::print("connect: {}\n\n", boost::json::serialize(document.at("machine")));
  fmt::print(
      "min/median/max over rounds; us, ns and ratios per round\n{:12} {:10} {:>17} {:>8} {:>18} "
      "{:>19} {:>19} {:>9}\n",
      "series", "arm", "p50 us", "p99 us", "ratio to direct", "over direct ns", "over empty ns",
      "close ns");
  for (const boost::json::value& row : document.at("series").as_array()) {
    const boost::json::object& one = row.as_object();
    fmt::print("{:12} {:10} {:>17} {:8.2f} {:>18} {:>19} {:>19} {:>9}\n",
               one.at("series").as_string().c_str(), one.at("arm").as_string().c_str(),
               three(one.at("connect_p50_ns"), 1000, 2),
               number(one.at("connect_p99_ns").at("median")) / 1000,
               three(one.at("ratio_to_direct"), 1, 3), three(one.at("over_direct_ns"), 1, 0),
               three(one.at("over_empty_ns"), 1, 0),
               one.contains("close_over_direct_ns")
                   ? fmt::format("{:+.0f}", number(one.at("close_over_direct_ns").at("median")))
                   : "-");
  }
  fmt::print("\n{:10} {:8} {:18} mean ns (bpf_stats)\n", "arm", "pattern", "program");
  for (const boost::json::value& row : document.at("programs").as_array()) {
    fmt::print("{:10} {:8} {:18} {}\n", row.at("arm").as_string().c_str(),
               row.at("pattern").as_string().c_str(), row.at("program").as_string().c_str(),
               three(row.at("mean_ns"), 1, 0));
  }
  fmt::print("\n");
  for (const boost::json::value& row : document.at("figures").as_array()) {
    const boost::json::object& one = row.as_object();
    fmt::print("{}: {:.2f} {}", one.at("what").as_string().c_str(), number(one.at("value")),
               one.at("unit").as_string().c_str());
    if (one.contains("ours_ns")) {
      fmt::print(" ({:.0f} ns beside {:.0f} ns)", number(one.at("ours_ns")),
                 number(one.at("theirs_ns")));
    }
    if (one.contains("target")) {
      fmt::print(", to reach {:g}: {}", number(one.at("target")),
                 one.at("reached").as_bool() ? "reached" : "NOT reached");
    }
    fmt::print("\n");
  }
}

}  // namespace holdfast::bench
