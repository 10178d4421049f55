// SPDX-License-Identifier: Apache-2.0
// What an EndpointSlice says, and what is wrong with it.
#include "tests/unit/kubernetes/objects.h"

namespace holdfast::kubernetes {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr const char* kUid = "0f3e6c5a-9b1d-4c2e-8f70-123456789abc";

SliceObject only(const Decoded& decoded) {
  EXPECT_THAT(decoded.objects.slices, SizeIs(1));
  return decoded.objects.slices.empty() ? SliceObject{} : decoded.objects.slices.front();
}
SliceObject with(const std::string& endpoints) {
  const Decoded decoded = decode_text(slice("s", "song", "[{port: 80}]", endpoints));
  EXPECT_THAT(decoded.told(), IsEmpty());
  return only(decoded);
}

TEST(Slice, BelongsToAServiceOfItsNamespace) {
  const SliceObject object =
      only(decode_text(slice("s", "song", "[]", "[]", "IPv6", "namespace: music")));
  EXPECT_EQ(object.service, (ServiceKey{"music", "song"}));
  EXPECT_EQ(object.name, "s");
  EXPECT_EQ(object.family, 6);
}

TEST(Conditions, ThatAreNilMeanWhatTheApiSays) {
  for (const char* text :
       {"[{addresses: [10.1.0.1]}]", "[{addresses: [10.1.0.1], conditions: {}}]",
        "[{addresses: [10.1.0.1], conditions: ~}]",
        "[{addresses: [10.1.0.1], conditions: {ready: ~, serving: ~, terminating: ~}}]"}) {
    const SliceEndpoint one = with(text).endpoints.at(0);
    EXPECT_TRUE(one.ready) << text;
    EXPECT_TRUE(one.serving) << text;
    EXPECT_FALSE(one.terminating) << text;
  }
  const SliceEndpoint unready =
      with("[{addresses: [10.1.0.1], conditions: {ready: false}}]").endpoints.at(0);
  EXPECT_FALSE(unready.ready);
  EXPECT_FALSE(unready.serving) << "nil serving follows ready";
  const SliceEndpoint leaving =
      with(
          "[{addresses: [10.1.0.1], conditions: {ready: false, serving: true, terminating: true}}]")
          .endpoints.at(0);
  EXPECT_FALSE(leaving.ready);
  EXPECT_TRUE(leaving.serving);
  EXPECT_TRUE(leaving.terminating);
}

TEST(Identity, IsTheUidOrNodeAndHostname) {
  const SliceObject object = with(
      std::string("[{addresses: [10.1.0.1], nodeName: n1, targetRef: {kind: Pod, uid: ") + kUid +
      "}}, {addresses: [10.1.0.2], nodeName: n1, hostname: song-0}, "
      "{addresses: [10.1.0.3], nodeName: n1, hostname: song-1}, "
      "{addresses: [10.1.0.4], nodeName: n2, hostname: song-0}, "
      "{addresses: [10.1.0.5]}]");
  ASSERT_THAT(object.endpoints, SizeIs(5));
  EXPECT_EQ(object.endpoints[0].identity.to_string(), kUid);
  EXPECT_NE(object.endpoints[1].identity, object.endpoints[2].identity);
  EXPECT_NE(object.endpoints[1].identity, object.endpoints[3].identity);
  EXPECT_TRUE(object.endpoints[4].identity.none());
  EXPECT_EQ(object.endpoints[0].node().get(), "n1");
}

TEST(Ports, NullMeansAllAndEmptyMeansNone) {
  EXPECT_TRUE(only(decode_text(slice("s", "song", "", "[]"))).all_ports);
  EXPECT_TRUE(only(decode_text(slice("s", "song", "~", "[]"))).all_ports);
  const SliceObject none = only(decode_text(slice("s", "song", "[]", "[]")));
  EXPECT_FALSE(none.all_ports);
  EXPECT_THAT(none.ports, IsEmpty());
}

TEST(Ports, BadOnesAreLeftOut) {
  const Decoded decoded = decode_text(slice(
      "s", "song", "[{port: 0}, {port: 70000}, {port: http}, {protocol: X}, {name: a}, {port: 80}]",
      "[]"));
  EXPECT_THAT(decoded.told(),
              ElementsAre(StartsWith("f:5:16: EndpointSlice default/s: port must be"),
                          StartsWith("f:5:27: "), StartsWith("f:5:42: "), StartsWith("f:5:60: ")));
  ASSERT_THAT(only(decoded).ports, SizeIs(2));
  EXPECT_FALSE(only(decoded).ports[0].port) << "a port without a number";
  EXPECT_FALSE(only(decoded).whole);
}

TEST(Addresses, MoreThanOneAreSaidAndTheFirstIsUsed) {
  const Decoded decoded =
      decode_text(slice("s", "song", "[{port: 80}]",
                        "[{addresses: [10.1.0.2, 10.1.0.1]}, {addresses: [10.1.0.3]}, "
                        "{addresses: [10.1.0.4, 127.0.0.1]}]"));
  EXPECT_THAT(decoded.told(),
              ElementsAre("f:6:25: EndpointSlice default/s: 2 of the endpoints have more than one "
                          "address: only the first of each is used, as kube-proxy does"));
  EXPECT_EQ(decoded.problems[0].kind, Problem::Kind::note);
  const std::string forbidden = slice("s", "song", "[]", "[{addresses: [127.0.0.1, 10.1.0.1]}]");
  EXPECT_THAT(only(decode_text(forbidden)).endpoints, IsEmpty()) << "no other one stands in for it";
  ASSERT_THAT(only(decoded).endpoints, SizeIs(3));
  EXPECT_EQ(only(decoded).endpoints[0].address.to_string(), "10.1.0.2");
  EXPECT_TRUE(only(decoded).whole);
}

TEST(Addresses, WithLeadingZerosAreDecimal) {
  EXPECT_EQ(with("[{addresses: [172.030.099.099]}]").endpoints.at(0).address.to_string(),
            "172.30.99.99");
}

struct Bad {
  const char* family;
  const char* endpoint;
  const char* problem;
};

class BadEndpoint : public testing::TestWithParam<Bad> {};

TEST_P(BadEndpoint, IsLeftOutAndTheOthersGoOn) {
  const Bad& bad = GetParam();
  const bool four = std::string(bad.family) == "IPv4";
  const Decoded decoded = decode_text(slice("s", "song", "[]",
                                            std::string("[") + bad.endpoint + ", {addresses: [" +
                                                (four ? "10.1.0.9" : "'fd00::9'") + "]}]",
                                            bad.family));
  EXPECT_THAT(decoded.told(), ElementsAre(HasSubstr(bad.problem)));
  EXPECT_THAT(decoded.told().front(), StartsWith("f:6:"));
  EXPECT_THAT(only(decoded).endpoints, SizeIs(1));
  const bool rejected = decoded.told().front().find("is left out") != std::string::npos;
  EXPECT_EQ(only(decoded).whole, rejected) << "by a rule of ours, or because it cannot be read";
}

INSTANTIATE_TEST_SUITE_P(
    Forbidden, BadEndpoint,
    testing::Values(Bad{"IPv4", "{addresses: [127.0.0.1]}",
                        "127.0.0.1 is a loopback address; the endpoint is left out"},
                    Bad{"IPv4", "{addresses: [127.8.8.8]}", "is a loopback address"},
                    Bad{"IPv4", "{addresses: [0.0.0.0]}", "0.0.0.0 is unspecified"},
                    Bad{"IPv4", "{addresses: [169.254.1.1]}", "169.254.1.1 is link-local"},
                    Bad{"IPv4", "{addresses: [224.0.0.1]}", "224.0.0.1 is multicast"},
                    Bad{"IPv4", "{addresses: [255.255.255.255]}", "is the broadcast address"},
                    Bad{"IPv6", "{addresses: ['::1']}", "::1 is a loopback address"},
                    Bad{"IPv6", "{addresses: ['::']}", ":: is unspecified"},
                    Bad{"IPv6", "{addresses: ['fe80::1']}", "fe80::1 is link-local"},
                    Bad{"IPv6", "{addresses: ['ff02::1']}", "ff02::1 is multicast"}));

INSTANTIATE_TEST_SUITE_P(Family, BadEndpoint,
                         testing::Values(Bad{"IPv6", "{addresses: [10.1.0.1]}",
                                             "10.1.0.1 is not of the slice's addressType IPv6"},
                                         Bad{"IPv6", "{addresses: ['::ffff:10.1.0.1']}",
                                             "is not of the slice's addressType IPv6"},
                                         Bad{"IPv4", "{addresses: ['fd00::1']}",
                                             "fd00::1 is not of the slice's addressType IPv4"}));

INSTANTIATE_TEST_SUITE_P(
    Mistyped, BadEndpoint,
    testing::Values(
        Bad{"IPv4", "{addresses: [song]}", "endpoint address must be an IP address, not 'song'"},
        Bad{"IPv4", "{addresses: [10]}", "endpoint address must be an IP address, not '10'"},
        Bad{"IPv4", "{addresses: 10.1.0.1}", "addresses must be a list, not a string"},
        Bad{"IPv4", "{nodeName: n1}", "endpoints[].addresses is missing"},
        Bad{"IPv4", "{addresses: []}", "endpoints[].addresses is missing"},
        Bad{"IPv4", "x", "endpoints[].addresses is missing"},
        Bad{"IPv4", "{addresses: [10.1.0.1], conditions: []}", "conditions must be a mapping"},
        Bad{"IPv4", "{addresses: [10.1.0.1], conditions: {ready: no}}",
            "ready must be a boolean, not a string"},
        Bad{"IPv4", "{addresses: [10.1.0.1], conditions: {serving: 'true'}}",
            "serving must be a boolean, not a string"}));

}  // namespace
}  // namespace holdfast::kubernetes
