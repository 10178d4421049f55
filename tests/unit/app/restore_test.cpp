// SPDX-License-Identifier: Apache-2.0
// What a new life starts from: the later of maps and snapshot, service by service.
#include "agent/app/restore.h"

#include <gtest/gtest.h>

#include "agent/dataplane/memory.h"
#include "agent/plan/planner.h"

namespace holdfast {
namespace {

Endpoint endpoint(const char* address) {
  Endpoint result;
  result.address = *IpAddress::parse(address);
  result.port = 8080;
  return result;
}

ServicePtr service(const char* name, const char* frontend, std::vector<Endpoint> endpoints) {
  Service result;
  result.key = {"default", name};
  result.origin = Text("catalog.yaml");
  Pool pool;
  pool.service_port = 80;
  pool.frontends = {{*IpAddress::parse(frontend), 80, FrontendKind::cluster_ip, false}};
  pool.endpoints = std::move(endpoints);
  result.pools = {pool};
  return std::make_shared<const Service>(std::move(result));
}

Image image_of(std::uint64_t number, const std::vector<ServicePtr>& services) {
  MemoryDataplane maps(capacity_for(64, 64));
  auto planner = Planner::adopt(Image{}, maps.capacity());
  Generation generation{number, {}};
  for (const auto& one : services) generation.changes.push_back({one->key, one, "file"});
  EXPECT_TRUE(maps.apply(*planner->plan(generation)));
  return *maps.observe();
}

Snapshot snapshot_of(std::uint64_t number, const std::vector<ServicePtr>& services) {
  Snapshot snapshot;
  snapshot.generation = number;
  snapshot.sources.push_back({"file", {}});
  for (const auto& one : services)
    snapshot.sources[0].memory.services.push_back({one, false, false});
  return snapshot;
}

TEST(Restore, NothingAnywhereStartsAtZero) {
  const Restored restored = restore(Image{}, std::nullopt);
  EXPECT_EQ(restored.generation, 0u);
  EXPECT_TRUE(restored.sources.empty());
}

TEST(Restore, EmptyMapsTakeTheSnapshot) {
  const auto song = service("song", "10.96.0.1", {endpoint("10.1.0.1")});
  const Restored restored = restore(Image{}, snapshot_of(7, {song}));
  EXPECT_EQ(restored.generation, 7u);
  ASSERT_EQ(restored.sources.at("file").services.size(), 1u);
  EXPECT_EQ(restored.sources.at("file").services[0].admitted, song);
}

TEST(Restore, NewerMapsWinOverAnOlderSnapshot) {
  const auto before = service("song", "10.96.0.1", {endpoint("10.1.0.1")});
  const auto after = service("song", "10.96.0.1", {endpoint("10.1.0.2")});
  const Restored restored = restore(image_of(9, {after}), snapshot_of(7, {before}));
  EXPECT_EQ(restored.generation, 9u);
  EXPECT_EQ(restored.from_maps, 1u);
  const Service& kept = *restored.sources.at("file").services.at(0).admitted;
  ASSERT_EQ(kept.pools.at(0).endpoints.size(), 1u);
  EXPECT_EQ(kept.pools[0].endpoints[0].address.to_string(), "10.1.0.2");
  EXPECT_EQ(kept.origin.get(), "catalog.yaml") << "the maps do not know origins; the snapshot does";
}

TEST(Restore, AServiceRemovedAfterTheSnapshotStaysRemoved) {
  const auto song = service("song", "10.96.0.1", {endpoint("10.1.0.1")});
  const auto artist = service("artist", "10.96.0.2", {endpoint("10.1.0.2")});
  const Restored restored = restore(image_of(9, {song}), snapshot_of(7, {song, artist}));
  ASSERT_EQ(restored.sources.at("file").services.size(), 1u);
  EXPECT_EQ(restored.sources.at("file").services[0].admitted->key.name, "song");
}

TEST(Restore, ANewerSnapshotIsNotOverwrittenByOlderMaps) {
  const auto before = service("song", "10.96.0.1", {endpoint("10.1.0.1")});
  const auto after = service("song", "10.96.0.1", {endpoint("10.1.0.2")});
  const Restored restored = restore(image_of(5, {before}), snapshot_of(7, {after}));
  EXPECT_EQ(restored.generation, 7u);
  EXPECT_EQ(restored.sources.at("file").services.at(0).admitted, after);
}

TEST(Restore, TheMapsSayWhoSitsOnAFrontend) {
  const auto song = service("song", "10.96.0.1", {endpoint("10.1.0.1")});
  const Restored restored = restore(image_of(7, {song}), snapshot_of(7, {song}));
  ASSERT_EQ(restored.sitting.size(), 1u);
  EXPECT_EQ(restored.sitting[0].owner, song->key);
  EXPECT_EQ(restored.sitting[0].frontend.address.to_string(), "10.96.0.1");
}

}  // namespace
}  // namespace holdfast
