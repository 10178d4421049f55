// SPDX-License-Identifier: Apache-2.0
// What scripts and dashboards rely on: /v1/status, /v1/sources, /v1/holds and /metrics, to the
// byte, of a small world with a hold and a problem in it.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <sstream>

#include "agent/app/routes.h"
#include "agent/cli/output.h"
#include "tests/golden.h"
#include "tests/scenario/script.h"

namespace holdfast::scenario {
namespace {

using namespace std::chrono_literals;

const std::string kGolden = "tests/scenario/golden/";

// A value a line, so that a difference is seen.
std::string pretty(const std::string& json) {
  std::ostringstream out;
  cli::print_json(out, boost::json::parse(json));
  return out.str();
}

// Of the process and of the version they say something else each time.
std::string lasting(const std::string& page) {
  std::istringstream in(page);
  std::string text;
  for (std::string line; std::getline(in, line);) {
    if (line.find("process_") == std::string::npos && line.rfind("holdfast_build_info{", 0) != 0)
      text += line + "\n";
  }
  return text;
}

class Golden : public testing::Test {
 protected:
  void SetUp() override {
    world_.files["catalog.yaml"] =
        objects({"song 10.96.0.1:80 -> 10.1.0.1 10.1.0.2", "artist 10.96.0.2:80 -> 10.1.0.3"});
    world_.files["image.yaml"] = objects({"image 10.96.0.3:80 -> 10.1.0.4"});
    world_.files["bad.yaml"] =
        "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\n"
        "spec: {clusterIP: 10.96.0.4, ports: [{port: 0}]}\n";
    world_.begin();
    world_.read();
    world_.files["image.yaml"] = "";
    world_.read();
    world_.pass(15s);
  }

  std::string get(const std::string& path) {
    Routes routes(*world_.pipeline, world_.timers,
                  [this]() -> const SnapshotFacts& { return facts_; });
    return routes.answer({"GET", path, "", true}).body;
  }

  World world_;
  SnapshotFacts facts_{.newest = SnapshotFacts::Written{2, 1'700'000'005}, .writes = 1};
};

TEST_F(Golden, Status) {
  expect_golden(kGolden + "status.json", pretty(get("/v1/status")));
}

TEST_F(Golden, Sources) {
  expect_golden(kGolden + "sources.json", pretty(get("/v1/sources")));
}

TEST_F(Golden, Holds) {
  expect_golden(kGolden + "holds.json", pretty(get("/v1/holds")));
}

TEST_F(Golden, Metrics) {
  expect_golden(kGolden + "metrics.txt", lasting(get("/metrics")));
}

TEST_F(Golden, WhoIsNotLocalIsToldNoMoreThanHowWeAre) {
  Routes routes(*world_.pipeline, world_.timers,
                [this]() -> const SnapshotFacts& { return facts_; });
  for (const char* path : {"/livez", "/readyz", "/metrics"})
    EXPECT_EQ(routes.answer({"GET", path, "", false}).status, 200u) << path;
  for (const char* path :
       {"/v1/status", "/v1/sources", "/v1/holds", "/v1/conflicts", "/v1/diff", "/"})
    EXPECT_EQ(routes.answer({"GET", path, "", false}).status, 403u) << path;
  EXPECT_EQ(routes.answer({"POST", "/v1/holds/all/accept", "", false}).status, 403u);
  EXPECT_EQ(routes.answer({"POST", "/livez", "", true}).status, 404u);
}

}  // namespace
}  // namespace holdfast::scenario
