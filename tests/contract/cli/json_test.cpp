// SPDX-License-Identifier: Apache-2.0
// The JSON that scripts rely on, byte by byte. After a change that only extends it, run this
// program with HOLDFAST_UPDATE_GOLDEN=1 and read the difference.
#include <gtest/gtest.h>

#include "tests/golden.h"
#include "tests/unit/cli/fixture.h"
#include "tests/unit/cli/state.h"

namespace holdfast::cli::test {
namespace {

std::string golden(const std::string& name) {
  return "tests/contract/cli/golden/" + name + ".json";
}

struct Case {
  const char* golden;
  std::vector<std::string> arguments;
  int code = kOk;
  std::vector<std::string> asks = {};  // the daemon, which is dead
};

class Contract : public testing::TestWithParam<Case> {};

TEST_P(Contract, Json) {
  const Case& one = GetParam();
  Host host;
  host.daemon = false;  // all of these answer without it
  std::vector<std::string> arguments = one.arguments;
  fill_state(host.directory.file("state"));
  arguments.insert(arguments.end(), {"-o", "json", "--node-name", "node-1", "--state-dir",
                                     host.directory.file("state")});
  const Outcome outcome = host.run(arguments);
  EXPECT_EQ(outcome.code, one.code) << outcome.err;
  EXPECT_EQ(host.requests, one.asks);
  expect_golden(golden(one.golden), outcome.out);
}

const Case kCases[] = {
    {"service_list", {"service", "list"}},
    {"service_list_namespace", {"service", "list", "-n", "shop"}},
    {"service_show", {"service", "show", "shop/cart"}, kOk, {"GET /v1/conflicts"}},
    {"frontend_list", {"frontend", "list"}},
    {"endpoint_list", {"endpoint", "list"}},
    {"pool_list", {"pool", "list"}},
    {"map_list", {"map", "list"}},
    {"map_dump_endpoints", {"map", "dump", "endpoints"}},
    {"explain_endpoint", {"explain", "10.96.0.10:80"}},
    {"explain_ipv6", {"explain", "[fd00:10::1]:443"}},
    {"explain_refuse", {"explain", "10.96.0.11:80"}},
    {"explain_pass", {"explain", "192.0.2.1:80"}},
    {"explain_udp", {"explain", "10.96.0.10:80", "--protocol", "udp"}},
    {"snapshot_list", {"snapshot", "list"}},
    {"snapshot_show", {"snapshot", "show"}},
    {"snapshot_import",
     {"snapshot", "import", HOLDFAST_SOURCE_DIR "/tests/unit/snapshot/data/format-3.snap"}},
    {"no_such_service", {"service", "show", "default/none"}, kFailed, {"GET /v1/conflicts"}},
};

INSTANTIATE_TEST_SUITE_P(Commands, Contract, testing::ValuesIn(kCases),
                         [](const auto& one) { return std::string(one.param.golden); });

}  // namespace
}  // namespace holdfast::cli::test
