// SPDX-License-Identifier: Apache-2.0
// One catalog, two nodes: what a source says is the same on both, what a node does with it is its
// own; and so the last known good of one is worth something on another.
#include "agent/model/vantage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/app/restore.h"
#include "agent/base/file.h"
#include "agent/catalog/catalog.h"
#include "agent/dataplane/memory.h"
#include "agent/plan/planner.h"
#include "agent/snapshot/snapshot.h"
#include "agent/sources/file/file_set.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

// "shop/album": a local ClusterIP and a node port, an endpoint on each of two nodes.
const char* const kAlbum = R"(
apiVersion: v1
kind: Service
metadata: {name: album, namespace: shop}
spec: {clusterIP: 10.96.0.3, internalTrafficPolicy: Local, ports: [{port: 80, nodePort: 30081}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: album-1, namespace: shop, labels: {kubernetes.io/service-name: album}}
addressType: IPv4
ports: [{port: 8080}]
endpoints:
- {addresses: [10.1.1.1], nodeName: node-1, targetRef: {uid: 10.1.1.1}}
- {addresses: [10.1.2.1], nodeName: node-2, targetRef: {uid: 10.1.2.1}}
)";
const char* const kNodes = R"(---
{apiVersion: v1, kind: Node, metadata: {name: node-1}, status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}}
---
{apiVersion: v1, kind: Node, metadata: {name: node-2}, status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}}
)";

// From a source's word to the maps, as the daemon of one node joins the stages.
class Here {
 public:
  explicit Here(const std::string& name) : node(name), guard("kube", {}, from()) {}

  Vantage from() const { return {Text(node), {}}; }

  // The first word of a source, as a complete list of what a file has: of no origin, as the API's.
  std::vector<Admitted> hears(const std::string& text) {
    FileSet files("kube");
    SourceUpdate update = *files.observe({{"a.yaml", text}}, "");
    update.confirmed_origins.clear();
    update.list = true;
    for (ServiceChange& one : update.changes) {
      one.basis = Basis::list;
      one.now = without_origin(*one.now);
    }
    for (NodeChange& one : update.nodes) one.now->origin = Text("");
    auto admitted = guard.admit(update, kStart);
    take(admitted);
    return admitted;
  }

  void starts_from(const Snapshot& snapshot) {
    const Restored restored = restore(Image{}, snapshot, node);
    take(guard.restore(restored.sources.at("kube"), kStart));
  }

  // What another node would do with it.
  std::string snapshot() const {
    Snapshot result;
    result.generation = 7;
    result.node = node;
    result.sources.push_back({"kube", guard.memory()});
    return encode(result);
  }

  // "10.96.0.3:80 -> 10.1.1.1:8080", sorted; "...: none" where connects are refused.
  std::vector<std::string> serves() const {
    MemoryDataplane maps(capacity_for(64, 64));
    auto planner = Planner::adopt(Image{}, maps.capacity(), from());
    EXPECT_TRUE(maps.apply(*planner->plan({1, catalog.all()})));
    std::vector<std::string> result;
    for (const ServiceView& service : services_of(maps.image())) {
      for (const PoolView& pool : service.pools) {
        for (const Frontend& frontend : pool.pool.frontends) {
          const std::string dialled = format_host_port(frontend.address, frontend.port);
          std::string line = dialled + (pool.selectable == 0 ? ": none" : " ->");
          for (const EndpointView& one : pool.endpoints) {
            const auto at = format_host_port(one.endpoint.address, one.endpoint.port);
            if (one.picked) line += " " + at;
            EXPECT_EQ(one.state, one.picked ? HF_MEMBER_ACTIVE : HF_MEMBER_UNUSED) << at;
          }
          result.push_back(line);
        }
      }
    }
    std::sort(result.begin(), result.end());
    return result;
  }

  std::string node;
  Guard guard;
  Catalog catalog{{{"kube"}}, 0};

 private:
  static ServicePtr without_origin(Service service) {
    service.origin = Text("");
    for (Pool& pool : service.pools) {
      for (Endpoint& one : pool.endpoints) one.origin = Text("");
    }
    return std::make_shared<const Service>(std::move(service));
  }
  void take(const std::vector<Admitted>& admitted) {
    catalog.place("kube", addresses_of(guard.nodes(), node));
    catalog.apply("kube", admitted);
  }
};

const std::vector<std::string> kAtNode1 = {"10.96.0.3:80 -> 10.1.1.1:8080",
                                           "127.0.0.1:30081 -> 10.1.1.1:8080 10.1.2.1:8080",
                                           "192.0.2.1:30081 -> 10.1.1.1:8080 10.1.2.1:8080"};
const std::vector<std::string> kAtNode2 = {"10.96.0.3:80 -> 10.1.2.1:8080",
                                           "127.0.0.1:30081 -> 10.1.1.1:8080 10.1.2.1:8080",
                                           "192.0.2.2:30081 -> 10.1.1.1:8080 10.1.2.1:8080"};

Snapshot imported(const std::string& bytes, const std::string& node) {
  Snapshot snapshot = *decode(bytes);
  snapshot.imported_from = std::exchange(snapshot.node, node);
  return *decode(encode(snapshot));  // as the import writes it
}

TEST(Vantage, EachNodeDoesItsOwnWithOneWord) {
  Here one("node-1"), two("node-2"), three("node-3");
  const std::string text = std::string(kAlbum) + kNodes;
  one.hears(text), two.hears(text), three.hears(text);
  EXPECT_EQ(one.serves(), kAtNode1);
  EXPECT_EQ(two.serves(), kAtNode2);
  EXPECT_THAT(three.serves(),
              ElementsAre("10.96.0.3:80: none", "127.0.0.1:30081 -> 10.1.1.1:8080 10.1.2.1:8080"));
  ASSERT_THAT(one.guard.memory().services, SizeIs(1));
  EXPECT_EQ(*one.guard.memory().services[0].admitted, *two.guard.memory().services[0].admitted);
}

TEST(Vantage, ASnapshotOfOneNodeServesTheEndpointsOfTheOther) {
  Here one("node-1"), two("node-2");
  one.hears(std::string(kAlbum) + kNodes);
  two.starts_from(imported(one.snapshot(), "node-2"));
  EXPECT_EQ(two.serves(), kAtNode2) << "before any source has spoken";
  EXPECT_THAT(two.hears(std::string(kAlbum) + kNodes), IsEmpty()) << "nothing is new";
  EXPECT_THAT(two.guard.holds(), IsEmpty());
}

// A version before 3.2 kept the part of its node alone.
TEST(Vantage, AnOlderSnapshotServesItsNodeAndTheFirstListOpensNoHold) {
  const auto bytes =
      read_file(HOLDFAST_SOURCE_DIR "/tests/unit/snapshot/data/placed-3.1.snap", 1 << 20);
  ASSERT_TRUE(bytes);
  Here one("node-1");
  one.starts_from(*decode(*bytes));
  EXPECT_EQ(one.serves(), kAtNode1);
  EXPECT_THAT(one.hears(std::string(kAlbum) + kNodes), SizeIs(1)) << "the other node's endpoint";
  EXPECT_THAT(one.guard.holds(), IsEmpty());
  EXPECT_EQ(one.serves(), kAtNode1);
  Here two("node-2");
  two.starts_from(imported(*bytes, "node-2"));
  EXPECT_THAT(two.serves(),
              ElementsAre("10.96.0.3:80: none", "127.0.0.1:30081 -> 10.1.1.1:8080 10.1.2.1:8080"))
      << "it has none of this node's, and no address";
  two.hears(std::string(kAlbum) + kNodes);
  EXPECT_THAT(two.guard.holds(), IsEmpty());
  EXPECT_EQ(two.serves(), kAtNode2);
}

// The maps have frontends in place of node ports, and members that are not this node's.
TEST(Vantage, TheMapsComeBackAsTheSourceSaidThem) {
  Here one("node-1");
  one.hears(std::string(kAlbum) + kNodes);
  MemoryDataplane maps(capacity_for(64, 64));
  auto planner = Planner::adopt(Image{}, maps.capacity(), one.from());
  ASSERT_TRUE(maps.apply(*planner->plan({1, one.catalog.all()})));
  const Restored restored = restore(maps.image(), std::nullopt, "node-1");
  const GuardMemory& memory = restored.sources.at("kube");
  ASSERT_THAT(memory.services, SizeIs(1));
  EXPECT_EQ(*memory.services[0].admitted, *one.guard.memory().services[0].admitted);
  ASSERT_THAT(memory.nodes, SizeIs(1)) << "this one, by where its node ports are";
  EXPECT_EQ(memory.nodes.at("node-1").addresses.at(0).to_string(), "192.0.2.1");
  Here again("node-1");
  again.guard.restore(memory, kStart);
  EXPECT_THAT(again.hears(std::string(kAlbum) + kNodes), IsEmpty());
  EXPECT_THAT(again.guard.holds(), IsEmpty());
}

TEST(Vantage, ANodeThatIsNotListedKeepsItsAddresses) {
  Here one("node-1");
  one.hears(std::string(kAlbum) + kNodes);
  one.hears(kAlbum);
  EXPECT_EQ(one.serves(), kAtNode1) << "absence explains nothing";
  SourceUpdate gone;
  gone.nodes = {{"node-1", std::nullopt}};
  one.guard.admit(gone, kStart);
  one.catalog.place("kube", addresses_of(one.guard.nodes(), "node-1"));
  EXPECT_THAT(one.serves(), SizeIs(2)) << "an event does";
}

}  // namespace
}  // namespace holdfast
