// SPDX-License-Identifier: Apache-2.0
#include "agent/app/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "agent/base/text.h"

namespace holdfast::log {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_logger_st("holdfastd");
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    return made;
  }();
  return *instance;
}

}  // namespace

void info(std::string_view message) {
  logger().info("{}", printable(message));
}
void warn(std::string_view message) {
  logger().warn("{}", printable(message));
}
void error(std::string_view message) {
  logger().error("{}", printable(message));
}

}  // namespace holdfast::log
