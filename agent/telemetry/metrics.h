// SPDX-License-Identifier: Apache-2.0
// Metrics in the Prometheus text format (0.0.4), by prometheus-cpp: a page is built when it is
// asked for, from the state there is; only distributions are kept between two pages.
// Names: holdfast_*, base units, counters end in _total. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::telemetry {

using Labels = std::vector<std::pair<std::string, std::string>>;

// How often a duration was within which bound; seconds.
class Distribution {
 public:
  Distribution(std::string name, std::string help, const std::vector<double>& bounds);
  ~Distribution();
  Distribution(Distribution&&) noexcept;
  Distribution& operator=(Distribution&&) noexcept;
  void observe(std::chrono::nanoseconds duration);

 private:
  friend class Page;
  struct State;
  std::unique_ptr<State> state_;
};

class Page {
 public:
  Page();
  ~Page();
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  // Samples of one name are given one after the other, with the same help.
  void gauge(const std::string& name, const std::string& help, double value,
             const Labels& labels = {});
  void counter(const std::string& name, const std::string& help, double value,
               const Labels& labels = {});
  void add(const Distribution& distribution);
  // What the process uses: process_cpu_seconds_total, process_resident_memory_bytes,
  // process_open_fds, process_start_time_seconds, as every client library names them.
  void add_process();
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// RFC 3339 in UTC, with or without a fraction of a second, as Kubernetes writes its times.
std::optional<std::chrono::system_clock::time_point> parse_time(std::string_view text);

}  // namespace holdfast::telemetry
