// SPDX-License-Identifier: Apache-2.0
// The process's own metrics, from /proc/self: proc(5).
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include "agent/telemetry/metrics.h"

namespace holdfast::telemetry {
namespace {

// The fields of /proc/self/stat behind the command's name, the first one being number 3.
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const auto end = line.rfind(')');
  std::istringstream rest(end == std::string::npos ? "" : line.substr(end + 1));
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return 0;
}

std::size_t open_files() {
  std::error_code error;
  std::size_t count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end;
       !error && entry != end; entry.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

void Page::add_process() {
  const auto fields = stat_fields();
  if (fields.size() < 22) return;  // another kernel's format: no metric is better than a wrong one
  const auto field = [&](std::size_t number) { return std::stod(fields[number - 3]); };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  counter("process_cpu_seconds_total", "User and system CPU time spent, in seconds.",
          (field(14) + field(15)) / ticks);
  gauge("process_resident_memory_bytes", "Resident memory, in bytes.",
        field(24) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  gauge("process_open_fds", "Open file descriptors.", static_cast<double>(open_files()));
  gauge("process_start_time_seconds", "Start of the process, in seconds since the epoch.",
        boot_time() + field(22) / ticks);
}

}  // namespace holdfast::telemetry
