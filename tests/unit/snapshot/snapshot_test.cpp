// SPDX-License-Identifier: Apache-2.0
// Encoding: everything comes back; nothing damaged is ever trusted.
#include "agent/snapshot/snapshot.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <memory>

#include "tests/unit/builders.h"
#include "tests/unit/snapshot/sealed.h"

namespace holdfast {
namespace {

bool equal(const Snapshot& a, const Snapshot& b) {
  const auto entries = [](const GuardMemory::Entry& one, const GuardMemory::Entry& other) {
    return *one.admitted == *other.admitted && one.absent == other.absent &&
           one.rejected == other.rejected;
  };
  const auto sources = [&](const Snapshot::SourceMemory& one, const Snapshot::SourceMemory& other) {
    return one.name == other.name && one.source_memory == other.source_memory &&
           one.cluster == other.cluster && one.memory.nodes == other.memory.nodes &&
           one.memory.services.size() == other.memory.services.size() &&
           std::equal(one.memory.services.begin(), one.memory.services.end(),
                      other.memory.services.begin(), other.memory.services.end(), entries);
  };
  const auto tombstones = [](const Tombstone& one, const Tombstone& other) {
    return one.key == other.key && one.source == other.source;
  };
  return a.generation == b.generation && a.written_at == b.written_at && a.node == b.node &&
         a.imported_from == b.imported_from && a.sources.size() == b.sources.size() &&
         a.tombstones.size() == b.tombstones.size() &&
         std::equal(a.sources.begin(), a.sources.end(), b.sources.begin(), b.sources.end(),
                    sources) &&
         std::equal(a.tombstones.begin(), a.tombstones.end(), b.tombstones.begin(),
                    b.tombstones.end(), tombstones);
}

template <class Integer>
Integer any() {
  return *rc::gen::arbitrary<Integer>();
}

// A short text out of few, or any bytes at all.
std::string any_text() {
  if (*rc::gen::inRange(0, 3) == 0) return any<std::string>();
  return *rc::gen::element<std::string>("", "default", "node-1", "catalog.yaml");
}

Endpoint any_endpoint() {
  Endpoint endpoint;
  for (auto& byte : endpoint.address.bytes) byte = any<std::uint8_t>();
  for (auto& byte : endpoint.identity.bytes) byte = any<std::uint8_t>();
  endpoint.port = any<std::uint16_t>();
  endpoint.weight = any<std::uint16_t>();
  endpoint.ready = any<bool>();
  endpoint.serving = any<bool>();
  endpoint.terminating = any<bool>();
  endpoint.held = any<bool>();
  endpoint.doubted = any<bool>();
  endpoint.node = Text(any_text());
  endpoint.zone = Text(any_text());
  endpoint.origin = Text(any_text());
  return endpoint;
}

Pool any_pool() {
  Pool pool;
  pool.port_name = any_text();
  pool.service_port = any<std::uint16_t>();
  pool.protocol = *rc::gen::element(Protocol::tcp, Protocol::udp, Protocol::sctp);
  pool.family = *rc::gen::element<std::uint8_t>(4, 6);
  for (int left = *rc::gen::inRange(0, 3); left > 0; --left) {
    Frontend frontend;
    for (auto& byte : frontend.address.bytes) byte = any<std::uint8_t>();
    frontend.port = any<std::uint16_t>();
    frontend.kind = *rc::gen::element(FrontendKind::cluster_ip, FrontendKind::external_ip,
                                      FrontendKind::load_balancer);
    pool.frontends.push_back(frontend);
  }
  std::sort(pool.frontends.begin(), pool.frontends.end());
  pool.node_port = *rc::gen::element<std::uint16_t>(0, 0, 30080);
  pool.traffic = *rc::gen::element(TrafficPolicy::cluster, TrafficPolicy::local);
  for (int left = *rc::gen::inRange(0, 4); left > 0; --left)
    pool.endpoints.push_back(any_endpoint());
  std::sort(pool.endpoints.begin(), pool.endpoints.end(), before_in_order);
  return pool;
}

GuardMemory::Entry any_entry() {
  Service service;
  service.key = {any_text(), any_text()};
  service.created_at = any<std::int64_t>();
  service.origin = Text(any_text());
  service.policy.no_endpoints = static_cast<hf_no_endpoints>(*rc::gen::inRange(0, 3));
  service.policy.guard = *rc::gen::element(GuardMode::hold, GuardMode::trust);
  for (int left = *rc::gen::inRange(0, 3); left > 0; --left) service.pools.push_back(any_pool());
  return {std::make_shared<const Service>(std::move(service)), any<bool>(), any<bool>()};
}

Node any_node() {
  Node node{any_text(), any_text(), Text(any_text()), {}};
  for (int left = *rc::gen::inRange(0, 3); left > 0; --left)
    node.addresses.push_back(any_endpoint().address);
  return node;
}

Snapshot any_snapshot() {
  Snapshot snapshot;
  snapshot.generation = any<std::uint64_t>();
  snapshot.written_at = any<std::int64_t>();
  snapshot.node = any_text();
  snapshot.imported_from = any_text();
  for (int left = *rc::gen::inRange(0, 3); left > 0; --left) {
    snapshot.sources.push_back({any_text(), {}, any_text(), any_text()});
    for (int entries = *rc::gen::inRange(0, 4); entries > 0; --entries)
      snapshot.sources.back().memory.services.push_back(any_entry());
    for (int nodes = *rc::gen::inRange(0, 3); nodes > 0; --nodes) {
      Node node = any_node();
      snapshot.sources.back().memory.nodes[node.name] = node;
    }
  }
  for (int left = *rc::gen::inRange(0, 3); left > 0; --left)
    snapshot.tombstones.push_back({{any_text(), any_text()}, any_text()});
  return snapshot;
}

// Two services, both families, a held endpoint, a whole service held, a tombstone.
Snapshot real() {
  Endpoint held = build::endpoint("10.1.0.2", "0f4d2c1e-1111-4222-8333-444455556666");
  held.held = true;
  held.node = Text("node-1");
  held.zone = Text("zone-a");
  held.origin = Text("catalog.yaml");
  const auto song =
      build::service("song",
                     {build::pool({"10.96.0.1"}, {build::endpoint("10.1.0.1", "uid-1", 7), held}),
                      build::pool({"fd96::1"}, {build::endpoint("fd77::1")})},
                     1700000000);
  Snapshot snapshot;
  snapshot.generation = 4711;
  snapshot.written_at = 1700000001;
  snapshot.sources = {
      {"kube", {{{song, false, false}}}},
      {"file", {{{build::service("image", {"10.96.0.2"}, {}), true, true}}}},
  };
  snapshot.tombstones = {{{"default", "artist"}, "kube"}};
  return snapshot;
}

TEST(Snapshot, ComesBackWhole) {
  const auto decoded = decode(encode(real()));
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_TRUE(equal(*decoded, real()));
}

TEST(Snapshot, TheTrafficPolicyOfEachPoolComesBack) {
  Pool local =
      build::pool({"10.96.0.1"}, {build::endpoint("10.1.0.1"), build::endpoint("10.1.0.2")});
  local.traffic = TrafficPolicy::local;
  local.endpoints[0].node = Text("node-2");
  Pool all = build::pool({"203.0.113.7"}, {build::endpoint("10.1.0.1")});
  all.frontends[0].kind = FrontendKind::external_ip;
  Snapshot snapshot = real();
  snapshot.sources = {{"kube", {{{build::service("song", {all, local}), false, false}}}}};
  const auto decoded = decode(encode(snapshot));
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(*decoded->sources[0].memory.services[0].admitted,
            *snapshot.sources[0].memory.services[0].admitted);
}

TEST(Snapshot, TheSameContentIsTheSameBytes) {
  EXPECT_EQ(encode(real()), encode(*decode(encode(real()))));
}

RC_GTEST_PROP(Snapshot, AnySnapshotComesBackWhole, ()) {
  const Snapshot snapshot = any_snapshot();
  const auto decoded = decode(encode(snapshot));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(equal(*decoded, snapshot));
}

TEST(Snapshot, EveryFlippedByteIsRefused) {
  const std::string good = encode(real());
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ flip);
      const auto decoded = decode(bad);
      ASSERT_FALSE(decoded) << "byte " << at << " ^ " << flip;
      ASSERT_EQ(decoded.error().code, Errc::invalid) << decoded.error().what;
    }
  }
}

TEST(Snapshot, EveryCutAndEveryAdditionIsRefused) {
  const std::string good = encode(real());
  for (std::size_t length = 0; length < good.size(); ++length) {
    ASSERT_FALSE(decode(std::string_view(good).substr(0, length))) << length << " bytes";
  }
  EXPECT_FALSE(decode(good + '\0'));
  EXPECT_FALSE(decode(good + good));
}

// A checksum does not protect from a writer's bug, nor from who can compute one: no read past the
// end (run under ASan too), no huge allocation, and never a service that is not there.
TEST(Snapshot, DamageUnderARightChecksumNeverCrashes) {
  const std::string good = encode(real());
  std::size_t refused = 0;
  for (std::size_t at = 0; at + 32 < good.size(); ++at) {
    for (const int value : {0x00, 0x7f, 0xff}) {
      std::string bad = good;
      bad[at] = static_cast<char>(value);
      const auto decoded = decode(sealed(bad));
      refused += !decoded;
      if (!decoded) continue;
      for (const auto& source : decoded->sources) {
        for (const auto& entry : source.memory.services) ASSERT_NE(entry.admitted, nullptr);
      }
    }
    const auto cut = decode(sealed(good.substr(0, at + 32)));
    ASSERT_FALSE(cut) << "cut at " << at;
  }
  EXPECT_GT(refused, 0u);
}

// Found by the fuzz target: such a value went on into the catalog.
TEST(Snapshot, AValueThatNoEnumeratorHasIsDamage) {
  const auto refuse = [](const char* what, const std::function<void(Service&)>& change) {
    Service service;
    service.key = {"default", "song"};
    service.pools.resize(1);
    service.pools[0].frontends.resize(1);
    Snapshot snapshot;
    snapshot.sources = {{"kube", {{{std::make_shared<const Service>(service)}}}}};
    ASSERT_TRUE(decode(encode(snapshot)));
    change(service);
    snapshot.sources[0].memory.services[0].admitted = std::make_shared<const Service>(service);
    const auto decoded = decode(encode(snapshot));
    ASSERT_FALSE(decoded) << what;
    EXPECT_EQ(decoded.error().code, Errc::invalid) << what;
  };
  refuse("family", [](Service& one) { one.pools[0].family = 5; });
  refuse("protocol", [](Service& one) { one.pools[0].protocol = static_cast<Protocol>(1); });
  refuse("kind",
         [](Service& one) { one.pools[0].frontends[0].kind = static_cast<FrontendKind>(9); });
  refuse("guard", [](Service& one) { one.policy.guard = static_cast<GuardMode>(2); });
  refuse("no_endpoints", [](Service& one) {
    one.policy.no_endpoints = static_cast<hf_no_endpoints>(HF_EMPTY_UNREACHABLE + 1);
  });
}

TEST(Snapshot, AnotherFormatIsSaidToBeIncompatibleAndNotDamaged) {
  std::string other = encode(real());
  other[8] = 9;  // the format version stands after the magic
  const auto decoded = decode(sealed(other));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Errc::incompatible);
  EXPECT_NE(decoded.error().what.find("format 9.2, this version reads 1 to 3"), std::string::npos)
      << decoded.error().what;
}

}  // namespace
}  // namespace holdfast
