// SPDX-License-Identifier: Apache-2.0
// Which source wins, what a deletion masks, and what a generation lists.
#include "agent/catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/builders.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ServicePtr song(const char* endpoint) {
  return build::service("song", {"10.96.0.1"}, {endpoint});
}

std::vector<Admitted> says(ServicePtr service) {
  const ServiceKey key = service->key;
  return {{key, std::move(service), false}};
}

std::vector<Admitted> loses(const char* name, bool explained) {
  return {{{"default", name}, nullptr, explained}};
}

// "name source endpoint", or "name source gone".
std::vector<std::string> lines(const std::vector<CatalogChange>& changes) {
  std::vector<std::string> result;
  for (const CatalogChange& change : changes) {
    std::string line = change.key.name + " " + change.source + " ";
    if (!change.now) line += "gone";
    if (change.now) line += change.now->pools.at(0).endpoints.at(0).address.to_string();
    result.push_back(line);
  }
  return result;
}

Catalog three() {
  return Catalog({{"kube"}, {"xds"}, {"disaster"}}, 41);
}

TEST(Catalog, StartsAfterTheNumberOfTheLifeBefore) {
  Catalog catalog = three();
  EXPECT_EQ(catalog.number(), 41u);
  EXPECT_EQ(catalog.apply("kube", says(song("10.1.0.1"))).number, 42u);
  EXPECT_EQ(catalog.number(), 42u);
}

// The maps name the source of a service, and a new life asks them whose it is.
TEST(Catalog, AnotherSourcesWordOfTheSameContentIsAChange) {
  Catalog catalog = three();
  catalog.apply("disaster", says(song("10.1.0.1")));
  EXPECT_THAT(lines(catalog.apply("kube", says(song("10.1.0.1"))).changes),
              ElementsAre("song kube 10.1.0.1"));
  EXPECT_THAT(catalog.apply("disaster", loses("song", false)).changes, IsEmpty());
}

TEST(Catalog, WhatDoesNotChangeMakesNoGeneration) {
  Catalog catalog = three();
  catalog.apply("kube", says(song("10.1.0.1")));
  const Generation again = catalog.apply("kube", says(song("10.1.0.1")));
  EXPECT_THAT(again.changes, IsEmpty()) << "equal by value, another pointer";
  EXPECT_EQ(again.number, 42u);
  EXPECT_THAT(catalog.apply("kube", loses("never-known", true)).changes, IsEmpty());
  EXPECT_EQ(catalog.number(), 42u);
}

TEST(Catalog, ASourceThatIsNotConfiguredSaysNothing) {
  Catalog catalog = three();
  EXPECT_THAT(catalog.apply("stranger", says(song("10.1.0.1"))).changes, IsEmpty());
  EXPECT_THAT(catalog.all(), IsEmpty());
}

TEST(Catalog, AGenerationListsWhatChangedSortedByKeyAndNothingElse) {
  Catalog catalog = three();
  const auto artist = build::service("artist", {"10.96.0.2"}, {"10.1.0.2"});
  const auto image = build::service("image", {"10.96.0.3"}, {"10.1.0.3"});
  const Generation first = catalog.apply("kube", {{song("10.1.0.1")->key, song("10.1.0.1"), false},
                                                  {image->key, image, false},
                                                  {artist->key, artist, false}});
  EXPECT_THAT(lines(first.changes),
              ElementsAre("artist kube 10.1.0.2", "image kube 10.1.0.3", "song kube 10.1.0.1"));
  const Generation second = catalog.apply("kube", says(song("10.1.0.9")));
  EXPECT_THAT(lines(second.changes), ElementsAre("song kube 10.1.0.9"));
  EXPECT_EQ(catalog.all().size(), 3u);
}

TEST(Catalog, AnUnchangedServiceIsTheSamePointer) {
  Catalog catalog = three();
  const ServicePtr value = song("10.1.0.1");
  catalog.apply("kube", says(value));
  EXPECT_EQ(catalog.all().at(0).now, value) << "shared, not copied: the cost follows the change";
}

TEST(Precedence, TheBetterSourceWinsWhicheverSpeaksFirst) {
  for (const bool better_first : {true, false}) {
    Catalog catalog = three();
    const auto better = [&] { return catalog.apply("kube", says(song("10.1.0.1"))); };
    const auto worse = [&] { return catalog.apply("xds", says(song("10.2.0.1"))); };
    if (better_first) {
      better();
      EXPECT_THAT(worse().changes, IsEmpty());
    } else {
      worse();
      EXPECT_THAT(lines(better().changes), ElementsAre("song kube 10.1.0.1"));
    }
    EXPECT_THAT(lines(catalog.all()), ElementsAre("song kube 10.1.0.1"));
  }
}

TEST(Precedence, AFallbackContributesWhatItsBettersNeverKnew) {
  Catalog catalog = three();
  catalog.apply("kube", says(song("10.1.0.1")));
  catalog.apply("disaster", says(song("10.3.0.1")));
  catalog.apply("disaster", says(build::service("image", {"10.96.0.3"}, {"10.3.0.3"})));
  EXPECT_THAT(lines(catalog.all()), ElementsAre("image disaster 10.3.0.3", "song kube 10.1.0.1"));
}

TEST(Precedence, WhatTheBetterLosesWithoutExplanationFallsToTheNext) {
  Catalog catalog = three();
  catalog.apply("kube", says(song("10.1.0.1")));
  catalog.apply("xds", says(song("10.2.0.1")));
  const Generation fallen = catalog.apply("kube", loses("song", false));
  EXPECT_THAT(lines(fallen.changes), ElementsAre("song xds 10.2.0.1"));
  EXPECT_THAT(catalog.tombstones(), IsEmpty());
}

TEST(Tombstone, AnExplainedDeleteMasksTheSourcesBelow) {
  Catalog catalog = three();
  catalog.apply("disaster", says(song("10.3.0.1")));
  catalog.apply("kube", says(song("10.1.0.1")));
  EXPECT_THAT(lines(catalog.apply("kube", loses("song", true)).changes),
              ElementsAre("song kube gone"));
  EXPECT_THAT(catalog.all(), IsEmpty());
  EXPECT_THAT(catalog.apply("xds", says(song("10.2.0.1"))).changes, IsEmpty());
  ASSERT_EQ(catalog.tombstones().size(), 1u);
  EXPECT_EQ(catalog.tombstones()[0].source, "kube");
  EXPECT_EQ(catalog.tombstones()[0].key.to_string(), "default/song");
}

TEST(Tombstone, GoesWhenItsOwnSourceOrABetterOneListsTheServiceAgain) {
  Catalog catalog = three();
  catalog.apply("disaster", says(song("10.3.0.1")));
  catalog.apply("xds", loses("song", true));
  EXPECT_THAT(catalog.all(), IsEmpty());
  EXPECT_THAT(lines(catalog.apply("kube", says(song("10.1.0.1"))).changes),
              ElementsAre("song kube 10.1.0.1"));
  EXPECT_THAT(catalog.tombstones(), IsEmpty());
}

TEST(Tombstone, DoesNotMaskABetterSource) {
  Catalog catalog = three();
  catalog.apply("kube", says(song("10.1.0.1")));
  EXPECT_THAT(catalog.apply("xds", loses("song", true)).changes, IsEmpty());
  EXPECT_THAT(lines(catalog.all()), ElementsAre("song kube 10.1.0.1"));
}

TEST(Tombstone, ADeleteByALesserSourceDoesNotWeakenABetterOnes) {
  Catalog catalog = three();
  catalog.apply("kube", says(song("10.1.0.1")));
  catalog.apply("xds", says(song("10.2.0.1")));
  catalog.apply("kube", loses("song", true));
  catalog.apply("xds", loses("song", true));
  catalog.apply("xds", says(song("10.2.0.1")));
  EXPECT_THAT(catalog.all(), IsEmpty()) << "kube deleted it, and has not listed it again";
}

TEST(Tombstone, TheLowestSourceLeavesNone) {
  Catalog catalog = three();
  catalog.apply("disaster", says(song("10.3.0.1")));
  catalog.apply("disaster", loses("song", true));
  EXPECT_THAT(catalog.tombstones(), IsEmpty());
}

TEST(Tombstone, SurvivesARestartButNotTheRemovalOfItsSourceFromTheConfiguration) {
  Catalog before = three();
  before.apply("kube", says(song("10.1.0.1")));
  before.apply("kube", loses("song", true));
  Catalog after = three();
  after.restore(before.tombstones());
  EXPECT_THAT(after.apply("disaster", says(song("10.3.0.1"))).changes, IsEmpty());
  Catalog without({{"xds"}, {"disaster"}}, 50);
  without.restore(before.tombstones());
  EXPECT_THAT(lines(without.apply("disaster", says(song("10.3.0.1"))).changes),
              ElementsAre("song disaster 10.3.0.1"));
}

// What a change costs is what it is: the services with node ports, and nothing else.
TEST(NodePorts, AreFrontendsAtTheAddressesOfThisNode) {
  Catalog catalog = three();
  Service song = *build::service("song", {"10.96.0.1"}, {"10.1.0.1"});
  song.pools[0].node_port = 30080;
  const auto plain = build::service("image", {"10.96.0.2"}, {"10.1.0.2"});
  catalog.apply("kube", {{song.key, std::make_shared<const Service>(song), false},
                         {plain->key, plain, false}});
  const auto frontends = [](const Generation& generation) {
    std::vector<std::string> result;
    for (const CatalogChange& one : generation.changes) {
      for (const Frontend& at : one.now->pools[0].frontends)
        result.push_back(format_host_port(at.address, at.port));
    }
    return result;
  };
  const auto at = [](const char* address) { return *IpAddress::parse(address); };
  EXPECT_THAT(frontends(catalog.place("kube", {at("192.0.2.1"), at("2001:db8::1")})),
              testing::ElementsAre("10.96.0.1:80", "127.0.0.1:30080", "192.0.2.1:30080"));
  EXPECT_THAT(catalog.place("kube", {at("192.0.2.1"), at("2001:db8::1")}).changes,
              testing::IsEmpty());
  EXPECT_THAT(frontends(catalog.place("kube", {at("192.0.2.9")})),
              testing::ElementsAre("10.96.0.1:80", "127.0.0.1:30080", "192.0.2.9:30080"));
  // They are claimed like any other address.
  Service thief = *build::service("thief", {"192.0.2.9"}, {"10.1.0.3"});
  thief.pools[0].frontends[0] = {at("192.0.2.9"), 30080, FrontendKind::external_ip, false};
  catalog.apply("kube", {{thief.key, std::make_shared<const Service>(thief), false}});
  ASSERT_THAT(catalog.conflicts(), testing::SizeIs(1));
  EXPECT_EQ(catalog.conflicts()[0].owner, song.key);
  catalog.place("kube", {});
  EXPECT_THAT(catalog.conflicts(), testing::IsEmpty()) << "the address is this node's no more";
}

// "10.1.0.1 taken_over", of the one change there is.
std::vector<std::string> left(const Generation& generation) {
  std::vector<std::string> result;
  for (const Departure& one : generation.changes.at(0).left)
    result.push_back(one.address.to_string() + " " + std::string(to_string(one.why)));
  return result;
}

TEST(Catalog, SaysWhoLeftAndWhy) {
  Catalog catalog = three();
  EXPECT_THAT(left(catalog.apply("disaster", says(song("10.1.0.1")))), IsEmpty());
  EXPECT_THAT(left(catalog.apply("kube", says(song("10.1.0.2")))),
              ElementsAre("10.1.0.1 taken_over"));
  auto next = says(song("10.1.0.3"));
  const Endpoint second = song("10.1.0.2")->pools.at(0).endpoints.at(0);
  next[0].left = {{second.address, second.port, Protocol::tcp, Ruling::named}};
  EXPECT_THAT(left(catalog.apply("kube", next)), ElementsAre("10.1.0.2 named"));
  // The fallback's word counts again, and has the first one only.
  EXPECT_THAT(left(catalog.apply("kube", loses("song", false))),
              ElementsAre("10.1.0.3 taken_over"));
  EXPECT_THAT(left(catalog.apply("disaster", loses("song", false))),
              ElementsAre("10.1.0.1 source_gone"));
}

// What another source's guard let go was not served: nobody left.
TEST(Catalog, NobodyLeavesWhoWasNotServed) {
  Catalog catalog = three();
  catalog.apply("kube", says(song("10.1.0.1")));
  auto masked = says(song("10.1.0.3"));
  const Endpoint served = song("10.1.0.1")->pools.at(0).endpoints.at(0);
  masked[0].left = {{served.address, served.port, Protocol::tcp, Ruling::named}};
  EXPECT_THAT(catalog.apply("disaster", masked).changes, IsEmpty());
}

}  // namespace
}  // namespace holdfast
