// SPDX-License-Identifier: Apache-2.0
#include "agent/model/service.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace holdfast {
namespace {

constexpr const char* kUid = "0f3e6c5a-9b1d-4c2e-8f70-123456789abc";

TEST(Identity, OfAUuidIsTheUuid) {
  const Identity identity = Identity::from_text(kUid);
  EXPECT_EQ(identity.bytes[0], 0x0f);
  EXPECT_EQ(identity.bytes[15], 0xbc);
  EXPECT_EQ(identity.to_string(), kUid);
}

TEST(Identity, OfNothingIsNone) {
  EXPECT_TRUE(Identity::from_text("").none());
  EXPECT_EQ(Identity::from_text("").to_string(), "");
  EXPECT_TRUE(Identity{}.none());
  EXPECT_FALSE(Identity::from_text(kUid).none());
}

TEST(Identity, OfOtherTextsIsAHashOfTheWhole) {
  std::set<Identity> different;
  std::string upper = kUid;
  upper[1] = 'F';
  const std::vector<std::string> texts = {kUid,
                                          upper,
                                          std::string(kUid) + "0",
                                          std::string(kUid).substr(1),
                                          "n1/song-0",
                                          "n1/song-1",
                                          "0f3e6c5a09b1d04c2e08f700123456789abc",
                                          "0f3e6c5a-9b1d-4c2e-8f70-123456789abg"};
  for (const std::string& text : texts) {
    EXPECT_FALSE(Identity::from_text(text).none()) << text;
    EXPECT_EQ(Identity::from_text(text), Identity::from_text(text));
    different.insert(Identity::from_text(text));
  }
  EXPECT_EQ(different.size(), texts.size());
}

TEST(Identity, IsTheSameOnEveryMachineAndInEveryVersion) {
  // It is in snapshots and pinned maps: XXH3-128 of the text, big-endian, with seed 0.
  EXPECT_EQ(Identity::from_text("n1/song-0").to_string(), "fbb6d1e6-b852-d3d2-a6ed-321d11173c4b");
}

RC_GTEST_PROP(Identity, TextFormGivesItBack, ()) {
  Identity identity;
  identity.bytes =
      *rc::gen::container<std::array<std::uint8_t, 16>>(rc::gen::arbitrary<std::uint8_t>());
  RC_ASSERT(Identity::from_text(identity.to_string()) == identity);
}

TEST(ServiceKey, IsOrderedByNamespaceThenName) {
  const ServiceKey song{"a", "song"}, image{"b", "image"};
  EXPECT_LT(song, image);
  EXPECT_LT((ServiceKey{"a", "image"}), song);
  EXPECT_EQ(song.to_string(), "a/song");
  EXPECT_NE((ServiceKey{"a", "b"}), (ServiceKey{"b", "a"}));
}

TEST(FrontendKind, HasTheNamesOfKubernetes) {
  EXPECT_EQ(to_string(FrontendKind::cluster_ip), "ClusterIP");
  EXPECT_EQ(to_string(FrontendKind::node_port), "NodePort");
  EXPECT_EQ(to_string(FrontendKind::external_ip), "ExternalIP");
  EXPECT_EQ(to_string(FrontendKind::load_balancer), "LoadBalancer");
}

// A change is found by comparison: a field that is not compared is a change that is lost.
TEST(Comparison, SeesEveryFieldOfAnEndpoint) {
  const Endpoint plain;
  const auto differs = [&](auto change) {
    Endpoint other;
    change(other);
    return !(other == plain) && other == other;
  };
  EXPECT_TRUE(differs([](Endpoint& one) { one.address.bytes[15] = 1; }));
  EXPECT_TRUE(differs([](Endpoint& one) { one.port = 1; }));
  EXPECT_TRUE(differs([](Endpoint& one) { one.weight = 99; }));
  EXPECT_TRUE(differs([](Endpoint& one) { one.ready = false; }));
  EXPECT_TRUE(differs([](Endpoint& one) { one.serving = false; }));
  EXPECT_TRUE(differs([](Endpoint& one) { one.terminating = true; }));
  EXPECT_TRUE(differs([](Endpoint& one) { one.held = true; }));
  EXPECT_TRUE(differs([](Endpoint& one) { one.identity.bytes[0] = 1; }));
  EXPECT_TRUE(differs([](Endpoint& one) { one.node = Text("n1"); }));
  EXPECT_TRUE(differs([](Endpoint& one) { one.zone = Text("z1"); }));
  EXPECT_TRUE(differs([](Endpoint& one) { one.origin = Text("a.yaml"); }));
  EXPECT_FALSE(differs([](Endpoint&) {}));
}

TEST(Comparison, SeesEveryFieldOfAService) {
  Service plain;
  plain.pools.resize(1);
  plain.pools[0].frontends.resize(1);
  const auto differs = [&](auto change) {
    Service other = plain;
    change(other);
    return !(other == plain);
  };
  EXPECT_TRUE(differs([](Service& one) { one.key.name = "a"; }));
  EXPECT_TRUE(differs([](Service& one) { one.created_at = 1; }));
  EXPECT_TRUE(differs([](Service& one) { one.origin = Text("a.yaml"); }));
  EXPECT_TRUE(differs([](Service& one) { one.policy.no_endpoints = HF_EMPTY_PASS; }));
  EXPECT_TRUE(differs([](Service& one) { one.policy.guard = GuardMode::trust; }));
  EXPECT_TRUE(differs([](Service& one) { one.pools[0].port_name = "http"; }));
  EXPECT_TRUE(differs([](Service& one) { one.pools[0].service_port = 1; }));
  EXPECT_TRUE(differs([](Service& one) { one.pools[0].protocol = Protocol::udp; }));
  EXPECT_TRUE(differs([](Service& one) { one.pools[0].family = 6; }));
  EXPECT_TRUE(differs([](Service& one) { one.pools[0].frontends[0].host_scope = true; }));
  EXPECT_TRUE(differs([](Service& one) { one.pools[0].frontends[0].port = 1; }));
  EXPECT_TRUE(
      differs([](Service& one) { one.pools[0].frontends[0].kind = FrontendKind::node_port; }));
  EXPECT_TRUE(differs([](Service& one) { one.pools[0].endpoints.resize(1); }));
  EXPECT_FALSE(differs([](Service&) {}));
}

}  // namespace
}  // namespace holdfast
