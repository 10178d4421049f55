// SPDX-License-Identifier: Apache-2.0
// Percentiles, spreads over rounds, and what the JSON says of the machine.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::bench {

std::uint64_t now_ns();  // CLOCK_MONOTONIC
std::uint64_t cpu_ns();  // of this thread: what others on the machine take is not in it

// Of a sample in nanoseconds; sorts it. 0 of none.
double percentile(std::vector<std::uint32_t>& sample, double share);

// Over rounds.
struct Spread {
  double min = 0, median = 0, max = 0;
};
Spread spread_of(std::vector<double> values);
boost::json::object to_json(const Spread& spread);

// Per round, so that what else the machine did in that round counts on both sides.
std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b);
std::vector<double> ratios(const std::vector<double>& a, const std::vector<double>& b);

// Kernel, processor, number of CPUs, load.
boost::json::object machine(int pinned_cpu);
double load_average();
void write_json(const std::string& path, const boost::json::object& document);

// Bytes of kernel memory that a map has ("memlock" in its fdinfo).
std::uint64_t map_memory(int fd);

}  // namespace holdfast::bench
