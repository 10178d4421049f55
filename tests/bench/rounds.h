// SPDX-License-Identifier: Apache-2.0
// What the rounds of `connect` leave behind, and what is made of it.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "tests/bench/catalog.h"

namespace holdfast::bench {

struct ConnectOptions {
  Size size;
  std::uint32_t rounds = 60;
  std::uint32_t connects = 400;  // of each series and arm in a round
  int cpu = 0;
  std::string json;  // "": not written
  std::uint64_t seed = 0;
};

// One element a round, nanoseconds.
struct Record {
  std::vector<double> connect_p50, connect_p99, close_p50, whole_p50;
};

struct Results {
  // What was dialled ("tcp4/hot", "tcp4/random", "tcp6/hot", "udp4/hot", "udp4/random"), the arm.
  std::map<std::pair<std::string, std::string>, Record> records;
  // Arm, "hot" or "random", program: mean run time, by the kernel's own count (bpf_stats).
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<double>> programs;
  std::uint64_t redirected = 0;  // by the shipped programs, as their counters say
  std::uint64_t passed = 0;      // misses
};

boost::json::object connect_document(const ConnectOptions& options, const Results& results,
                                     boost::json::object machine);
// The same for people, on stdout.
void print_connect(const boost::json::object& document);

int run_connect(const ConnectOptions& options);

struct FillOptions {
  Size size;
  std::uint32_t rounds = 5;
  std::uint32_t changes = 300;
  int cpu = 0;
  std::string json;
  std::uint64_t seed = 0;
};
int run_fill(const FillOptions& options);

}  // namespace holdfast::bench
