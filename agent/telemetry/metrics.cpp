// SPDX-License-Identifier: Apache-2.0
#include "agent/telemetry/metrics.h"

#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstdio>
#include <ctime>

namespace holdfast::telemetry {

struct Distribution::State {
  State(std::string called, std::string means, const std::vector<double>& bounds)
      : name(std::move(called)), help(std::move(means)), histogram(bounds) {}
  std::string name, help;
  prometheus::Histogram histogram;
};

Distribution::Distribution(std::string name, std::string help, const std::vector<double>& bounds)
    : state_(std::make_unique<State>(std::move(name), std::move(help), bounds)) {}
Distribution::~Distribution() = default;
Distribution::Distribution(Distribution&&) noexcept = default;
Distribution& Distribution::operator=(Distribution&&) noexcept = default;

void Distribution::observe(std::chrono::nanoseconds duration) {
  state_->histogram.Observe(std::chrono::duration<double>(duration).count());
}

struct Page::State {
  std::vector<prometheus::MetricFamily> families;

  prometheus::ClientMetric& sample(const std::string& name, const std::string& help,
                                   prometheus::MetricType type, const Labels& labels) {
    if (families.empty() || families.back().name != name)
      families.push_back({name, help, type, {}});
    auto& metric = families.back().metric.emplace_back();
    for (const auto& [key, value] : labels) metric.label.push_back({key, value});
    return metric;
  }
};

Page::Page() : state_(std::make_unique<State>()) {}
Page::~Page() = default;

void Page::gauge(const std::string& name, const std::string& help, double value,
                 const Labels& labels) {
  state_->sample(name, help, prometheus::MetricType::Gauge, labels).gauge.value = value;
}

void Page::counter(const std::string& name, const std::string& help, double value,
                   const Labels& labels) {
  state_->sample(name, help, prometheus::MetricType::Counter, labels).counter.value = value;
}

void Page::add(const Distribution& distribution) {
  const Distribution::State& of = *distribution.state_;
  state_->families.push_back(
      {of.name, of.help, prometheus::MetricType::Histogram, {of.histogram.Collect()}});
}

std::string Page::text() const {
  return prometheus::TextSerializer().Serialize(state_->families);
}

std::optional<std::chrono::system_clock::time_point> parse_time(std::string_view text) {
  std::tm time{};
  int used = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &time.tm_year, &time.tm_mon,
                  &time.tm_mday, &time.tm_hour, &time.tm_min, &time.tm_sec, &used) != 6) {
    return std::nullopt;
  }
  time.tm_year -= 1900;
  time.tm_mon -= 1;
  std::string_view rest = text.substr(static_cast<std::size_t>(used));
  std::int64_t nanoseconds = 0;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    std::int64_t unit = 100'000'000;
    for (; !rest.empty() && rest[0] >= '0' && rest[0] <= '9'; rest.remove_prefix(1), unit /= 10)
      nanoseconds += unit * (rest[0] - '0');
  }
  if (rest != "Z") return std::nullopt;
  return std::chrono::system_clock::time_point(std::chrono::seconds(::timegm(&time))) +
         std::chrono::nanoseconds(nanoseconds);
}

}  // namespace holdfast::telemetry
