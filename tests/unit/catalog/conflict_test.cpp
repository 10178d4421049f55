// SPDX-License-Identifier: Apache-2.0
// Two services that claim one address and port: the better source has it; of one source a ClusterIP
// before a NodePort, a LoadBalancer address, an ExternalIP; of one kind the sitting one, then the
// older, then the name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
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

// `kind`s of one address and port on one service.
ServicePtr claims_as(const char* name, std::int64_t created_at, std::vector<FrontendKind> kinds) {
  Pool pool = build::pool({}, {build::endpoint("10.1.0.1")});
  for (const FrontendKind kind : kinds) {
    pool.frontends.push_back(build::frontend(kShared));
    pool.frontends.back().kind = kind;
  }
  std::sort(pool.frontends.begin(), pool.frontends.end());
  return build::service(name, {pool}, created_at);
}

constexpr FrontendKind kBestFirst[] = {FrontendKind::cluster_ip, FrontendKind::node_port,
                                       FrontendKind::load_balancer, FrontendKind::external_ip};

const ServicePtr& owner_of(const std::vector<ServicePtr>& services, const Catalog& catalog) {
  const ServicePtr* owner = nullptr;
  for (const ServicePtr& one : services) {
    if (frontends_of(catalog, one->key.name) == 0) continue;
    EXPECT_FALSE(owner) << "two owners";
    owner = &one;
  }
  EXPECT_TRUE(owner);
  return *owner;
}

// CVE-2020-8554: whoever may write a Service may name any address in externalIPs, and may have done
// so before the service it belongs to was there.
TEST(Conflict, AnExternalAddressNeverWinsOverAClusterIp) {
  const auto real = claims_as("song", 2000, {FrontendKind::cluster_ip});
  for (const FrontendKind kind : {FrontendKind::external_ip, FrontendKind::load_balancer}) {
    const auto thief = claims_as("artist", 1000, {kind});
    Catalog first({{"file"}}, 0);
    first.apply("file", both(thief, real));
    EXPECT_EQ(frontends_of(first, "song"), 1u) << "a first start";
    Catalog running({{"file"}}, 0);
    running.apply("file", {{real->key, real, false}});
    running.apply("file", {{thief->key, thief, false}});
    EXPECT_EQ(frontends_of(running, "song"), 1u) << "the sitting one";
    Catalog taken({{"file"}}, 0);
    taken.apply("file", {{thief->key, thief, false}});
    const Generation moved = taken.apply("file", {{real->key, real, false}});
    EXPECT_EQ(moved.changes.size(), 2u) << "both change in one generation";
    EXPECT_EQ(frontends_of(taken, "song"), 1u) << "who sat there without right";
    EXPECT_EQ(frontends_of(taken, "artist"), 0u);
    Catalog restarted({{"file"}}, 7);
    restarted.restore({}, {{build::frontend(kShared), Protocol::tcp, thief->key}});
    restarted.apply("file", both(thief, real));
    EXPECT_EQ(frontends_of(restarted, "song"), 1u) << "after a restart, too";
  }
}

// Four services of four kinds, from the youngest with the best kind to the oldest: whatever the
// order in which they come, alone or together, and whoever sat before a restart.
TEST(Conflict, TheKindDecidesInEveryOrderOfArrival) {
  std::vector<ServicePtr> services;
  for (int at = 0; at < 4; ++at)
    services.push_back(claims_as(std::string(1, static_cast<char>('d' - at)).c_str(),
                                 4000 - at * 1000, {kBestFirst[at]}));
  std::vector<std::size_t> order = {0, 1, 2, 3};
  do {
    Catalog one_by_one({{"file"}}, 0), together({{"file"}}, 0);
    std::vector<Admitted> batch;
    std::size_t best = 4;
    for (const std::size_t at : order) {
      one_by_one.apply("file", {{services[at]->key, services[at], false}});
      batch.push_back({services[at]->key, services[at], false});
      best = std::min(best, at);
      const auto arrived = one_by_one.all();
      for (const CatalogChange& change : arrived) {
        EXPECT_EQ(change.now->pools[0].frontends.size(), change.key == services[best]->key);
      }
    }
    together.apply("file", batch);
    EXPECT_EQ(owner_of(services, together), services[0]);
    for (const ServicePtr& sat : services) {
      Catalog restarted({{"file"}}, 0);
      restarted.restore({}, {{build::frontend(kShared), Protocol::tcp, sat->key}});
      restarted.apply("file", batch);
      EXPECT_EQ(owner_of(services, restarted), services[0]);
    }
    for (std::size_t at = 0; at + 1 < 4; ++at) {
      together.apply("file", {{services[at]->key, nullptr, true}});
      EXPECT_EQ(together.all().front().key.name, "a");
      for (const CatalogChange& change : together.all())
        EXPECT_EQ(change.now->pools[0].frontends.size(), change.key == services[at + 1]->key);
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Conflict, AServiceThatClaimsItTwiceHasItByItsBestKind) {
  Catalog catalog({{"file"}}, 0);
  const auto twice = claims_as("song", 2000, {FrontendKind::external_ip, FrontendKind::cluster_ip});
  const auto once = claims_as("artist", 1000, {FrontendKind::load_balancer});
  catalog.apply("file", both(once, twice));
  EXPECT_EQ(frontends_of(catalog, "song"), 2u);
  EXPECT_EQ(frontends_of(catalog, "artist"), 0u);
}

TEST(Conflict, BetweenSourcesTheirPrecedenceDecides) {
  const auto of_better = claims_as("artist", 2000, {FrontendKind::external_ip});
  const auto of_worse = claims_as("song", 1000, {FrontendKind::cluster_ip});
  for (const bool better_first : {true, false}) {
    Catalog catalog({{"kube"}, {"file"}}, 0);
    if (better_first) catalog.apply("kube", {{of_better->key, of_better, false}});
    catalog.apply("file", {{of_worse->key, of_worse, false}});
    if (!better_first) catalog.apply("kube", {{of_better->key, of_better, false}});
    EXPECT_EQ(frontends_of(catalog, "artist"), 1u) << better_first;
    EXPECT_EQ(frontends_of(catalog, "song"), 0u) << better_first;
    const auto conflicts = catalog.conflicts();
    ASSERT_EQ(conflicts.size(), 1u);
    EXPECT_EQ(conflicts[0].has.source, "kube");
    EXPECT_EQ(conflicts[0].wants.source, "file");
    EXPECT_EQ(conflicts[0].has.kind, FrontendKind::external_ip);
    EXPECT_EQ(conflicts[0].wants.kind, FrontendKind::cluster_ip);
    EXPECT_EQ(conflicts[0].reason(), "the source of the owner comes first");
  }
}

TEST(Conflict, ItsRevisionGrowsWithEachAndRestsWithout) {
  Catalog catalog({{"file"}}, 0);
  const auto owner = claims("song", 1000), loser = claims("artist", 2000),
             other = claims("radio", 1, {"10.96.0.9"});
  catalog.apply("file", both(owner, other));
  EXPECT_EQ(catalog.conflicts_revision(), 0u);
  catalog.apply("file", {{loser->key, loser, false}});
  const auto begun = catalog.conflicts_revision();
  EXPECT_GT(begun, 0u);
  catalog.apply("file", {{other->key, nullptr, true}});
  EXPECT_EQ(catalog.conflicts_revision(), begun);
  catalog.apply("file", {{loser->key, nullptr, true}});
  EXPECT_GT(catalog.conflicts_revision(), begun);
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
// owner that goes on claiming loses it to none of its source and kind; a worse source or kind never
// has it; the generations alone rebuild all().
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
      Pool pool = build::pool(frontends, {build::endpoint("10.1.0.1")});
      for (Frontend& frontend : pool.frontends) frontend.kind = kBestFirst[*rc::gen::inRange(0, 4)];
      one.now = build::service(name, {pool}, *rc::gen::inRange(0, 3));
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
      const auto order = [](const Party& party) {
        const auto* const kind =
            std::find(std::begin(kBestFirst), std::end(kBestFirst), party.kind);
        return std::pair(party.source == "kube" ? 0 : 1, kind);
      };
      RC_ASSERT(order(conflict.has) <= order(conflict.wants));
      // Taken apart by the macro, an || without its own parentheses has no short cut.
      RC_ASSERT((order(conflict.has) != order(conflict.wants) || sat == owners.end() ||
                 sat->second != conflict.loser));
    }
    owners = now;
  }
}

}  // namespace
}  // namespace holdfast
