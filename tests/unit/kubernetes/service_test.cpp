// SPDX-License-Identifier: Apache-2.0
// What a Service object says, and what is wrong with it.
#include "tests/unit/kubernetes/objects.h"

namespace holdfast::kubernetes {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

ServiceObject only(const Decoded& decoded) {
  EXPECT_THAT(decoded.objects.services, SizeIs(1));
  return decoded.objects.services.empty() ? ServiceObject{} : decoded.objects.services.front();
}

TEST(Service, IsReadWhole) {
  const Decoded decoded = decode_text(R"(apiVersion: v1
kind: Service
metadata:
  name: song
  namespace: music
  creationTimestamp: "2022-03-08T18:00:00Z"
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.10
  clusterIPs: [10.96.0.10, "fd00::10"]
  externalIPs: [203.0.113.7]
  internalTrafficPolicy: Local
  ports:
  - {name: http, port: 80, nodePort: 30080, targetPort: web}
  - {name: dns, port: 53, protocol: UDP}
  - {name: dns, port: 53, nodePort: 0}
status:
  loadBalancer:
    ingress:
    - {ip: 198.51.100.1}
    - {ip: 198.51.100.2, ipMode: Proxy}
    - {ip: 198.51.100.3, ipMode: VIP}
    - {hostname: lb.example}
)");
  EXPECT_THAT(decoded.told(), ElementsAre(HasSubstr("53/UDP: only TCP is served")));
  const ServiceObject service = only(decoded);
  EXPECT_TRUE(service.whole);
  EXPECT_EQ(service.key, (ServiceKey{"music", "song"}));
  EXPECT_EQ(service.created_at, 1646762400);
  EXPECT_TRUE(service.ours);
  EXPECT_TRUE(service.local_only);
  EXPECT_THAT(service.cluster_ips, SizeIs(2));
  EXPECT_THAT(service.external_ips, SizeIs(1));
  EXPECT_THAT(service.load_balancer_ips, SizeIs(2)) << "a proxy wants the traffic itself";
  ASSERT_THAT(service.ports, SizeIs(3));
  EXPECT_EQ(service.ports[0].node_port, 30080);
  EXPECT_EQ(service.ports[1].protocol, Protocol::udp);
  EXPECT_EQ(service.ports[2].node_port, 0);
}

class NotOurs : public testing::TestWithParam<std::string> {};

TEST_P(NotOurs, IsKnownAndLeftAlone) {
  const Decoded decoded = decode_text(GetParam());
  EXPECT_THAT(decoded.told(), IsEmpty());
  EXPECT_FALSE(only(decoded).ours);
  EXPECT_THAT(assemble_objects({&decoded.objects}).services, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    AsForKubeProxy, NotOurs,
    testing::Values(
        service("a", "{clusterIP: None, ports: [{port: 80}]}"),
        service("a", "{clusterIPs: [None], ports: [{port: 80}]}"),
        service("a",
                "{type: ExternalName, externalName: example.org, externalIPs: [203.0.113.7], "
                "ports: [{port: 80}]}"),
        service("a", "{clusterIP: 10.96.0.1, ports: [{port: 80}]}",
                "labels: {service.kubernetes.io/service-proxy-name: other}"),
        service("a", "{clusterIP: 10.96.0.1, ports: [{port: 80}]}",
                "labels: {service.kubernetes.io/headless: ''}")));

struct Bad {
  std::string ports;
  const char* problem;
};

class BadPort : public testing::TestWithParam<Bad> {};

TEST_P(BadPort, IsLeftOutAndTheOthersGoOn) {
  const Decoded decoded = decode_text(service(
      "a", "{clusterIP: 10.96.0.1, ports: [" + GetParam().ports + ", {name: ok, port: 81}]}"));
  EXPECT_THAT(decoded.told(), ElementsAre(StartsWith("f:4:" + std::string(GetParam().problem))));
  const ServiceObject service = only(decoded);
  ASSERT_FALSE(service.ports.empty());
  EXPECT_EQ(service.ports.back().port, 81);
  EXPECT_FALSE(service.whole);
}

INSTANTIATE_TEST_SUITE_P(
    Ports, BadPort,
    testing::Values(
        Bad{"{port: 0}", "45: Service default/a: port must be an integer from 1 to 65535, not '0'"},
        Bad{"{port: 70000}", "45: Service default/a: port must be an integer from 1 to 65535"},
        Bad{"{port: -1}", "45: Service default/a: port must be an integer"},
        Bad{"{port: \"http\"}",
            "45: Service default/a: port must be an integer from 1 to 65535, not 'http'"},
        Bad{"{port: \"80\"}", "45: Service default/a: port must be an integer"},
        Bad{"{port: 80.5}", "45: Service default/a: port must be an integer"},
        Bad{"{port: ~}", "45: Service default/a: port must be an integer"},
        Bad{"{name: x}", "38: Service default/a: ports[].port is missing"},
        Bad{"80", "38: Service default/a: ports[].port is missing"},
        Bad{"{port: 80, protocol: ICMP}",
            "59: Service default/a: protocol must be TCP, UDP or SCTP"},
        Bad{"{port: 80, nodePort: 70000}", "59: Service default/a: nodePort must be an integer"},
        Bad{"{name: x, port: 80}, {name: y, port: 80}",
            "59: Service default/a: port 80/TCP is declared twice"},
        Bad{"{port: 80}, {port: 443}", "50: Service default/a: port 443 needs a name of its own"}));

TEST(Service, PortsOfTwoProtocolsMayShareNameAndNumber) {
  const Decoded decoded = decode_text(service(
      "dns",
      "{clusterIP: 10.96.0.1, ports: [{name: d, port: 53}, {name: d, port: 53, protocol: UDP}]}"));
  EXPECT_THAT(decoded.told(), ElementsAre(HasSubstr("53/UDP: only TCP")));
  EXPECT_THAT(only(decoded).ports, SizeIs(2));
}

class Unhonoured : public testing::TestWithParam<std::pair<std::string, const char*>> {};

TEST_P(Unhonoured, IsANoteAndTheServiceIsServed) {
  const auto& [text, note] = GetParam();
  const Decoded decoded = decode_text(text);
  ASSERT_THAT(decoded.told(), ElementsAre(HasSubstr(note)));
  EXPECT_THAT(decoded.told().front(), StartsWith("f:"));
  EXPECT_EQ(decoded.problems[0].kind, Problem::Kind::note);
  EXPECT_TRUE(only(decoded).whole);
  EXPECT_THAT(assemble_objects({&decoded.objects}).services, SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(
    Of, Unhonoured,
    testing::Values(
        std::pair(service("a",
                          "{clusterIP: 10.96.0.1, ports: [{port: 80}], "
                          "sessionAffinity: ClientIP}"),
                  "sessionAffinity ClientIP is not honoured in this version"),
        std::pair(service("a",
                          "{clusterIP: 10.96.0.1, ports: [{port: 80}], "
                          "trafficDistribution: PreferClose}"),
                  "trafficDistribution is not honoured in this version"),
        std::pair(service("a", "{clusterIP: 10.96.0.1, ports: [{port: 80}]}",
                          "annotations: {service.kubernetes.io/topology-mode: Auto}"),
                  "service.kubernetes.io/topology-mode is not honoured"),
        std::pair(service("a",
                          "{clusterIP: 10.96.0.1, ports: [{port: 80}], "
                          "loadBalancerSourceRanges: [192.0.2.0/24]}"),
                  "loadBalancerSourceRanges is not honoured"),
        std::pair(service("a",
                          "{clusterIP: 10.96.0.1, ports: [{name: a, port: 53, protocol: UDP}, "
                          "{name: b, port: 5060, protocol: SCTP}]}"),
                  "53/UDP, 5060/SCTP: only TCP is served in this version")));

TEST(Unhonoured, SaysNothingOfWhatIsOff) {
  EXPECT_THAT(decode_text(service("a",
                                  "{clusterIP: 10.96.0.1, sessionAffinity: None, "
                                  "ports: [{port: 80}]}",
                                  "annotations: {service.kubernetes.io/topology-mode: Disabled}"))
                  .told(),
              IsEmpty());
}

TEST(Unhonoured, NamesAFewPortsOnly) {
  std::string ports;
  for (int port = 1; port <= 300; ++port)
    ports += "{name: p" + std::to_string(port) + ", protocol: UDP, port: " + std::to_string(port) +
             "}, ";
  const Decoded decoded =
      decode_text(service("a", "{clusterIP: 10.96.0.1, ports: [" + ports + "]}"));
  EXPECT_THAT(decoded.told(), ElementsAre(HasSubstr("5/UDP and 295 more: only TCP")));
}

TEST(Frontends, ThatKubernetesForbidsAreLeftOutOneByOne) {
  const Decoded decoded = decode_text(
      "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
      "spec: {clusterIPs: [10.96.0.1, '::1'], externalIPs: ['127.0.0.1', '0.0.0.0', "
      "'169.254.1.1', '224.0.0.1', '255.255.255.255', '::ffff:127.0.0.1', '203.0.113.7'], "
      "ports: [{port: 80}]}\n"
      "status: {loadBalancer: {ingress: [{ip: 'fe80::1'}, {ip: 198.51.100.1}]}}\n");
  EXPECT_THAT(
      decoded.told(),
      ElementsAre(HasSubstr("clusterIPs ::1 is a loopback address; it is left out"),
                  HasSubstr("externalIPs 127.0.0.1 is a loopback address; it is left out"),
                  HasSubstr("0.0.0.0 is unspecified"), HasSubstr("169.254.1.1 is link-local"),
                  HasSubstr("224.0.0.1 is multicast"),
                  HasSubstr("255.255.255.255 is the broadcast address"),
                  HasSubstr("127.0.0.1 is a loopback"), HasSubstr("ingress ip fe80::1 is link")));
  EXPECT_TRUE(only(decoded).whole) << "it was read";
  const Assembled assembled = assemble_objects({&decoded.objects});
  EXPECT_THAT(frontends(assembled.pool(80)),
              ElementsAre("10.96.0.1:80 ClusterIP", "198.51.100.1:80 LoadBalancer",
                          "203.0.113.7:80 ExternalIP"));
}

TEST(Frontends, OfANodeTooAreLeftOut) {
  const Decoded decoded = decode_text(node(
      "n1", "[{type: InternalIP, address: 127.0.0.1}, {type: InternalIP, address: 192.0.2.1}]"));
  EXPECT_THAT(decoded.told(), ElementsAre(HasSubstr("node address 127.0.0.1 is a loopback")));
  EXPECT_THAT(decoded.objects.nodes.at(0).addresses, SizeIs(1));
}

TEST(Frontends, WithLeadingZerosAreDecimal) {
  const Assembled assembled =
      assemble_text(service("a", "{clusterIP: 172.030.099.099, ports: [{port: 80}]}"));
  EXPECT_THAT(frontends(assembled.pool(80)), ElementsAre("172.30.99.99:80 ClusterIP"));
}

TEST(Service, BadAddressesAreLeftOutOneByOne) {
  const Decoded decoded =
      decode_text(service("a",
                          "{clusterIPs: [10.96.0.1, song, 10.96.0.256], externalIPs: [7, "
                          "203.0.113.7], ports: [{port: 80}]}"));
  EXPECT_THAT(decoded.told(),
              ElementsAre("f:4:32: Service default/a: clusterIPs must be an IP address, not 'song'",
                          StartsWith("f:4:38: "), StartsWith("f:4:66: ")));
  EXPECT_THAT(only(decoded).cluster_ips, SizeIs(1));
  EXPECT_THAT(only(decoded).external_ips, SizeIs(1));
  EXPECT_FALSE(only(decoded).whole);
  EXPECT_THAT(decode_text(service("a", "{clusterIP: 7}")).told(),
              ElementsAre(StartsWith("f:4:19: ")))
      << "once";
}

TEST(Service, AnUnknownTrafficPolicyIsReported) {
  const Decoded decoded = decode_text(service("a", "{internalTrafficPolicy: local}"));
  EXPECT_THAT(decoded.told(), ElementsAre(HasSubstr("must be Cluster or Local, not 'local'")));
  EXPECT_FALSE(only(decoded).local_only);
}

TEST(Service, ATimeThatIsNoneIsNotKnown) {
  for (const char* time : {"yesterday", "2022-03-08", "'2022-03-08T18:00:00+01:00'", "''", "~"}) {
    EXPECT_EQ(
        only(decode_text(service("a", "{}", std::string("creationTimestamp: ") + time))).created_at,
        0);
  }
}

std::string annotated(const std::string& annotations) {
  return service("a", "{clusterIP: 10.96.0.1}", "annotations: {" + annotations + "}");
}

TEST(Annotations, AreRead) {
  const Decoded decoded = decode_text(annotated(
      "holdfast.io/weight: '0', holdfast.io/no-endpoints: pass, holdfast.io/guard: trust, "
      "holdfast.io/selector: random, example.org/other: x"));
  EXPECT_THAT(decoded.told(), IsEmpty());
  EXPECT_EQ(only(decoded).weight, 0);
  EXPECT_EQ(only(decoded).policy.no_endpoints, HF_EMPTY_PASS);
  EXPECT_EQ(only(decoded).policy.guard, GuardMode::trust);
  EXPECT_EQ(only(decode_text(annotated("holdfast.io/weight: '1000'"))).weight, 1000);
  EXPECT_EQ(
      only(decode_text(annotated("holdfast.io/no-endpoints: unreachable"))).policy.no_endpoints,
      HF_EMPTY_UNREACHABLE);
}

class BadAnnotation : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(BadAnnotation, IsReportedAndTheDefaultIsUsed) {
  const auto& [annotation, problem] = GetParam();
  const Decoded decoded = decode_text(annotated(annotation));
  EXPECT_THAT(decoded.told(), ElementsAre(HasSubstr(problem)));
  EXPECT_THAT(decoded.told().front(), StartsWith("f:3:"));
  EXPECT_EQ(only(decoded).weight, std::nullopt);
  EXPECT_EQ(only(decoded).policy, ServicePolicy{});
}

INSTANTIATE_TEST_SUITE_P(
    Of, BadAnnotation,
    testing::Values(std::pair("holdfast.io/weight: '1001'",
                              "from 0 to 1000, not '1001'; the default"),
                    std::pair("holdfast.io/weight: '-1'", "from 0 to 1000"),
                    std::pair("holdfast.io/weight: '5%'", "from 0 to 1000"),
                    std::pair("holdfast.io/weight: ''", "from 0 to 1000"),
                    std::pair("holdfast.io/weight: 50", "must be a quoted string, not '50'"),
                    std::pair("holdfast.io/no-endpoints: drop", "refuse, pass or unreachable"),
                    std::pair("holdfast.io/guard: off", "hold or trust"),
                    std::pair("holdfast.io/selector: robin", "one of: random hash least-loaded"),
                    std::pair("holdfast.io/drain-seconds: long", "seconds from 0 to 86400"),
                    std::pair("holdfast.io/wieght: '1'", "unknown annotation holdfast.io/wieght"),
                    std::pair("holdfast.io/: '1'", "unknown annotation holdfast.io/")));

TEST(Annotations, OfASliceAreItsWeightAndNothingElse) {
  const Decoded decoded =
      decode_text(slice("s", "song", "[]", "[]", "IPv4",
                        "annotations: {holdfast.io/weight: '7', holdfast.io/guard: trust}"));
  EXPECT_THAT(decoded.told(), ElementsAre(HasSubstr("belongs on the Service")));
  EXPECT_EQ(decoded.objects.slices.at(0).weight, 7);
}

}  // namespace
}  // namespace holdfast::kubernetes
