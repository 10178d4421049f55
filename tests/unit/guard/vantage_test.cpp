// SPDX-License-Identifier: Apache-2.0
// A local pool lists the endpoints of all nodes, and the guard judges them all by the source's
// word; but only what this node's clients have of it is probed, and is never taken from them by
// inference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class LocalPool : public testing::Test {
 protected:
  static ServicePtr local(const std::vector<std::string>& addresses) {
    std::vector<Spec> specs;
    for (const std::string& one : addresses) {
      specs.push_back({one, ""});
      specs.back().node = "n" + one.substr(one.rfind('.') + 1);
    }
    auto result = service("song", specs);
    result->pools[0].traffic = TrafficPolicy::local;
    return result;
  }
  // Enough others, so that no threshold is near.
  void start(const std::vector<std::string>& addresses) {
    std::vector<ServicePtr> all = {local(addresses)};
    for (int one = 0; one < 40; ++one) {
      all.push_back(
          service(fmt::format("other{}", one), {{fmt::format("10.9.0.{}", one + 1), ""}}));
    }
    world.admit(list(all));
  }
  // Three more lists without them.
  void repeat(const std::vector<ServicePtr>& said, const std::vector<std::string>& absent = {}) {
    for (int one = 0; one < 3; ++one) {
      world.now += 30s;
      world.admit(list(said, absent));
    }
  }
  World world{{}, {Text("n1"), {}}};
};

TEST_F(LocalPool, IsHeldWholeAndAskedForOnlyWhatIsNear) {
  start({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  EXPECT_EQ(world.picked(), "10.0.0.1");
  world.admit(list({local({"10.0.0.2"})}));
  EXPECT_EQ(world.shows(), "10.0.0.1(held) 10.0.0.2 10.0.0.3(held)") << "on every node the same";
  EXPECT_EQ(world.picked(), "10.0.0.1");
  const auto suspects = world.guard.suspects();
  ASSERT_THAT(suspects, SizeIs(2));
  EXPECT_TRUE(suspects[0].picked);
  EXPECT_FALSE(suspects[1].picked) << "10.0.0.3 is nobody's here";
}

TEST_F(LocalPool, LosesItsLastNearEndpointToEvidenceAndNotToAbsence) {
  start({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  const auto said = local({"10.0.0.2"});
  world.admit(list({said}));
  repeat({said});
  EXPECT_EQ(world.shows(), "10.0.0.1(held) 10.0.0.2") << "10.0.0.2 is ready, but not here";
  world.refuse_for_long("10.0.0.1");
  EXPECT_EQ(world.shows(), "10.0.0.2");
  EXPECT_EQ(world.picked(), "");
}

TEST_F(LocalPool, OfAnAbsentServiceGoesWithItsLastNearEndpoint) {
  start({"10.0.0.1", "10.0.0.2"});
  world.admit(list({}, {"song"}));
  EXPECT_EQ(world.picked(), "10.0.0.1");
  world.refuse_for_long("10.0.0.1");
  EXPECT_FALSE(world.has("song")) << "nobody here waits for what is on other nodes";
  EXPECT_EQ(world.guard.held_services(), 0u);
}

TEST_F(LocalPool, OfAnAbsentServiceWithoutAnyHereGoesByRepeatedAbsence) {
  start({"10.0.0.2", "10.0.0.3"});
  world.admit(list({}, {"song"}));
  EXPECT_TRUE(world.has("song")) << "once is no proof";
  repeat({});
  EXPECT_FALSE(world.has("song"));
}

TEST_F(LocalPool, HeldBeyondTheThresholdsKeepsOnlyWhatIsNear) {
  start({"10.0.0.1", "10.0.0.2"});
  std::vector<std::string> others;
  for (int one = 0; one < 40; ++one) others.push_back(fmt::format("other{}", one));
  world.admit(list({local({})}, others));
  EXPECT_TRUE(world.guard.holds().at(0).beyond_thresholds);
  repeat({local({})});
  EXPECT_EQ(world.shows(), "10.0.0.1(held)") << "no number of absences takes it";
}

SourceUpdate of_nodes(std::vector<NodeChange> nodes, std::set<std::string> confirmed = {}) {
  SourceUpdate update;
  update.nodes = std::move(nodes);
  update.confirmed_origins = std::move(confirmed);
  return update;
}

TEST(Nodes, LeaveByAnEventOrByTheirFileReadWhole) {
  World world;
  world.admit(of_nodes({{"n1", Node{"n1", "z1", {}, {ip("192.0.2.1")}}},
                        {"n2", Node{"n2", "", Text("a.yaml"), {ip("192.0.2.2")}}}},
                       {"a.yaml"}));
  ASSERT_THAT(world.guard.nodes(), SizeIs(2));
  world.admit(of_nodes({{"n2", std::nullopt}}));
  EXPECT_THAT(world.guard.nodes(), SizeIs(2)) << "a.yaml vanished, or cannot be read";
  world.admit(of_nodes({}, {"b.yaml"}));
  EXPECT_THAT(world.guard.nodes(), SizeIs(2));
  World next;
  next.guard.restore(world.guard.memory(), next.now);
  world.admit(of_nodes({}, {"a.yaml"}));
  EXPECT_THAT(world.guard.nodes(), SizeIs(1)) << "a.yaml is back without it";
  world.admit(of_nodes({{"n1", std::nullopt}}));
  EXPECT_THAT(world.guard.nodes(), IsEmpty()) << "deleted, and that was seen";
  next.admit(of_nodes({}, {"a.yaml"}));
  EXPECT_THAT(next.guard.nodes(), SizeIs(1)) << "over a restart the same";
}

}  // namespace
}  // namespace holdfast::test
