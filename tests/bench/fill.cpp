// SPDX-License-Identifier: Apache-2.0
// `fill`: from a parsed catalog through guard, merge, plan and apply to the kernel maps, beside the
// usual layout filled by system calls; then one endpoint replaced at a time in that catalog.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "agent/catalog/catalog.h"
#include "agent/guard/guard.h"
#include "tests/bench/figures.h"
#include "tests/bench/holdfast.h"
#include "tests/bench/rounds.h"
#include "tests/bench/usual.h"

namespace holdfast::bench {
namespace {

constexpr std::uint16_t kEndpointPort = 8080;
constexpr const char* kSource = "bench";

double since_ms(std::uint64_t start) {
  return static_cast<double>(now_ns() - start) / 1e6;
}

// The stages before the plan, as the daemon runs them.
struct Stages {
  Guard guard{kSource, {}};
  Catalog catalog{{{kSource}}, 0};

  Generation admit(const std::vector<ServicePtr>& services, bool complete) {
    SourceUpdate update;
    update.source = kSource;
    update.complete = complete;
    for (const ServicePtr& one : services) update.changes.push_back({one->key, one, true});
    return catalog.apply(kSource, guard.admit(update, std::chrono::steady_clock::now()));
  }
};

// One element a round, milliseconds.
struct FillTimes {
  std::vector<double> admit, plan, apply, total;
  std::vector<double> total_cpu;  // plan and apply, time of the processor
  std::vector<double> usual_each, usual_batch, usual_each_cpu, usual_batch_cpu;
  std::uint64_t our_memory = 0, our_frontends_to_stats = 0, usual_memory = 0;
  std::vector<std::pair<std::string, std::uint64_t>> maps;
};

void fill_ours(Holdfast& holdfast, Stages& stages, const std::vector<ServicePtr>& services,
               FillTimes& times) {
  std::uint64_t start = now_ns();
  const Generation generation = stages.admit(services, true);
  times.admit.push_back(since_ms(start));
  const std::uint64_t cpu = cpu_ns();
  start = now_ns();
  const Diff diff = checked(holdfast.planner().plan(generation), "plan the catalog");
  times.plan.push_back(since_ms(start));
  start = now_ns();
  holdfast.apply(diff);
  times.apply.push_back(since_ms(start));
  times.total.push_back(times.plan.back() + times.apply.back());
  times.total_cpu.push_back(static_cast<double>(cpu_ns() - cpu) / 1e6);
}

void fill_usual(Size size, bool batch, FillTimes& times) {
  Usual usual(size);
  const std::uint64_t start = now_ns(), cpu = cpu_ns();
  usual.fill(batch, kEndpointPort);
  (batch ? times.usual_batch : times.usual_each).push_back(since_ms(start));
  (batch ? times.usual_batch_cpu : times.usual_each_cpu)
      .push_back(static_cast<double>(cpu_ns() - cpu) / 1e6);
  times.usual_memory = usual.memory();
}

Capacity room_for(Size size) {
  Capacity room = capacity_for(size.services, size.services * size.endpoints);
  room.strings += kNames;  // a small catalog has as many nodes and zones as a large one
  return room;
}

// What the programs read or write; the others are for the CLI and the next daemon.
bool of_the_datapath(const std::string& map) {
  for (const char* one : {"frontends", "pools", "slots", "endpoints", "endpoint_stats"}) {
    if (map == one) return true;
  }
  return false;
}

FillTimes fill_rounds(const Lab& lab, const FillOptions& options) {
  const std::vector<ServicePtr> services = make_catalog(4, options.size, kEndpointPort);
  std::mt19937_64 random(options.seed);
  FillTimes times;
  std::vector<int> arms{0, 1, 2};
  for (std::uint32_t round = 0; round < options.rounds; ++round) {
    std::shuffle(arms.begin(), arms.end(), random);
    for (const int arm : arms) {
      if (arm != 0) {
        fill_usual(options.size, arm == 2, times);
        continue;
      }
      Holdfast holdfast(lab.cgroup, lab.bpffs, room_for(options.size));
      Stages stages;
      fill_ours(holdfast, stages, services, times);
      times.maps = holdfast.maps();
    }
    std::fprintf(stderr, "\rround %u of %u", round + 1, options.rounds);
  }
  std::fputc('\n', stderr);
  for (const auto& [name, bytes] : times.maps) {
    times.our_memory += bytes;
    if (of_the_datapath(name)) times.our_frontends_to_stats += bytes;
  }
  return times;
}

// Nanoseconds, one element a change.
struct ChangeTimes {
  std::vector<std::uint32_t> admit, plan, to_switch, whole;
};

// The operations up to the switch, and what comes after it.
std::pair<Diff, Diff> split_at_switch(Diff diff) {
  const auto switched = diff.ops.begin() + static_cast<std::ptrdiff_t>(diff.switched);
  Diff after;
  after.ops.assign(std::make_move_iterator(switched), std::make_move_iterator(diff.ops.end()));
  diff.ops.erase(switched, diff.ops.end());
  return {std::move(diff), std::move(after)};
}

// Programs attached, as when serving. Each change takes one endpoint out of a service and puts a
// new one in, by an event that explains it.
ChangeTimes change_rounds(const Lab& lab, const FillOptions& options, Size size) {
  std::vector<ServicePtr> services = make_catalog(4, size, kEndpointPort);
  // Room for the endpoints that drain until collect().
  Holdfast holdfast(
      lab.cgroup, lab.bpffs,
      room_for({size.services, size.endpoints + 2 + options.changes / size.services}));
  Stages stages;
  FillTimes unused;
  fill_ours(holdfast, stages, services, unused);
  holdfast.attach(true);
  std::mt19937_64 random(options.seed);
  ChangeTimes times;
  const auto elapsed = [](std::uint64_t start) {
    return static_cast<std::uint32_t>(now_ns() - start);
  };
  for (std::uint32_t change = 0; change < options.changes; ++change) {
    ServicePtr& service = services[random() % services.size()];
    auto next = std::make_shared<Service>(*service);
    std::vector<Endpoint>& endpoints = next->pools.front().endpoints;
    endpoints.erase(endpoints.begin() + static_cast<std::ptrdiff_t>(random() % endpoints.size()));
    endpoints.push_back(make_endpoint(4, kMostEndpoints + change, kEndpointPort));
    service = next;
    const std::uint64_t start = now_ns();
    const Generation generation = stages.admit({service}, false);
    times.admit.push_back(elapsed(start));
    const std::uint64_t planning = now_ns();
    auto [upto, after] =
        split_at_switch(checked(holdfast.planner().plan(generation), "plan a change"));
    times.plan.push_back(elapsed(planning));
    holdfast.apply(upto);
    times.to_switch.push_back(elapsed(start));
    holdfast.apply(after);
    times.whole.push_back(elapsed(start));
    holdfast.collect();
  }
  holdfast.detach();
  return times;
}

boost::json::object change_row(Size size, ChangeTimes& times) {
  const auto pair = [](std::vector<std::uint32_t>& sample) {
    return boost::json::object{{"p50", percentile(sample, 0.5)}, {"p99", percentile(sample, 0.99)}};
  };
  return {{"services", size.services},     {"endpoints_per_service", size.endpoints},
          {"changes", times.whole.size()}, {"guard_and_merge_ns", pair(times.admit)},
          {"plan_ns", pair(times.plan)},   {"to_switch_ns", pair(times.to_switch)},
          {"whole_ns", pair(times.whole)}};
}

boost::json::object fill_document(const FillOptions& options, const FillTimes& times,
                                  boost::json::array changes, boost::json::object machine) {
  boost::json::object maps;
  for (const auto& [name, bytes] : times.maps) maps[name] = bytes;
  return {
      {"benchmark", "fill"},
      {"version", HOLDFAST_VERSION},
      {"machine", std::move(machine)},
      {"services", options.size.services},
      {"endpoints_per_service", options.size.endpoints},
      {"rounds", options.rounds},
      {"ms",
       {{"guard_and_merge", to_json(spread_of(times.admit))},
        {"plan", to_json(spread_of(times.plan))},
        {"apply", to_json(spread_of(times.apply))},
        {"plan_and_apply", to_json(spread_of(times.total))},
        {"usual_each", to_json(spread_of(times.usual_each))},
        {"usual_batch", to_json(spread_of(times.usual_batch))}}},
      {"cpu_ms",
       {{"plan_and_apply", to_json(spread_of(times.total_cpu))},
        {"usual_each", to_json(spread_of(times.usual_each_cpu))},
        {"usual_batch", to_json(spread_of(times.usual_batch_cpu))}}},
      {"ratio",
       {{"plan_and_apply_to_usual_each", to_json(spread_of(ratios(times.total, times.usual_each)))},
        {"plan_and_apply_to_usual_batch",
         to_json(spread_of(ratios(times.total, times.usual_batch)))},
        {"apply_to_usual_each", to_json(spread_of(ratios(times.apply, times.usual_each)))}}},
      {"memory_bytes",
       {{"all_maps", times.our_memory},
        {"of_the_datapath", times.our_frontends_to_stats},
        {"usual", times.usual_memory},
        {"each", std::move(maps)}}},
      {"changes", std::move(changes)}};
}

void print_fill(const boost::json::object& document) {
  const auto number = [](const boost::json::value& value) { return value.to_number<double>(); };
  fmt::print("fill: {}\n\nmin/median/max over rounds\n",
             boost::json::serialize(document.at("machine")));
  for (const char* group : {"ms", "cpu_ms", "ratio"}) {
    for (const auto& [name, spread] : document.at(group).as_object()) {
      fmt::print("{:32} {:.3f}/{:.3f}/{:.3f} {}\n", std::string(name), number(spread.at("min")),
                 number(spread.at("median")), number(spread.at("max")), group);
    }
  }
  const boost::json::value& memory = document.at("memory_bytes");
  for (const char* name : {"of_the_datapath", "all_maps", "usual"}) {
    fmt::print("memory {:25} {:.1f} MiB\n", name, number(memory.at(name)) / 1048576);
  }
  for (const boost::json::value& row : document.at("changes").as_array()) {
    fmt::print("one endpoint replaced, {} x {}, p50/p99 ms:", number(row.at("services")),
               number(row.at("endpoints_per_service")));
    for (const char* part : {"guard_and_merge_ns", "plan_ns", "to_switch_ns", "whole_ns"}) {
      fmt::print(" {} {:.3f}/{:.3f}", part, number(row.at(part).at("p50")) / 1e6,
                 number(row.at(part).at("p99")) / 1e6);
    }
    fmt::print("\n");
  }
}

}  // namespace

int run_fill(const FillOptions& options) {
  return in_lab(options.cpu, [&](const Lab& lab) {
    boost::json::object machine_now = machine(options.cpu);
    const FillTimes times = fill_rounds(lab, options);
    boost::json::array changes;
    // The same change in a hundredth of the catalog: its cost must not follow the catalog's size.
    for (const std::uint32_t services :
         {std::max(1u, options.size.services / 100), options.size.services}) {
      const Size size{services, options.size.endpoints};
      ChangeTimes measured = change_rounds(lab, options, size);
      changes.push_back(change_row(size, measured));
    }
    machine_now["load_after"] = load_average();
    const boost::json::object document =
        fill_document(options, times, std::move(changes), machine_now);
    print_fill(document);
    if (!options.json.empty()) write_json(options.json, document);
    return 0;
  });
}

}  // namespace holdfast::bench
