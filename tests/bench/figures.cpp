// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/figures.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include "tests/bench/lab.h"

namespace holdfast::bench {

namespace {

std::uint64_t read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ull +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

std::uint64_t now_ns() {
  return read_clock(CLOCK_MONOTONIC);
}

std::uint64_t cpu_ns() {
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

double percentile(std::vector<std::uint32_t>& sample, double share) {
  if (sample.empty()) return 0;
  std::sort(sample.begin(), sample.end());
  return sample[static_cast<std::size_t>(share * static_cast<double>(sample.size() - 1))];
}

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

boost::json::object to_json(const Spread& spread) {
  return {{"min", spread.min}, {"median", spread.median}, {"max", spread.max}};
}

std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> result;
  for (std::size_t one = 0; one < std::min(a.size(), b.size()); ++one) {
    result.push_back(a[one] - b[one]);
  }
  return result;
}

std::vector<double> ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> result;
  for (std::size_t one = 0; one < std::min(a.size(), b.size()); ++one) {
    if (b[one] != 0) result.push_back(a[one] / b[one]);
  }
  return result;
}

double load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : 0;
}

boost::json::object machine(int pinned_cpu) {
  utsname system{};
  ::uname(&system);
  std::string processor = "unknown";
  std::ifstream lines("/proc/cpuinfo");
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    processor = line.substr(line.find(':') + 2);
    break;
  }
  std::time_t seconds = std::time(nullptr);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%MZ", std::gmtime(&seconds));
  return {{"date", date},
          {"kernel", system.release},
          {"architecture", system.machine},
          {"processor", processor},
          {"cpus", ::sysconf(_SC_NPROCESSORS_ONLN)},
          {"pinned_cpu", pinned_cpu},
          {"load_before", load_average()}};
}

void write_json(const std::string& path, const boost::json::object& document) {
  std::ofstream out(path);
  out << boost::json::serialize(document) << '\n' << std::flush;
  require(out.good(), "write " + path);
}

std::uint64_t map_memory(int fd) {
  std::ifstream lines("/proc/self/fdinfo/" + std::to_string(fd));
  for (std::string name; lines >> name;) {
    if (name != "memlock:") continue;
    std::uint64_t bytes = 0;
    lines >> bytes;
    return bytes;
  }
  return 0;
}

}  // namespace holdfast::bench
