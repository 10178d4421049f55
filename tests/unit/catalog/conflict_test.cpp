// SPDX-License-Identifier: Apache-2.0
// Two services that claim one address and port: the sitting one keeps it; on a first start the
// older creationTimestamp, then the name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "agent/catalog/catalog.h"
#include "tests/unit/builders.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kShared = "10.96.0.1";

ServicePtr claims(const char* name, std::int64_t created_at,
                  std::vector<std::string> frontends = {kShared}) {
  return build::service(name, std::move(frontends), {"10.1.0.1"}, created_at);
}

std::vector<Admitted> both(const ServicePtr& a, const ServicePtr& b) {
  return {{a->key, a, false}, {b->key, b, false}};
}

std::size_t frontends_of(const Catalog& catalog, const std::string& name) {
  for (const CatalogChange& one : catalog.all()) {
    if (one.key.name == name) return one.now->pools.at(0).frontends.size();
  }
  ADD_FAILURE() << name << " is not in the catalog";
  return 0;
}

TEST(Conflict, OnAFirstStartTheOlderServiceOwnsTheAddress) {
  Catalog catalog({{"file"}}, 0);
  catalog.apply("file", both(claims("artist", 2000), claims("song", 1000)));
  EXPECT_EQ(frontends_of(catalog, "song"), 1u);
  EXPECT_EQ(frontends_of(catalog, "artist"), 0u) << "listed, without the address";
}

TEST(Conflict, OfTheSameAgeTheNameDecides) {
  Catalog catalog({{"file"}}, 0);
  catalog.apply("file", both(claims("song", 1000), claims("artist", 1000)));
  EXPECT_EQ(frontends_of(catalog, "artist"), 1u);
  EXPECT_EQ(frontends_of(catalog, "song"), 0u);
}

TEST(Conflict, AServiceOfUnknownAgeIsTheYoungest) {
  Catalog catalog({{"file"}}, 0);
  catalog.apply("file", both(claims("artist", 0), claims("song", 1000)));
  EXPECT_EQ(frontends_of(catalog, "song"), 1u);
}

TEST(Conflict, TheSittingServiceKeepsItAgainstAnOlderOne) {
  Catalog catalog({{"file"}}, 0);
  const auto sitting = claims("song", 2000), older = claims("artist", 1000);
  catalog.apply("file", {{sitting->key, sitting, false}});
  const Generation second = catalog.apply("file", {{older->key, older, false}});
  ASSERT_EQ(second.changes.size(), 1u) << "the sitting service did not change";
  EXPECT_THAT(second.changes[0].now->pools.at(0).frontends, IsEmpty());
  EXPECT_EQ(frontends_of(catalog, "song"), 1u);
  const auto grown = build::service("song", {kShared}, {"10.1.0.1", "10.1.0.2"}, 2000);
  catalog.apply("file", {{grown->key, grown, false}});
  EXPECT_EQ(frontends_of(catalog, "song"), 1u) << "a change of the sitting one costs it nothing";
}

TEST(Conflict, IsListedWithOwnerLoserAndAddress) {
  Catalog catalog({{"file"}}, 0);
  catalog.apply("file", both(claims("artist", 2000), claims("song", 1000)));
  const auto conflicts = catalog.conflicts();
  ASSERT_EQ(conflicts.size(), 1u);
  EXPECT_EQ(conflicts[0].owner.name, "song");
  EXPECT_EQ(conflicts[0].loser.name, "artist");
  EXPECT_EQ(conflicts[0].frontend.address.to_string(), kShared);
  EXPECT_EQ(conflicts[0].frontend.port, 80);
  EXPECT_EQ(conflicts[0].protocol, Protocol::tcp);
}

TEST(Conflict, TheLoserGetsTheAddressInTheGenerationInWhichTheOwnerLeavesIt) {
  Catalog catalog({{"file"}}, 0);
  const auto owner = claims("song", 1000), loser = claims("artist", 2000);
  catalog.apply("file", both(owner, loser));
  const Generation moved = catalog.apply("file", {{owner->key, nullptr, true}});
  ASSERT_EQ(moved.changes.size(), 2u) << "at no moment is the address unknown";
  EXPECT_EQ(moved.changes[0].key.name, "artist");
  EXPECT_EQ(moved.changes[0].now->pools.at(0).frontends.size(), 1u);
  EXPECT_EQ(moved.changes[1].now, nullptr);
  EXPECT_THAT(catalog.conflicts(), IsEmpty());
}

TEST(Conflict, OnlyTheContestedAddressIsLost) {
  Catalog catalog({{"file"}}, 0);
  catalog.apply("file", both(claims("song", 1000), claims("artist", 2000, {kShared, "10.96.0.2"})));
  for (const CatalogChange& one : catalog.all()) {
    const auto& frontends = one.now->pools.at(0).frontends;
    ASSERT_EQ(frontends.size(), 1u) << one.key.name;
    EXPECT_EQ(frontends[0].address.to_string(), one.key.name == "song" ? kShared : "10.96.0.2");
  }
}

TEST(Conflict, AnotherPortOrProtocolIsNone) {
  Catalog catalog({{"file"}}, 0);
  Pool other_port = build::pool({kShared}, {build::endpoint("10.1.0.1")});
  other_port.frontends[0].port = other_port.service_port = 81;
  Pool udp = build::pool({kShared}, {build::endpoint("10.1.0.1")});
  udp.protocol = Protocol::udp;
  const auto artist = build::service("artist", {other_port, udp}, 1000);
  catalog.apply("file", both(claims("song", 2000), artist));
  EXPECT_THAT(catalog.conflicts(), IsEmpty());
}

TEST(Conflict, BetweenSourcesTheSittingOneKeepsItToo) {
  Catalog catalog({{"kube"}, {"file"}}, 0);
  const auto sitting = claims("song", 2000), better = claims("artist", 1000);
  catalog.apply("file", {{sitting->key, sitting, false}});
  catalog.apply("kube", {{better->key, better, false}});
  EXPECT_EQ(frontends_of(catalog, "song"), 1u);
  EXPECT_EQ(frontends_of(catalog, "artist"), 0u);
}

TEST(Conflict, ARestartDoesNotMoveTheAddress) {
  const auto sitting = claims("song", 2000), older = claims("artist", 1000);
  Catalog after({{"file"}}, 7);
  after.restore({}, {{build::frontend(kShared), Protocol::tcp, sitting->key}});
  after.apply("file", both(older, sitting));
  EXPECT_EQ(frontends_of(after, "song"), 1u);
  after.apply("file", {{sitting->key, nullptr, true}});
  after.apply("file", {{sitting->key, sitting, false}});
  EXPECT_EQ(frontends_of(after, "artist"), 1u) << "who sat before the restart sits no more";
}

TEST(Conflict, WhoSatBeforeARestartAndIsGoneIsForgotten) {
  const auto older = claims("artist", 1000);
  Catalog after({{"file"}}, 7);
  after.restore({}, {{build::frontend(kShared), Protocol::tcp, {"default", "song"}}});
  after.apply("file", {{older->key, older, false}});
  EXPECT_EQ(frontends_of(after, "artist"), 1u);
}

// Whatever the history: each address that somebody claims has exactly one owner, who claims it; an
// owner that goes on claiming never loses it; the generations alone rebuild all().
RC_GTEST_PROP(Conflict, EachAddressHasOneOwnerWhoSits, ()) {
  Catalog catalog({{"kube"}, {"file"}}, 0);
  std::map<ServiceKey, ServicePtr> rebuilt;
  std::map<std::string, ServiceKey> owners;
  const int steps = *rc::gen::inRange(1, 25);
  for (int step = 0; step < steps; ++step) {
    const std::string name(1, static_cast<char>('a' + *rc::gen::inRange(0, 4)));
    const int wanted = *rc::gen::inRange(1, 16);
    std::vector<std::string> frontends;
    for (int bit = 0; bit < 4; ++bit) {
      if (wanted >> bit & 1) frontends.push_back("10.96.0." + std::to_string(bit + 1));
    }
    Admitted one{{"default", name}, nullptr, *rc::gen::arbitrary<bool>()};
    if (*rc::gen::inRange(0, 4) != 0) {
      one.now = build::service(name, frontends, {"10.1.0.1"}, *rc::gen::inRange(0, 3));
    }
    const auto source = *rc::gen::element<std::string>("kube", "file");
    const auto before = catalog.all();
    for (const CatalogChange& change : catalog.apply(source, {one}).changes) {
      if (change.now) rebuilt[change.key] = change.now;
      if (!change.now) rebuilt.erase(change.key);
    }
    std::map<std::string, ServiceKey> now;
    const auto all = catalog.all();
    RC_ASSERT(all.size() == rebuilt.size());
    for (const CatalogChange& change : all) {
      RC_ASSERT(*rebuilt.at(change.key) == *change.now);
      for (const Frontend& frontend : change.now->pools.at(0).frontends) {
        RC_ASSERT(now.emplace(frontend.address.to_string(), change.key).second);
      }
    }
    for (const Conflict& conflict : catalog.conflicts()) {
      const std::string address = conflict.frontend.address.to_string();
      RC_ASSERT(now.at(address) == conflict.owner);
      const auto sat = owners.find(address);
      // Taken apart by the macro, an || without its own parentheses has no short cut.
      RC_ASSERT((sat == owners.end() || sat->second != conflict.loser));
    }
    owners = now;
  }
}

}  // namespace
}  // namespace holdfast
