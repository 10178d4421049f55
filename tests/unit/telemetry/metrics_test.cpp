// SPDX-License-Identifier: Apache-2.0
#include "agent/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(PageTest, WritesTheTextFormat) {
  Page page;
  page.gauge("holdfast_a", "What a is.", 1.5, {{"source", "a \"b\"\n"}});
  page.gauge("holdfast_a", "What a is.", 2, {{"source", "c"}});
  page.counter("holdfast_b_total", "What b is.", 3);
  EXPECT_THAT(page.text(), HasSubstr("# HELP holdfast_a What a is.\n# TYPE holdfast_a gauge\n"
                                     "holdfast_a{source=\"a \\\"b\\\"\\n\"} 1.5\n"
                                     "holdfast_a{source=\"c\"} 2\n"));
  EXPECT_THAT(page.text(), HasSubstr("# TYPE holdfast_b_total counter\nholdfast_b_total 3\n"));
}

TEST(PageTest, KeepsDistributionsBetweenPages) {
  Distribution durations("holdfast_d_seconds", "What d is.", {0.01, 1});
  durations.observe(5ms);
  durations.observe(2s);
  Page page;
  page.add(durations);
  EXPECT_THAT(page.text(), HasSubstr("holdfast_d_seconds_count 2\n"));
  EXPECT_THAT(page.text(), HasSubstr("holdfast_d_seconds_bucket{le=\"0.01\"} 1\n"));
  EXPECT_THAT(page.text(), HasSubstr("holdfast_d_seconds_bucket{le=\"+Inf\"} 2\n"));
}

TEST(PageTest, TellsOfTheProcess) {
  Page page;
  page.add_process();
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_open_fds", "process_start_time_seconds"}) {
    EXPECT_THAT(page.text(), HasSubstr(std::string("\n") + name + " ")) << name;
  }
}

TEST(Time, IsReadAsKubernetesWritesIt) {
  const auto plain = parse_time("2026-11-24T10:00:00Z");
  const auto fraction = parse_time("2026-11-24T10:00:00.250Z");
  ASSERT_TRUE(plain && fraction);
  EXPECT_EQ(*fraction - *plain, 250ms);
  EXPECT_EQ(std::chrono::system_clock::to_time_t(*plain), 1795514400);
  for (const char* bad : {"", "2026-11-24", "2026-11-24T10:00:00", "2026-11-24T10:00:00+01:00",
                          "yesterday", "2026-11-24T10:00:00.Zx"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

}  // namespace
}  // namespace holdfast::telemetry
