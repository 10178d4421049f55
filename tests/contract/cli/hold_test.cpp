// SPDX-License-Identifier: Apache-2.0
// Holds as the daemon tells them and the CLI hands them on, byte by byte: of a guard that holds a
// whole service, some of another with evidence, and one by an operator's word.
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "agent/app/status.h"
#include "tests/golden.h"
#include "tests/unit/cli/fixture.h"

namespace holdfast::cli::test {
namespace {

std::string golden(const std::string& name) {
  return "tests/contract/cli/golden/" + name + ".json";
}

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

SourceUpdate list(const std::vector<ServicePtr>& services) {
  SourceUpdate update;
  update.source = "kube";
  update.complete = update.list = true;
  for (const ServicePtr& one : services)
    update.changes.push_back({one->key, one, false, Basis::list, {}});
  return update;
}

Guard holding() {
  const auto song = [](std::vector<Endpoint> endpoints) {
    return service("default", "song", 80, {frontend("10.96.0.10", 80)}, std::move(endpoints));
  };
  const auto cart = [](std::vector<Endpoint> endpoints) {
    return service("shop", "cart", 443, {frontend("fd00:10::1", 443)}, std::move(endpoints));
  };
  const Endpoint one = endpoint("10.1.0.1", 8080, "n1"), two = endpoint("10.1.0.2", 8080, "n2"),
                 three = endpoint("10.1.0.3", 8080, "n3"), six = endpoint("fd00:1::1", 8443, "n1");
  const auto gone = service("default", "gone", 80, {frontend("10.96.0.12", 80)}, {two});
  Guard guard("kube", {});
  guard.admit(list({song({one, two, three}), cart({six}), gone}), kStart);
  SourceUpdate lie = list({song({one}), cart({})});
  lie.changes.push_back({gone->key, nullptr, false, Basis::list, {}});
  guard.admit(lie, kStart + 10s);
  guard.evidence({{two.address, two.port, Protocol::tcp, Verdict::alive, "answered in 1 ms"},
                  {three.address, three.port, Protocol::tcp, Verdict::unknown, "silent"}},
                 kStart + 11s);
  for (const Hold& hold : guard.holds()) {
    if (hold.service.name != "cart") continue;
    EXPECT_TRUE(guard.reject(hold.id));
  }
  return guard;
}

class Holds : public testing::Test {
 protected:
  Holds() {
    boost::json::array rows;
    for (const Hold& hold : guard.holds()) rows.push_back(hold_row(hold, kStart + 15s));
    host.answers["GET /v1/holds"] = {200, "application/json", boost::json::serialize(rows)};
  }
  Guard guard = holding();
  Host host;
};

TEST_F(Holds, List) {
  expect_golden(golden("hold_list"), host.run({"hold", "list", "-o", "json"}).out);
}

TEST_F(Holds, Show) {
  ASSERT_EQ(guard.holds().size(), 3u);
  const std::string id = guard.holds()[1].id;
  expect_golden(golden("hold_show"), host.run({"hold", "show", id, "-o", "json"}).out);
}

}  // namespace
}  // namespace holdfast::cli::test
