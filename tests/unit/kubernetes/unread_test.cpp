// SPDX-License-Identifier: Apache-2.0
// What cannot be read is not said: what it was last good stands, in this life and over a restart
// (design.md 4.1).
#include "agent/sources/kubernetes/last_known.h"
#include "tests/unit/kubernetes/objects.h"

namespace holdfast::kubernetes {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Two slices of two endpoints, a NodePort and an external address.
std::string song(
    const std::string& spec =
        "{clusterIP: 10.96.0.10, externalIPs: [203.0.113.7], internalTrafficPolicy: "
        "Local, ports: [{name: http, port: 80, nodePort: 30080}, {name: x, port: 81}]}") {
  return service("song", spec);
}
std::string part(const std::string& name, const std::string& list) {
  return slice(name, "song", "[{name: http, port: 8080}, {name: x, port: 9000}]", list);
}
std::string pod(const std::string& address, const std::string& more = "") {
  return "{addresses: [" + address + "], nodeName: n1, targetRef: {uid: u-" + address + "}" + more +
         "}";
}
const std::string kA = part("song-a", "[" + pod("10.1.0.1") + ", " + pod("10.1.0.2") + "]");
const std::string kB = part("song-b", "[" + pod("10.1.0.3") + ", " + pod("10.1.0.4") + "]");
const std::string kNode = node("n1", "[{type: InternalIP, address: 192.0.2.1}]");

std::vector<ServicePtr> earlier() {
  const Decoded decoded = decode_text(kNode + song() + kA + kB);
  EXPECT_THAT(decoded.told(), IsEmpty());
  std::vector<Problem> problems;
  return assemble({&decoded.objects}, problems).services;
}

Assembled after_restart(const std::string& text, std::vector<ServicePtr> said = earlier()) {
  LastKnown last;
  last.remember(said, {{"n1", {"n1", "", {}, {*IpAddress::parse("192.0.2.1")}}}});
  const Decoded decoded = decode_text(text);
  std::vector<Problem> problems;
  Assembly now = assemble({&decoded.objects}, problems, &last);
  return {std::move(now), std::move(problems), "n1"};
}

std::vector<Service> values(const std::vector<ServicePtr>& services) {
  std::vector<Service> result;
  for (const ServicePtr& one : services) result.push_back(*one);
  return result;
}

// As this node sees what was said.
std::vector<Service> seen() {
  const Decoded decoded = decode_text(kNode + song() + kA + kB);
  return values(assemble_objects({&decoded.objects}).services);
}

class Unreadable : public testing::TestWithParam<const char*> {};

TEST_P(Unreadable, ServiceIsAsTheLastLifeHadIt) {
  EXPECT_EQ(values(after_restart(kNode + song(GetParam()) + kA + kB).services), seen());
}

INSTANTIATE_TEST_SUITE_P(
    Fields, Unreadable,
    testing::Values("{clusterIP: 10.96.0.10, ports: [{name: http, port: 0}]}",
                    "{clusterIP: 10.96.0.10, ports: [{name: http, port: 70000}]}",
                    "{clusterIP: 10.96.0.10, ports: [{name: http, port: http}]}",
                    "{clusterIP: 10.96.0.10, ports: [{name: http, port: 80, protocol: ICMP}]}",
                    "{clusterIP: 10.96.300.1, ports: [{name: http, port: 80}]}",
                    "{clusterIP: 10.96.0.10, ports: {}}", "[]", "~"));

TEST(AfterARestart, TheEndpointsOfAnUnreadableServiceGoOn) {
  const std::string bad = song("{clusterIP: 10.96.0.10, ports: [{name: http, port: 0}]}");
  const Assembled assembled =
      after_restart(kNode + bad + part("song-a", "[" + pod("10.1.0.9") + "]") + kB);
  EXPECT_THAT(endpoints(assembled.pool(81)),
              ElementsAre("10.1.0.3:9000", "10.1.0.4:9000", "10.1.0.9:9000"));
}

TEST(AfterARestart, AnUnreadableNodeIsServedAtItsAddresses) {
  const std::string bad = node("n1", "[{type: InternalIP, address: 192.0.2.300}]");
  EXPECT_EQ(values(after_restart(bad + song() + kA + kB).services), seen());
}

class UnreadableSlice : public testing::TestWithParam<std::string> {};

TEST_P(UnreadableSlice, IsAsTheLastLifeHadItAndTheOthersGoOn) {
  const Assembled same = after_restart(kNode + song() + GetParam() + kB);
  EXPECT_EQ(values(same.services), seen());
  const Assembled changed =
      after_restart(kNode + song() + GetParam() +
                    part("song-b", "[" + pod("10.1.0.3") + ", " + pod("10.1.0.5") + "]"));
  EXPECT_THAT(
      endpoints(changed.pool(81)),
      testing::IsSupersetOf({"10.1.0.1:9000", "10.1.0.2:9000", "10.1.0.3:9000", "10.1.0.5:9000"}));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, UnreadableSlice,
    testing::Values(slice("song-a", "song", "[{name: http, port: 0}]", "[]"),
                    slice("song-a", "song", "[{name: http, port: -1}]",
                          "[" + pod("10.1.0.1") + "]"),
                    part("song-a", "[" + pod("10.1.0.1", ", conditions: {ready: maybe}") + "]"),
                    part("song-a", "[" + pod("10.1.0.1", ", conditions: {ready: false}") + ", {}]"),
                    part("song-a", "none"), slice("song-a", "song", "[]", "[]", "IPv5"),
                    std::string("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
                                "metadata: {name: song-a}\naddressType: IPv4\n---\n")));

TEST(AfterARestart, AnUnreadableSliceKeepsNoAddressThatAnotherNamesNow) {
  const std::string bad = slice("song-a", "song", "[{name: http, port: 0}]", "[]");
  const std::string taken = slice("image-a", "image", "[{port: 8080}]",
                                  "[{addresses: [10.1.0.1], targetRef: {uid: new}}]");
  EXPECT_THAT(endpoints(after_restart(kNode + song() + bad + kB + taken).pool(80)),
              ElementsAre("10.1.0.2:8080", "10.1.0.3:8080", "10.1.0.4:8080"));
  const std::string other_port =
      slice("image-a", "image", "[{port: 1}]", "[{addresses: [10.1.0.1], targetRef: {uid: new}}]");
  EXPECT_THAT(endpoints(after_restart(kNode + song() + bad + kB + other_port).pool(80)), SizeIs(4))
      << "pods of the host's network share its address";
}

TEST(AfterARestart, WhatIsReadableAndWhatIsGoneIsNotBroughtBack) {
  EXPECT_THAT(endpoints(after_restart(kNode + song() + kB).pool(80)),
              ElementsAre("10.1.0.3:8080", "10.1.0.4:8080"));
  EXPECT_THAT(after_restart(kNode + kA + kB).services, IsEmpty());
  const std::string bad = slice("image-a", "image", "[{port: 0}]", "[]");
  EXPECT_THAT(endpoints(after_restart(kNode + song() + kB + bad).pool(80)), SizeIs(2))
      << "another service's slice holds back nothing of this one";
}

TEST(AfterARestart, OfWhatWasNeverSeenGoodThePartsApply) {
  const std::string bad =
      service("image",
              "{clusterIP: 10.96.0.11, ports: [{name: a, port: 0}, {name: b, port: 81}]}") +
      slice("image-a", "image", "[{name: b, port: 8081}]",
            "[" + pod("10.1.0.7") + ", " + pod("10.1.0.8", ", conditions: {ready: maybe}") + "]");
  const Assembled assembled = after_restart(bad);
  EXPECT_THAT(endpoints(assembled.pool(81)), ElementsAre("10.1.0.7:8081"));
}

TEST(AfterARestart, WhatAReadableSliceNamedAndDroppedIsGone) {
  LastKnown last;
  last.remember(earlier());
  const auto take = [&](const std::string& text) {
    const Decoded decoded = decode_text(text);
    std::vector<Problem> problems;
    Assembly now = assemble({&decoded.objects}, problems, &last);
    last.forget_unused();
    return Assembled(std::move(now), std::move(problems), "n1");
  };
  const std::string bad = slice("song-a", "song", "[{name: http, port: 0}]", "[]");
  EXPECT_THAT(endpoints(take(kNode + song() + bad + kB).pool(80)), SizeIs(4));
  const std::string less = part("song-b", "[" + pod("10.1.0.3") + "]");
  EXPECT_THAT(endpoints(take(kNode + song() + bad + less).pool(80)),
              ElementsAre("10.1.0.1:8080", "10.1.0.2:8080", "10.1.0.3:8080"));
  EXPECT_THAT(endpoints(take(kNode + song() + kA + kB).pool(80)), SizeIs(4)) << "mended";
}

TEST(Origins, AWholeObjectGoesBeforeOneThatIsNot) {
  const Decoded bad = decode_text(song("{clusterIP: 10.96.0.9, ports: [{name: x, port: 81}, {}]}") +
                                      slice("song-a", "song", "[{port: 0}]", "[]"),
                                  "a.yaml");
  const Decoded good = decode_text(kNode + song() + kA, "b.yaml");
  const Assembled assembled = assemble_objects({&bad.objects, &good.objects});
  ASSERT_TRUE(assembled.pool(80));
  EXPECT_THAT(endpoints(assembled.pool(80)), ElementsAre("10.1.0.1:8080", "10.1.0.2:8080"));
}

}  // namespace
}  // namespace holdfast::kubernetes
