// SPDX-License-Identifier: Apache-2.0
// holdfast_bench: the figures of docs/performance.md. Run by scripts/bench.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>

#include "tests/bench/rounds.h"
#include "tests/bench/start.h"

using namespace holdfast::bench;

namespace {

template <class Options>
void common(CLI::App& command, Options& options) {
  command.add_option("--rounds", options.rounds, "rounds; every arm has one turn in each")
      ->check(CLI::Range(1u, 100000u))
      ->capture_default_str();
  command.add_option("--services", options.size.services, "services")
      ->check(CLI::Range(1u, 65535u))
      ->capture_default_str();
  command.add_option("--endpoints", options.size.endpoints, "endpoints of each service")
      ->check(CLI::Range(1u, 65535u))
      ->capture_default_str();
  command.add_option("--cpu", options.cpu, "the CPU to be pinned to")->capture_default_str();
  command.add_option("--seed", options.seed, "of the order of arms and targets; 0: the time");
  command.add_option("--json", options.json, "write the figures to this file");
}

template <class Options>
int checked_size(Options& options) {
  if (std::uint64_t{options.size.services} * options.size.endpoints > kMostEndpoints) {
    std::fprintf(stderr, "holdfast_bench: %u x %u endpoints: at most %u fit\n",
                 options.size.services, options.size.endpoints, kMostEndpoints);
    return 2;
  }
  if (options.seed == 0) options.seed = static_cast<std::uint64_t>(std::time(nullptr));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Benchmarks of Holdfast beside a baseline, in rounds of random order. As root.");
  app.require_subcommand(1);
  ConnectOptions connect;
  FillOptions fill;
  StartOptions start;
  bool quick = false;
  auto* connects = app.add_subcommand(
      "connect", "What a connect costs: direct, an empty hook, Holdfast, the usual layout");
  common(*connects, connect);
  connects->add_option("--connects", connect.connects, "connects of each series in a turn")
      ->check(CLI::Range(10u, 1000000u))
      ->capture_default_str();
  auto* fills = app.add_subcommand(
      "fill", "From a parsed catalog to the kernel maps, and one endpoint changed in it");
  common(*fills, fill);
  fills->add_option("--changes", fill.changes, "endpoints changed, one at a time")
      ->check(CLI::Range(10u, 100000u))
      ->capture_default_str();
  auto* starts = app.add_subcommand("start", "holdfastd from a snapshot alone, from exec to ready");
  common(*starts, start);
  for (auto* command : {connects, fills, starts}) {
    command->add_flag("--quick", quick,
                      "a small catalog and few rounds: shows that it works, the figures are rough");
  }
  CLI11_PARSE(app, argc, argv);
  if (quick) {
    connect.size = fill.size = start.size = {200, 20};
    connect.rounds = fill.rounds = start.rounds = 3;
    connect.connects = 100;
    fill.changes = 20;
  }
  if (connects->parsed()) {
    const int wrong = checked_size(connect);
    return wrong ? wrong : run_connect(connect);
  }
  if (starts->parsed()) {
    const int wrong = checked_size(start);
    return wrong ? wrong : run_start(start);
  }
  const int wrong = checked_size(fill);
  return wrong ? wrong : run_fill(fill);
}
