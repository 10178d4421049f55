// SPDX-License-Identifier: Apache-2.0
// What scripts and dashboards rely on: /v1/status, /v1/sources, /v1/holds and /metrics, to the
// byte, of a small world with a hold and a problem in it.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "agent/app/routes.h"
#include "agent/base/file.h"
#include "tests/scenario/script.h"

namespace holdfast::scenario {
namespace {

using namespace std::chrono_literals;

// With HOLDFAST_UPDATE_GOLDEN it is written first.
void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = HOLDFAST_SOURCE_DIR "/tests/scenario/golden/" + name;
  if (std::getenv("HOLDFAST_UPDATE_GOLDEN")) std::ofstream(path) << text;
  const auto expected = read_file(path, 1 << 20);
  ASSERT_TRUE(expected) << expected.error().what;
  EXPECT_EQ(text, *expected) << name;
}

// A key a line, so that a difference is seen.
void indent(std::ostream& out, const boost::json::value& value, const std::string& by) {
  const bool object = value.is_object();
  if (!object && !value.is_array()) {
    out << boost::json::serialize(value);
    return;
  }
  out << (object ? "{" : "[");
  std::string comma;
  const auto begin_line = [&] {
    out << comma << "\n" << by << "  ";
    comma = ",";
  };
  if (object) {
    for (const auto& [key, one] : value.as_object()) {
      begin_line();
      out << boost::json::serialize(boost::json::value(key)) << ": ";
      indent(out, one, by + "  ");
    }
  } else {
    for (const auto& one : value.as_array()) {
      begin_line();
      indent(out, one, by + "  ");
    }
  }
  if (!comma.empty()) out << "\n" << by;
  out << (object ? "}" : "]");
}

std::string pretty(const std::string& json) {
  std::ostringstream out;
  indent(out, boost::json::parse(json), "");
  return out.str() + "\n";
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
  expect_golden("status.json", pretty(get("/v1/status")));
}

TEST_F(Golden, Sources) {
  expect_golden("sources.json", pretty(get("/v1/sources")));
}

TEST_F(Golden, Holds) {
  expect_golden("holds.json", pretty(get("/v1/holds")));
}

TEST_F(Golden, Metrics) {
  expect_golden("metrics.txt", lasting(get("/metrics")));
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
