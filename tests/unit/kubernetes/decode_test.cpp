// SPDX-License-Identifier: Apache-2.0
// Documents into objects: lists, versions, names, and what is wrong with its place.
#include <algorithm>

#include "tests/unit/kubernetes/objects.h"

namespace holdfast::kubernetes {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

TEST(Documents, AreObjectsOfAnyKindAndOursAreKept) {
  const Decoded decoded = decode_text(kSong + slice("song-1", "song", "[]", "[]") +
                                      node("n1", "[{type: InternalIP, address: 192.0.2.1}]") +
                                      "apiVersion: apps/v1\nkind: Deployment\nspec: nonsense\n");
  EXPECT_THAT(decoded.told(), IsEmpty());
  EXPECT_THAT(decoded.objects.services, SizeIs(1));
  EXPECT_THAT(decoded.objects.slices, SizeIs(1));
  ASSERT_THAT(decoded.objects.nodes, SizeIs(1));
  EXPECT_EQ(decoded.objects.nodes[0].zone, "z1");
  EXPECT_EQ(decoded.objects.items, 4u) << "other kinds show that the file is not empty";
  EXPECT_EQ(decoded.objects.services[0].origin.get(), "f");
  EXPECT_EQ(decoded.objects.slices[0].origin.get(), "f");
  EXPECT_EQ(decoded.objects.services[0].key, (ServiceKey{"default", "song"}));
}

TEST(Lists, MayHoldListsAndTypedItemsWithoutKinds) {
  const Decoded decoded = decode_text(R"(
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: 10.96.0.1}}
- kind: List
  items:
  - {apiVersion: v1, kind: Service, metadata: {name: b}, spec: {clusterIP: 10.96.0.2}}
- kind: ServiceList
  apiVersion: v1
  items:
  - {metadata: {name: c}, spec: {clusterIP: 10.96.0.3}}
---
kind: EndpointSliceList
items:
- {metadata: {name: s, labels: {kubernetes.io/service-name: a}}, addressType: IPv4}
---
kind: PodList
items: [{metadata: {name: p}}]
)");
  EXPECT_THAT(decoded.told(), IsEmpty());
  EXPECT_THAT(decoded.objects.services, SizeIs(3));
  EXPECT_THAT(decoded.objects.slices, SizeIs(1));
  EXPECT_EQ(decoded.objects.items, 5u);
}

TEST(Lists, ABadItemIsLeftOutAndTheOthersGoOn) {
  const Decoded decoded = decode_text(R"(kind: List
items:
- 7
- {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: 10.96.0.1}}
- {apiVersion: v1, metadata: {name: b}}
)");
  EXPECT_THAT(decoded.told(), ElementsAre(StartsWith("f:3:3: expected a Kubernetes object"),
                                          "f:5:3: kind is missing"));
  EXPECT_THAT(decoded.objects.services, SizeIs(1));
}

TEST(Lists, MistypedOrEmpty) {
  EXPECT_THAT(decode_text("kind: List\nitems: {}\n").told(),
              ElementsAre("f:2:8: items must be a list, not a mapping"));
  for (const char* text : {"kind: List\nitems: []\n", "kind: List\n", "kind: List\nitems:\n"}) {
    const Decoded empty = decode_text(text);
    EXPECT_EQ(empty.objects.items, 0u);
    EXPECT_THAT(empty.told(), IsEmpty());
  }
}

struct Bad {
  std::string text;
  const char* problem;
};

class BadObject : public testing::TestWithParam<Bad> {};

TEST_P(BadObject, IsNotWholeAndHasOneProblem) {
  const Decoded decoded = decode_text(GetParam().text + "\n---\n" + kSong);
  EXPECT_THAT(decoded.told(), ElementsAre(StartsWith(GetParam().problem)));
  const auto whole = [](const auto& one) { return one.whole; };
  EXPECT_EQ(std::ranges::count_if(decoded.objects.services, whole), 1) << "the next one goes on";
  EXPECT_EQ(std::ranges::count_if(decoded.objects.slices, whole), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Frame, BadObject,
    testing::Values(
        Bad{"- a", "f:1:1: expected a Kubernetes object: a mapping with apiVersion and kind"},
        Bad{"hello", "f:1:1: expected a Kubernetes object"},
        Bad{"apiVersion: v1", "f:1:1: kind is missing"},
        Bad{"apiVersion: v1\nkind: Service\nmetadata: [a]",
            "f:3:11: Service: metadata must be a mapping"},
        Bad{"apiVersion: v1\nkind: Service", "f:1:1: Service: metadata is missing"},
        Bad{"apiVersion: v2\nkind: Service\nmetadata: {name: a}",
            "f:1:1: Service: apiVersion must be v1, not 'v2'"},
        Bad{"kind: Service\nmetadata: {name: a}", "f:1:1: Service: apiVersion must be v1, not ''"},
        Bad{"apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice",
            "f:1:1: EndpointSlice: apiVersion must be discovery.k8s.io/v1"},
        Bad{"apiVersion: v1\nkind: Service\nmetadata: {name: A_b}",
            "f:3:11: Service: metadata.name must be lower-case"},
        Bad{"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: -x}",
            "f:3:11: Service: metadata.namespace must be lower-case"},
        Bad{"apiVersion: v1\nkind: Service\nmetadata: {namespace: x}",
            "f:3:11: Service: metadata.name must be lower-case"},
        Bad{"apiVersion: v1\nkind: Service\nmetadata: {name: a}",
            "f:1:1: Service default/a: spec is missing"}));

INSTANTIATE_TEST_SUITE_P(
    Mistyped, BadObject,
    testing::Values(
        Bad{service("a", "none"), "f:4:7: Service default/a: spec must be a mapping, not a string"},
        Bad{service("a", "{ports: {}}"), "f:4:15: Service default/a: ports must be a list"},
        Bad{service("a", "{clusterIPs: 10.96.0.1}"),
            "f:4:20: Service default/a: clusterIPs must be"},
        Bad{service("a", "{externalIPs: {a: b}}"),
            "f:4:21: Service default/a: externalIPs must be"},
        Bad{slice("s", "song", "{}", "[]"), "f:5:8: EndpointSlice default/s: ports must be a list"},
        Bad{slice("s", "song", "[]", "none"),
            "f:6:12: EndpointSlice default/s: endpoints must be a list"},
        Bad{slice("s", "song", "[]", "[]", "IPv5"),
            "f:4:14: EndpointSlice default/s: addressType must be IPv4, IPv6 or FQDN, not 'IPv5'"},
        Bad{"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: "
            "s}\naddressType: IPv4",
            "f:3:11: EndpointSlice default/s: label kubernetes.io/service-name is missing"}));

TEST(Slices, OfNamesAreNoBusinessOfOurs) {
  const Decoded decoded =
      decode_text(slice("s", "song", "[]", "[{addresses: [song.example]}]", "FQDN"));
  EXPECT_THAT(decoded.told(), IsEmpty());
  EXPECT_THAT(decoded.objects.slices, IsEmpty());
}

TEST(Nodes, HaveTheirInternalAndExternalAddresses) {
  const Decoded decoded = decode_text(
      node("n1",
           "[{type: Hostname, address: n1}, {type: InternalIP, address: 192.0.2.1}, "
           "{type: ExternalIP, address: '2001:db8::1'}, {type: InternalIP, address: x}]"));
  ASSERT_THAT(decoded.objects.nodes, SizeIs(1));
  EXPECT_THAT(decoded.objects.nodes[0].addresses, SizeIs(2));
  EXPECT_THAT(decoded.told(), ElementsAre(StartsWith("f:4:165: Node n1: node address must be")));
  EXPECT_FALSE(decoded.objects.nodes[0].whole);
}

}  // namespace
}  // namespace holdfast::kubernetes
