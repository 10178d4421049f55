// SPDX-License-Identifier: Apache-2.0
// Objects into services: which frontends, which endpoints, and what does not depend on order.
#include "agent/model/picked.h"
#include "agent/sources/kubernetes/assembler.h"
#include "agent/sources/own_node.h"
#include "tests/unit/kubernetes/objects.h"

namespace holdfast::kubernetes {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST(Ports, AreMatchedByNameAndProtocol) {
  const Assembled assembled = assemble_noted(
      service("song",
              "{clusterIP: 10.96.0.10, ports: [{name: http, port: 80, targetPort: 9}, "
              "{name: admin, port: 81}, {name: dns, port: 53, protocol: UDP}]}") +
      slice("s", "song",
            "[{name: admin, port: 9000}, {name: http, port: 8080}, {name: dns, port: 5353}]",
            "[{addresses: [10.1.0.1]}]"));
  EXPECT_THAT(endpoints(assembled.pool(80)), ElementsAre("10.1.0.1:8080"));
  EXPECT_THAT(endpoints(assembled.pool(81)), ElementsAre("10.1.0.1:9000"));
  EXPECT_THAT(endpoints(assembled.pool(53, 4, Protocol::udp)), IsEmpty()) << "the slice's is TCP";
  ASSERT_TRUE(assembled.pool(80));
  EXPECT_EQ(assembled.pool(80)->port_name, "http");
}

TEST(Ports, OfSlicesMayDifferAndMayBeAll) {
  const Assembled assembled = assemble_text(
      kSong + slice("a", "song", "[{port: 8080}]", "[{addresses: [10.1.0.1]}]") +
      slice("b", "song", "[{port: 8081}]", "[{addresses: [10.1.0.1]}, {addresses: [10.1.0.2]}]") +
      slice("c", "song", "~", "[{addresses: [10.1.0.3]}]") +
      slice("d", "song", "[{name: ''}]", "[{addresses: [10.1.0.4]}]") +
      slice("e", "song", "[]", "[{addresses: [10.1.0.5]}]") +
      slice("f", "song", "[{name: http, port: 80}]", "[{addresses: [10.1.0.6]}]"));
  EXPECT_THAT(
      endpoints(assembled.pool(80)),
      ElementsAre("10.1.0.1:8080", "10.1.0.1:8081", "10.1.0.2:8081", "10.1.0.3:80", "10.1.0.4:80"));
}

TEST(Slices, OfOtherServicesAndNamespacesAreNotTaken) {
  const Assembled assembled = assemble_text(
      kSong + slice("a", "image", "[{port: 1}]", "[{addresses: [10.1.0.1]}]") +
      slice("b", "song", "[{port: 1}]", "[{addresses: [10.1.0.2]}]", "IPv4", "namespace: other"));
  EXPECT_THAT(endpoints(assembled.pool(80)), IsEmpty()) << "and the service is there without any";
}

TEST(Slices, AnEndpointInTwoIsOneAndTheReadyOneIsBelieved) {
  const std::string unready =
      "[{addresses: [10.1.0.1], nodeName: old, conditions: {ready: false}}]";
  const std::string leaving =
      "[{addresses: [10.1.0.1], nodeName: leaving, conditions: {ready: false, serving: true, "
      "terminating: true}}]";
  const std::string ready = "[{addresses: [10.1.0.1], nodeName: new}]";
  const auto node_of = [](const std::string& first, const std::string& second) {
    const Assembled assembled = assemble_text(kSong + slice("a", "song", "[{port: 80}]", first) +
                                              slice("b", "song", "[{port: 80}]", second));
    EXPECT_THAT(endpoints(assembled.pool(80)), ElementsAre("10.1.0.1:80"));
    return assembled.pool(80)->endpoints.at(0).node.get();
  };
  EXPECT_EQ(node_of(unready, ready), "new");
  EXPECT_EQ(node_of(ready, unready), "new");
  EXPECT_EQ(node_of(leaving, ready), "new");
  EXPECT_EQ(node_of(unready, leaving), "leaving") << "what serves before what does not";
  EXPECT_EQ(node_of(leaving, unready), "leaving");
}

TEST(Endpoints, CarryAllThatTheSliceSays) {
  const Assembled assembled =
      assemble_text(service("song", "{clusterIP: 10.96.0.10, ports: [{port: 80}]}",
                            "annotations: {holdfast.io/weight: '7'}") +
                    slice("a", "song", "[{port: 80}]",
                          "[{addresses: [10.1.0.1], nodeName: n1, zone: z1, targetRef: {uid: u-1}, "
                          "conditions: {ready: false, serving: true, terminating: true}}]") +
                    slice("b", "song", "[{port: 80}]", "[{addresses: [10.1.0.2]}]", "IPv4",
                          "annotations: {holdfast.io/weight: '9'}"));
  ASSERT_TRUE(assembled.pool(80));
  const auto& list = assembled.pool(80)->endpoints;
  ASSERT_THAT(list, SizeIs(2));
  EXPECT_EQ(list[0].node.get(), "n1");
  EXPECT_EQ(list[0].zone.get(), "z1");
  EXPECT_EQ(list[0].origin.get(), "f");
  EXPECT_EQ(list[0].identity, Identity::from_text("u-1"));
  EXPECT_FALSE(list[0].ready);
  EXPECT_TRUE(list[0].serving && list[0].terminating) << "the planner uses it as a last resort";
  EXPECT_EQ(list[0].weight, 7) << "of the service";
  EXPECT_EQ(list[1].weight, 9) << "of the slice, which wins";
}

TEST(DualStack, HasAPoolAFamily) {
  const Assembled assembled =
      assemble_text(service("song", "{clusterIPs: ['fd00::10', 10.96.0.10], ports: [{port: 80}]}") +
                    slice("four", "song", "[{port: 8080}]", "[{addresses: [10.1.0.1]}]") +
                    slice("six", "song", "[{port: 8080}]", "[{addresses: ['fd00:1::1']}]", "IPv6"));
  EXPECT_THAT(endpoints(assembled.pool(80, 4)), ElementsAre("10.1.0.1:8080"));
  EXPECT_THAT(endpoints(assembled.pool(80, 6)), ElementsAre("[fd00:1::1]:8080"));
  EXPECT_THAT(frontends(assembled.pool(80, 6)), ElementsAre("[fd00::10]:80 ClusterIP"));
}

TEST(Frontends, AreOfEveryKind) {
  const Assembled assembled = assemble_text(
      node("n1",
           "[{type: InternalIP, address: 192.0.2.1}, {type: InternalIP, address: '2001:db8::1'}]") +
      node("n2",
           "[{type: ExternalIP, address: 192.0.2.2}, {type: InternalIP, address: 192.0.2.1}]") +
      "apiVersion: v1\nkind: Service\nmetadata: {name: song}\n"
      "spec: {clusterIP: 10.96.0.10, externalIPs: [203.0.113.7], ports: [{port: 80, nodePort: "
      "30080}]}\n"
      "status: {loadBalancer: {ingress: [{ip: 198.51.100.1}]}}\n");
  EXPECT_THAT(frontends(assembled.pool(80)),
              UnorderedElementsAre("10.96.0.10:80 ClusterIP", "203.0.113.7:80 ExternalIP",
                                   "198.51.100.1:80 LoadBalancer", "192.0.2.1:30080 NodePort",
                                   "127.0.0.1:30080 NodePort host"))
      << "another node answers for its own addresses";
  EXPECT_EQ(assembled.pool(80, 6), nullptr) << "a family the service does not have";
}

TEST(NodePorts, OfOtherNodesAreSaidToBeTheirs) {
  const std::string text =
      node("n2", "[{type: InternalIP, address: 192.0.2.2}]") +
      node("n3", "[{type: InternalIP, address: 192.0.2.3}]") +
      service("song", "{clusterIP: 10.96.0.10, ports: [{port: 80, nodePort: 30080}]}");
  const Assembled assembled = assemble_text(text, "n1");
  EXPECT_THAT(frontends(assembled.pool(80)),
              UnorderedElementsAre("10.96.0.10:80 ClusterIP", "127.0.0.1:30080 NodePort host"));
  const auto note = no_own_node(assembled.nodes, true, "n1");
  ASSERT_TRUE(note);
  EXPECT_EQ(note->kind, Problem::Kind::note);
  EXPECT_EQ(note->file, "f");
  EXPECT_THAT(note->message, HasSubstr("no Node here is this one, 'n1'"));
  EXPECT_FALSE(no_own_node(assembled.nodes, true, "n2"));
  EXPECT_FALSE(no_own_node(assembled.nodes, false, "n1")) << "nobody asks for NodePorts";
  EXPECT_FALSE(no_own_node({}, true, "n1")) << "no node is said at all";
}

TEST(Hints, AreSaidOnceAService) {
  const std::string hinted = "[{addresses: [10.1.0.1], zone: z1, hints: {forZones: [{name: z1}]}}]";
  const std::string text =
      slice("a", "song", "[{port: 80}]", hinted) + slice("b", "song", "[{port: 80}]", hinted);
  const Assembled assembled = assemble_text(kSong + text);
  ASSERT_THAT(assembled.problems, SizeIs(1));
  EXPECT_EQ(assembled.problems[0].kind, Problem::Kind::note);
  EXPECT_EQ(assembled.problems[0].object, "Service default/song");
  EXPECT_THAT(assembled.problems[0].message, HasSubstr("hints in its slices are not honoured"));
  EXPECT_THAT(assemble_text(slice("a", "none", "[{port: 80}]", hinted)).problems, IsEmpty());
}

TEST(Frontends, OneAddressTwiceIsOne) {
  const Assembled assembled = assemble_text(
      service("song",
              "{clusterIP: 10.96.0.10, externalIPs: [10.96.0.10, 203.0.113.7, 203.0.113.7], "
              "ports: [{port: 80}]}"));
  EXPECT_THAT(frontends(assembled.pool(80)),
              ElementsAre("10.96.0.10:80 ClusterIP", "203.0.113.7:80 ExternalIP"));
}

TEST(Frontends, AServiceWithoutAnyIsNotThere) {
  EXPECT_THAT(assemble_text(service("a", "{ports: [{port: 80}]}")).services, IsEmpty());
  EXPECT_THAT(assemble_text(service("a", "{clusterIP: 10.96.0.1}")).services, IsEmpty());
}

TEST(InternalTrafficPolicy, LocalListsTheEndpointsOfAllNodes) {
  const std::string text =
      service("song",
              "{clusterIP: 10.96.0.10, internalTrafficPolicy: Local, ports: [{port: 80}]}") +
      slice("a", "song", "[{port: 80}]",
            "[{addresses: [10.1.0.1], nodeName: n1}, {addresses: [10.1.0.2], nodeName: n2}, "
            "{addresses: [10.1.0.3]}]");
  const Assembled assembled = assemble_text(text);
  ASSERT_THAT(endpoints(assembled.pool(80)),
              ElementsAre("10.1.0.1:80", "10.1.0.2:80", "10.1.0.3:80"));
  const auto picked_at = [&](const char* node) {
    return picked(*assembled.pool(80), {Text(node), Text("")});
  };
  EXPECT_THAT(picked_at("n1"), ElementsAre(true, false, false));
  EXPECT_THAT(picked_at("n2"), ElementsAre(false, true, false));
  EXPECT_THAT(picked_at("n3"), ElementsAre(false, false, false)) << "refused, not passed on";
}

TEST(InternalTrafficPolicy, LocalIsAboutTheClusterIPAlone) {
  const std::string text =
      node("n1", "[{type: InternalIP, address: 192.0.2.1}]") +
      service("song",
              "{clusterIP: 10.96.0.10, externalIPs: [203.0.113.7, 10.96.0.10], "
              "internalTrafficPolicy: Local, externalTrafficPolicy: Local, "
              "ports: [{port: 80, nodePort: 30080}]}") +
      slice("a", "song", "[{port: 80}]",
            "[{addresses: [10.1.0.1], nodeName: n1}, {addresses: [10.1.0.2], nodeName: n2}, "
            "{addresses: [203.0.113.7], nodeName: n1}]");
  const Assembled assembled = assemble_text(text, "n1");
  const Service& song = *assembled.services.at(0);
  ASSERT_THAT(song.pools, SizeIs(2));
  EXPECT_EQ(song.pools[0].traffic, TrafficPolicy::cluster);
  EXPECT_THAT(frontends(&song.pools[0]),
              ElementsAre("127.0.0.1:30080 NodePort host", "192.0.2.1:30080 NodePort",
                          "203.0.113.7:80 ExternalIP"));
  EXPECT_THAT(endpoints(&song.pools[0]), ElementsAre("10.1.0.1:80", "10.1.0.2:80"));
  EXPECT_EQ(song.pools[1].traffic, TrafficPolicy::local);
  EXPECT_THAT(frontends(&song.pools[1]), ElementsAre("10.96.0.10:80 ClusterIP"));
  EXPECT_THAT(endpoints(&song.pools[1]), ElementsAre("10.1.0.1:80", "10.1.0.2:80"));
  EXPECT_THAT(assembled.problems, SizeIs(1)) << "the loop is said once";
}

TEST(Loops, OfAServiceThroughItselfAndThroughOthersAreLeftOut) {
  const Decoded decoded = decode_text(
      kSong +
      service("image", "{clusterIP: 10.96.0.11, externalIPs: [203.0.113.7], ports: [{port: 81}]}") +
      slice("a", "song", "[{port: 80}]", "[{addresses: [10.96.0.10]}, {addresses: [10.1.0.1]}]") +
      slice("b", "song", "[{port: 81}]",
            "[{addresses: [203.0.113.7]}, {addresses: [10.96.0.10]}]"));
  EXPECT_THAT(decoded.told(), IsEmpty());
  const Assembled assembled = assemble_objects({&decoded.objects});
  ASSERT_THAT(assembled.problems, SizeIs(2));
  EXPECT_THAT(assembled.problems[0].message,
              HasSubstr("endpoint 10.96.0.10:80 is a service's own address: a loop"));
  EXPECT_EQ(assembled.problems[0].object, "EndpointSlice default/a");
  EXPECT_EQ(assembled.problems[0].to_string().substr(0, 8), "f:16:13:") << "where the endpoint is";
  EXPECT_THAT(assembled.problems[1].message, HasSubstr("203.0.113.7:81"));
  EXPECT_THAT(endpoints(assembled.pool(80, 4, Protocol::tcp, 1)),
              ElementsAre("10.1.0.1:80", "10.96.0.10:81"))
      << "another port of a service address is none of its frontends";
}

TEST(Loops, ThroughANodePortAreLeftOutToo) {
  const Decoded decoded =
      decode_text(node("n1", "[{type: InternalIP, address: 192.0.2.1}]") +
                  service("song", "{clusterIP: 10.96.0.10, ports: [{port: 80, nodePort: 30080}]}") +
                  slice("a", "song", "[{port: 30080}]", "[{addresses: [192.0.2.1]}]"));
  const Assembled assembled = assemble_objects({&decoded.objects});
  EXPECT_THAT(assembled.problems, SizeIs(1));
  EXPECT_THAT(endpoints(assembled.pool(80)), IsEmpty());
  EXPECT_THAT(endpoints(assemble_objects({&decoded.objects}, "n2").pool(80)), IsEmpty())
      << "whichever node looks: the answer is the same on all";
}

// The last word of a node, in the order in which its words come.
TEST(Nodes, AreSaidAsTheyChange) {
  Assembler assembler;
  const auto put = [&](const std::string& text) {
    for (NodeObject& one : decode_text(text).objects.nodes) assembler.put(std::move(one));
    return assembler.take_nodes();
  };
  const std::string two =
      "[{type: InternalIP, address: 192.0.2.2}, {type: ExternalIP, address: "
      "192.0.2.1}, {type: Hostname, address: n1}]";
  const auto first = put(node("n1", two) + node("n2", "[]"));
  ASSERT_THAT(first, SizeIs(2));
  EXPECT_EQ(first[0].now->zone, "z1");
  ASSERT_THAT(first[0].now->addresses, SizeIs(2));
  EXPECT_EQ(first[0].now->addresses[0].to_string(), "192.0.2.1") << "sorted";
  EXPECT_THAT(put(node("n1", two)), IsEmpty()) << "a heartbeat";
  std::string moved = node("n1", two);
  moved.replace(moved.find("z1"), 2, "z2");
  ASSERT_THAT(put(moved), SizeIs(1)) << "to another zone, at the same addresses";
  assembler.remove_node("n1");
  const auto gone = assembler.take_nodes();
  ASSERT_THAT(gone, SizeIs(1));
  EXPECT_FALSE(gone[0].now);
}

TEST(Duplicates, TheFirstOriginIsUsedAndTheOtherIsReported) {
  const std::string text = kSong + slice("a", "song", "[{port: 80}]", "[{addresses: [10.1.0.1]}]");
  const Decoded first = decode_text(text, "a.yaml");
  const Decoded second =
      decode_text(service("song", "{clusterIP: 10.96.0.99, ports: [{port: 80}]}") +
                      slice("a", "song", "[{port: 80}]", "[{addresses: [10.1.0.99]}]"),
                  "b.yaml");
  const Assembled assembled = assemble_objects({&first.objects, &second.objects});
  ASSERT_THAT(assembled.services, SizeIs(1));
  EXPECT_THAT(frontends(assembled.pool(80)), ElementsAre("10.96.0.10:80 ClusterIP"));
  EXPECT_THAT(endpoints(assembled.pool(80)), ElementsAre("10.1.0.1:80"));
  ASSERT_THAT(assembled.problems, SizeIs(2));
  for (const Problem& one : assembled.problems) {
    EXPECT_EQ(one.file, "b.yaml");
    EXPECT_THAT(one.message, HasSubstr("is in a.yaml already, at line "));
    EXPECT_GT(one.line, 0);
  }
}

}  // namespace
}  // namespace holdfast::kubernetes
