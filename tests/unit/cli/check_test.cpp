// SPDX-License-Identifier: Apache-2.0
// `check`: catalogs and configurations, without a daemon.
#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "tests/unit/cli/fixture.h"

namespace holdfast::cli::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string service_yaml(const char* name, const char* address) {
  return std::string("apiVersion: v1\nkind: Service\nmetadata: {namespace: default, name: ") +
         name + "}\nspec:\n  clusterIP: " + address + "\n  ports: [{port: 80}]\n";
}

TEST(CheckCatalog, Good) {
  Host host;
  host.daemon = false;
  host.maps.reset();
  const std::string file = host.directory.write("a.yaml", service_yaml("song", "10.96.0.1"));
  const Outcome outcome = host.run({"check", "catalog", file});
  EXPECT_EQ(outcome.code, kOk) << outcome.out;
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(outcome.err, HasSubstr("1 services"));
  EXPECT_EQ(host.run({"check", "catalog", file, "-o", "json"}).out, "[]\n");
}

TEST(CheckCatalog, ProblemsHaveAPlace) {
  Host host;
  const std::string file = host.directory.write("a.yaml", service_yaml("song", "10.96.0.one"));
  const Outcome outcome = host.run({"check", "catalog", file, "-o", "json"});
  EXPECT_EQ(outcome.code, kFailed);
  const auto problems = boost::json::parse(outcome.out).as_array();
  ASSERT_EQ(problems.size(), 1u) << outcome.out;
  const auto& one = problems[0].as_object();
  EXPECT_EQ(one.at("file"), boost::json::value(file));
  EXPECT_EQ(one.at("line"), 5);
  EXPECT_EQ(one.at("column"), 14);
  EXPECT_EQ(one.at("object"), "Service default/song");
  EXPECT_THAT(std::string(one.at("message").as_string()), HasSubstr("10.96.0.one"));
  EXPECT_THAT(host.run({"check", "catalog", file}).out, HasSubstr(file + ":5:14: Service"));
}

TEST(CheckCatalog, WholeDirectoriesAndTheirFaults) {
  Host host;
  const std::string path = host.directory.path() + "/d";
  std::filesystem::create_directory(path);
  EXPECT_EQ(host.run({"check", "catalog", path}).code, kFailed) << "nothing to check is no success";
  host.directory.write("d/a.yaml", service_yaml("song", "10.96.0.1"));
  host.directory.write("d/notes.txt", "not: [a catalog");
  EXPECT_EQ(host.run({"check", "catalog", path}).code, kOk);
  EXPECT_EQ(host.run({"check", "catalog", path, path + "/a.yaml"}).code, kOk) << "one file, once";
  host.directory.write("d/b.yml", service_yaml("artist", "10.96.0.1"));
  const Outcome claimed = host.run({"check", "catalog", path});
  EXPECT_EQ(claimed.code, kFailed);
  EXPECT_THAT(claimed.out, HasSubstr("Service default/song: 10.96.0.1:80 is also claimed by "
                                     "default/artist, which has it"));
  host.directory.write("d/c.json", "{\"kind\": ");
  EXPECT_THAT(host.run({"check", "catalog", path}).out, HasSubstr("c.json:1:"));
  EXPECT_EQ(host.run({"check", "catalog", path + "/none.yaml"}).code, kFailed);
}

TEST(CheckConfig, ReportsEveryProblemAtOnce) {
  Host host;
  const std::string file = host.directory.write("h.yaml", "state_dir: 7\nnonsense: 1\nodd: 2\n");
  const Outcome outcome = host.run({"check", "config", file, "-o", "json"});
  EXPECT_EQ(outcome.code, kFailed);
  EXPECT_GE(boost::json::parse(outcome.out).as_array().size(), 2u) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("nonsense"));
  EXPECT_THAT(outcome.out, HasSubstr("odd"));
}

TEST(CheckConfig, OfTheNamedFileOrOfTheOneInForce) {
  Host host;
  host.hermetic = false;
  const std::string good = host.directory.write("good.yaml", "state_dir: /tmp/x\n");
  const std::string bad = host.directory.write("bad.yaml", "nonsense: 1\n");
  EXPECT_EQ(host.run({"check", "config", good, "--config", bad}).code, kOk);
  EXPECT_EQ(host.run({"check", "config", "--config", bad}).code, kFailed);
  EXPECT_EQ(host.run({"check", "config", host.directory.file("none")}).code, kFailed);
}

}  // namespace
}  // namespace holdfast::cli::test
