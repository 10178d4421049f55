// SPDX-License-Identifier: Apache-2.0
// Services of a source that the configuration does not name any more: who takes them over, when
// they leave, and whose addresses they give up.
#include "agent/app/gone_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/dataplane/memory.h"
#include "agent/plan/planner.h"
#include "tests/unit/builders.h"

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const TimePoint kStart{1h};
const ServiceKey kOld{"default", "old"}, kSong{"default", "song"};

ServicePtr backed(const char* name, const std::vector<std::pair<const char*, const char*>>& pods) {
  std::vector<Endpoint> endpoints;
  for (const auto& [address, uid] : pods) endpoints.push_back(build::endpoint(address, uid));
  return build::service(name, {build::pool({"10.96.0.1"}, std::move(endpoints))});
}

Image maps_with(const std::vector<CatalogChange>& changes) {
  MemoryDataplane maps(capacity_for(64, 64));
  auto planner = Planner::adopt(Image{}, maps.capacity());
  EXPECT_TRUE(maps.apply(*planner->plan({5, changes})));
  return *maps.observe();
}

Snapshot snapshot_of(const std::string& source, const std::vector<ServicePtr>& services) {
  Snapshot snapshot;
  snapshot.generation = 7;
  snapshot.sources.push_back({source, {}, "the way", "a cluster"});
  for (const auto& one : services)
    snapshot.sources[0].memory.services.push_back({one, false, false});
  return snapshot;
}

GoneSources gone_after(const std::optional<Snapshot>& snapshot,
                       const std::set<std::string>& configured = {"files"}, const Image& found = {},
                       TimePoint now = kStart) {
  Restored restored = restore(found, snapshot);
  GoneSources gone;
  gone.take(restored, found, snapshot, configured, "node-1", now);
  for (const auto& [name, memory] : restored.sources)
    EXPECT_TRUE(configured.contains(name)) << name;
  return gone;
}

std::vector<std::string> lines(const GoneSources::Changes& changes) {
  std::vector<std::string> result;
  for (const auto& [source, services] : changes) {
    for (const Admitted& one : services) {
      EXPECT_FALSE(one.explained_delete) << "a tombstone would mask no one, and for ever";
      std::string line = source + " " + one.key.name;
      if (!one.now) line += " gone";
      if (one.now) {
        for (const Endpoint& endpoint : one.now->pools.at(0).endpoints)
          line += " " + endpoint.address.to_string();
      }
      result.push_back(line);
    }
  }
  return result;
}

std::vector<Admitted> lists(const ServicePtr& service) {
  return {{service->key, service, false}};
}

TEST(GoneSources, AConfiguredSourceIsNone) {
  const auto song = backed("song", {{"10.1.0.1", "u1"}});
  EXPECT_TRUE(gone_after(snapshot_of("files", {song})).empty());
  EXPECT_TRUE(gone_after(std::nullopt, {"files"}, maps_with({{song->key, song, "files"}})).empty());
}

TEST(GoneSources, AreFoundInTheSnapshotAndInTheMaps) {
  const auto song = backed("song", {{"10.1.0.1", "u1"}}), old = backed("old", {{"10.1.0.2", "u2"}});
  const auto of_file = gone_after(snapshot_of("file", {song}));
  EXPECT_THAT(lines(of_file.all()), ElementsAre("file song 10.1.0.1"));
  // A version that did not look for such left it in the maps, and in no file that is newer.
  const auto of_maps = gone_after(snapshot_of("file", {song}), {"files"},
                                  maps_with({{old->key, old, "older"}, {song->key, song, "file"}}));
  EXPECT_THAT(lines(of_maps.all()), ElementsAre("file song 10.1.0.1", "older old 10.1.0.2"));
}

TEST(GoneSources, WhatAConfiguredSourceListsIsItsOwn) {
  const auto song = backed("song", {{"10.1.0.1", "u1"}}), old = backed("old", {{"10.1.0.2", "u2"}});
  Snapshot snapshot = snapshot_of("file", {song, old});
  snapshot.sources.push_back({"files", {}});
  snapshot.sources[1].memory.services.push_back({song, false, false});
  auto gone = gone_after(snapshot);
  EXPECT_THAT(lines(gone.all()), ElementsAre("file old 10.1.0.2")) << "already in the life before";
  EXPECT_THAT(lines(gone.taken_over(lists(song))), IsEmpty());
  EXPECT_THAT(lines(gone.taken_over({{old->key, nullptr, true}})), IsEmpty()) << "not a listing";
  EXPECT_THAT(lines(gone.taken_over(lists(old))), ElementsAre("file old gone"));
  EXPECT_TRUE(gone.empty());
}

TEST(GoneSources, LeaveWhenTheGraceIsOver) {
  auto gone = gone_after(snapshot_of("file", {backed("old", {{"10.1.0.2", "u2"}})}));
  EXPECT_EQ(gone.next_deadline(), kStart + GoneSources::kGrace);
  EXPECT_EQ(gone.rows(kStart + 1s).at(0).left, GoneSources::kGrace - 1s);
  EXPECT_THAT(lines(gone.expire(kStart + GoneSources::kGrace - 1s)), IsEmpty());
  EXPECT_THAT(lines(gone.expire(kStart + GoneSources::kGrace)), ElementsAre("file old gone"));
  EXPECT_TRUE(gone.empty());
  EXPECT_EQ(gone.next_deadline(), std::nullopt);
}

// Neither the time in which no daemon ran nor a new life's clock counts: only what was served.
TEST(GoneSources, TheGraceGoesOnWhereTheLifeBeforeLeftIt) {
  Snapshot snapshot = snapshot_of("file", {backed("old", {{"10.1.0.2", "u2"}})});
  for (const auto& [spent, left] : {std::pair{200s, 400s}, {399s, 1s}, {5s, 0s}}) {
    const TimePoint now{72h};
    const auto gone = gone_after(snapshot, {"files"}, {}, now);
    Snapshot next;
    next.generation = 8;
    gone.put(next, now + spent);
    ASSERT_EQ(next.gone.size(), 1u);
    EXPECT_EQ(next.gone[0].seconds_left, left.count());
    ASSERT_EQ(next.sources.size(), 1u);
    EXPECT_EQ(next.sources[0].name, "file");
    EXPECT_EQ(next.sources[0].source_memory, "the way") << "for the case that it is put back";
    EXPECT_EQ(next.sources[0].cluster, "a cluster");
    EXPECT_EQ(next.sources[0].memory.services.size(), 1u);
    snapshot = next;
  }
  auto last = gone_after(snapshot);
  EXPECT_THAT(lines(last.expire(kStart)), ElementsAre("file old gone"));
}

TEST(GoneSources, LeaveAtOnceByAnOperatorsWord) {
  auto gone = gone_after(snapshot_of("file", {backed("old", {{"10.1.0.2", "u2"}})}));
  EXPECT_EQ(gone.leave("files"), std::nullopt);
  const auto left = gone.leave("file");
  ASSERT_TRUE(left);
  EXPECT_THAT(lines(*left), ElementsAre("file old gone"));
  EXPECT_EQ(gone.leave("file"), std::nullopt);
}

struct ClaimCase {
  const char* what;
  std::vector<AddressClaim> claims;
  bool leaves;
};

AddressClaim claim(const char* uid, std::uint16_t port, const char* address = "10.1.0.2") {
  return {*IpAddress::parse(address), port, Identity::from_text(uid)};
}

TEST(GoneSources, AnAddressThatIsAnothersByNowIsGivenUp) {
  const ClaimCase cases[] = {
      {"nobody else", {}, false},
      {"itself", {claim("u2", 8080)}, false},
      {"another pod", {claim("u9", 8080)}, true},
      {"another pod, and itself not heard of", {claim("u9", 8080), claim("u2", 9090)}, true},
      {"another port", {claim("u9", 9090)}, true},
      {"a headless slice, which names no port", {claim("u9", 0)}, true},
      {"another port, while it is claimed too", {claim("u9", 9090), claim("u2", 8081)}, false},
      {"ports of several at a node's address", {claim("u8", 9090), claim("u9", 9091)}, false},
      {"a claim without identity", {claim("", 8080)}, false},
      {"another address", {claim("u9", 8080, "10.1.0.3")}, false}};
  for (const ClaimCase& one : cases) {
    auto gone =
        gone_after(snapshot_of("file", {backed("old", {{"10.1.0.1", "u1"}, {"10.1.0.2", "u2"}})}));
    const auto changes = lines(gone.claimed(one.claims));
    if (one.leaves)
      EXPECT_THAT(changes, ElementsAre("file old 10.1.0.1")) << one.what;
    else
      EXPECT_THAT(changes, IsEmpty()) << one.what;
  }
}

TEST(GoneSources, AServiceLeavesWithItsLastEndpoint) {
  auto gone = gone_after(snapshot_of("file", {backed("old", {{"10.1.0.2", "u2"}})}));
  EXPECT_THAT(lines(gone.claimed({claim("u9", 8080)})), ElementsAre("file old gone"));
  EXPECT_TRUE(gone.empty());
}

TEST(GoneSources, AreAskedOnlyAboutTheirOwnAddresses) {
  auto gone = gone_after(snapshot_of("file", {backed("old", {{"10.1.0.2", "u2"}})}));
  EXPECT_FALSE(gone.contested(lists(backed("new", {{"10.1.0.3", "u9"}})), {}));
  EXPECT_FALSE(gone.contested(lists(backed("new", {{"10.1.0.2", "u2"}})), {})) << "itself";
  EXPECT_FALSE(gone.contested(lists(backed("new", {{"10.1.0.2", ""}})), {})) << "nobody's";
  EXPECT_TRUE(gone.contested(lists(backed("new", {{"10.1.0.2", "u9"}})), {}));
  EXPECT_TRUE(gone.contested({}, {claim("u9", 0)}));
  EXPECT_FALSE(gone.contested({{kOld, nullptr, true}}, {}));
}

}  // namespace
}  // namespace holdfast
