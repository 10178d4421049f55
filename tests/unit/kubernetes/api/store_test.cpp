// SPDX-License-Identifier: Apache-2.0
// What events and lists mean: which removals are explained, and what an incomplete or older answer
// may not do (design.md 4.1, 4.9, 4.10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/kubernetes/api/fixture.h"

namespace holdfast::kubernetes {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class StoreTest : public testing::Test {
 protected:
  // One service of two endpoints in one slice, listed at version 100.
  void SetUp() override {
    list_all(store, {service_json("song", 10)},
             {slice_json("song-1", "song", 11, {{"10.0.0.1"}, {"10.0.0.2"}})}, "100");
    const auto first = store.take();
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->complete);
    EXPECT_TRUE(first->list);
    ASSERT_THAT(first->changes, SizeIs(1));
    EXPECT_EQ(first->changes[0].basis, Basis::list);
  }
  void slice(const std::string& type, int version, const std::vector<Pod>& pods,
             const std::string& name = "song-1") {
    store.apply(Kind::slice, event_of(type, slice_json(name, "song", version, pods)));
  }
  ServiceChange only_change() {
    const auto update = store.take();
    EXPECT_TRUE(update && update->changes.size() == 1);
    return update && !update->changes.empty() ? update->changes[0] : ServiceChange{};
  }

  Store store{"kube"};
};

TEST_F(StoreTest, NothingIsSaidBeforeEveryKindHasBeenListedWhole) {
  Store fresh("kube");
  fresh.begin_list(Kind::service);
  fresh.list(Kind::service, value_of(service_json("song", 1)));
  EXPECT_FALSE(fresh.take());
  fresh.end_list(Kind::service, Version::parse("5"), false);
  EXPECT_FALSE(fresh.take());
  fresh.begin_list(Kind::slice);
  fresh.end_list(Kind::slice, Version::parse("5"), false);
  EXPECT_FALSE(fresh.take());
  fresh.skip(Kind::node);
  EXPECT_TRUE(fresh.take());
}

TEST_F(StoreTest, AnEndpointDroppedByAModifiedSliceIsExplainedWhileAReadyOneStays) {
  slice("MODIFIED", 101, {{"10.0.0.1"}});
  const auto change = only_change();
  EXPECT_EQ(change.basis, Basis::event);
  EXPECT_FALSE(change.explained);
  EXPECT_THAT(endpoints(change.now), ElementsAre("10.0.0.1:8080"));
  EXPECT_THAT(addresses(change.explained_endpoints), ElementsAre("10.0.0.2:8080"));
}

TEST_F(StoreTest, AnEmptiedSliceExplainsNothingUntilAReadyEndpointIsGained) {
  slice("MODIFIED", 101, {});
  EXPECT_THAT(only_change().explained_endpoints, IsEmpty());
  slice("MODIFIED", 102, {{"10.0.0.3"}});
  EXPECT_THAT(addresses(only_change().explained_endpoints),
              ElementsAre("10.0.0.1:8080", "10.0.0.2:8080"));
}

TEST_F(StoreTest, ADeletedSliceExplainsOnlyWhatWasSeenTerminating) {
  slice("MODIFIED", 101, {{"10.0.0.1", "", false, true}, {"10.0.0.2"}});
  EXPECT_THAT(addresses(only_change().explained_endpoints), ElementsAre("10.0.0.1:8080"));
  slice("DELETED", 102, {{"10.0.0.1", "", false, true}, {"10.0.0.2"}});
  const auto change = only_change();
  EXPECT_THAT(endpoints(change.now), IsEmpty());
  EXPECT_THAT(addresses(change.explained_endpoints), ElementsAre("10.0.0.1:8080"));
}

TEST_F(StoreTest, TerminatingAndGoneInOneReadIsExplained) {
  slice("MODIFIED", 101, {{"10.0.0.1", "", false, true}, {"10.0.0.2", "", false, true}});
  slice("MODIFIED", 102, {});
  EXPECT_THAT(addresses(only_change().explained_endpoints),
              ElementsAre("10.0.0.1:8080", "10.0.0.2:8080"));
}

TEST_F(StoreTest, AMoveBetweenSlicesInOneReadRemovesNothing) {
  slice("MODIFIED", 101, {{"10.0.0.1"}});
  slice("ADDED", 102, {{"10.0.0.2"}}, "song-2");
  EXPECT_FALSE(store.take());
}

TEST_F(StoreTest, ADeletedServiceIsExplainedAndAnAbsentOneIsNot) {
  store.apply(Kind::service, event_of("DELETED", service_json("song", 101)));
  auto change = only_change();
  EXPECT_EQ(change.now, nullptr);
  EXPECT_TRUE(change.explained);

  list_all(store, {service_json("song", 103)}, {}, "110");
  ASSERT_NE(only_change().now, nullptr);
  list_all(store, {}, {}, "120");
  change = only_change();
  EXPECT_EQ(change.now, nullptr);
  EXPECT_FALSE(change.explained);
  EXPECT_EQ(change.basis, Basis::list);
}

TEST_F(StoreTest, AServiceThatBecomesHeadlessSaysSoItself) {
  std::string headless = service_json("song", 101, "None");
  list_all(store, {headless}, {}, "110");
  const auto change = only_change();
  EXPECT_EQ(change.now, nullptr);
  EXPECT_TRUE(change.explained);
}

TEST_F(StoreTest, AnIncompleteListIsNeverTakenAsAbsence) {
  store.begin_list(Kind::slice);
  EXPECT_FALSE(store.take());
  store.begin_list(Kind::slice);  // it broke; the next one starts
  store.list(Kind::slice, value_of(slice_json("song-1", "song", 11, {{"10.0.0.1"}})));
  EXPECT_FALSE(store.take());
}

TEST_F(StoreTest, WhatAListDropsIsNotExplained) {
  list_all(store, {service_json("song", 10)}, {slice_json("song-1", "song", 105, {{"10.0.0.1"}})},
           "110");
  const auto update = store.take();
  ASSERT_TRUE(update);
  EXPECT_TRUE(update->list);
  ASSERT_THAT(update->changes, SizeIs(1));
  EXPECT_EQ(update->changes[0].basis, Basis::list);
  EXPECT_THAT(update->changes[0].explained_endpoints, IsEmpty());
}

// A list that lies with the versions of the truth, and the truth after it.
TEST_F(StoreTest, AnObjectOfTheSameVersionAndOtherContentIsTaken) {
  list_all(store, {service_json("song", 10)},
           {slice_json("song-1", "song", 11, {{"10.0.0.1", "", false}, {"10.0.0.2", "", false}})},
           "110");
  EXPECT_FALSE(only_change().now->pools[0].endpoints[0].ready);
  list_all(store, {service_json("song", 10)},
           {slice_json("song-1", "song", 11, {{"10.0.0.1"}, {"10.0.0.2"}})}, "120");
  EXPECT_TRUE(only_change().now->pools[0].endpoints[0].ready);
}

TEST_F(StoreTest, WhatWasSeenTerminatingIsExplainedInAListToo) {
  slice("MODIFIED", 101, {{"10.0.0.1"}, {"10.0.0.2", "", false, true}});
  store.take();
  list_all(store, {service_json("song", 10)}, {slice_json("song-1", "song", 105, {{"10.0.0.1"}})},
           "110");
  EXPECT_THAT(addresses(only_change().explained_endpoints), ElementsAre("10.0.0.2:8080"));
}

TEST_F(StoreTest, OlderAndRepeatedEventsChangeNothing) {
  slice("MODIFIED", 101, {{"10.0.0.1"}, {"10.0.0.2"}, {"10.0.0.3"}});
  EXPECT_THAT(endpoints(only_change().now), SizeIs(3));
  slice("MODIFIED", 101, {});
  slice("MODIFIED", 50, {{"10.0.0.9"}});
  EXPECT_FALSE(store.take());
}

TEST_F(StoreTest, ARewoundListIsADoubtItsAbsencesDoNotCountAndItsVersionsHold) {
  for (const Kind kind : kKinds) {
    store.begin_list(kind);
    if (kind == Kind::service) store.list(kind, value_of(service_json("song", 10)));
    store.end_list(kind, Version::parse("40"), true);
  }
  const auto update = store.take();
  ASSERT_TRUE(update);
  EXPECT_FALSE(update->list);
  ASSERT_THAT(update->doubts, SizeIs(1));
  EXPECT_THAT(update->doubts[0].reason, testing::HasSubstr("from version 100 to 40"));
  ASSERT_THAT(update->changes, SizeIs(1));
  EXPECT_EQ(update->changes[0].basis, Basis::list);
  EXPECT_THAT(update->changes[0].explained_endpoints, IsEmpty());
  // The new history's events count, although their numbers are lower.
  slice("ADDED", 41, {{"10.0.0.7"}});
  EXPECT_THAT(endpoints(only_change().now), ElementsAre("10.0.0.7:8080"));
  list_all(store, {service_json("song", 10)}, {slice_json("song-1", "song", 41, {{"10.0.0.7"}})},
           "50");
  const auto after = store.take();
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->list);
  EXPECT_THAT(after->doubts, IsEmpty());
}

TEST_F(StoreTest, ComparingFindsWhatTheWatchLostAndNothingThatItKnowsBetter) {
  slice("ADDED", 105, {{"10.0.0.5"}}, "song-new");  // after the list below
  store.take();
  const std::vector<ObjectRef> listed = {ref_of(value_of(slice_json("song-1", "song", 103, {}))),
                                         ref_of(value_of(slice_json("song-9", "song", 102, {})))};
  auto found = store.compare(Kind::slice, listed, Version::parse("104"));
  EXPECT_THAT(found.changed, UnorderedElementsAre(ServiceKey{"default", "song-1"},
                                                  ServiceKey{"default", "song-9"}));
  EXPECT_THAT(found.absent, IsEmpty());
  found = store.compare(Kind::slice, {listed[1]}, Version::parse("104"));
  EXPECT_THAT(found.absent, ElementsAre(ServiceKey{"default", "song-1"}));
  store.correct(Kind::slice, value_of(slice_json("song-9", "song", 102, {{"10.0.0.9"}})),
                Version::parse("104"));
  store.correct_absent(Kind::slice, {"default", "song-1"});
  store.count_list();
  const auto update = store.take();
  ASSERT_TRUE(update);
  EXPECT_TRUE(update->list);
  ASSERT_THAT(update->changes, SizeIs(1));
  EXPECT_EQ(update->changes[0].basis, Basis::list);
  EXPECT_THAT(endpoints(update->changes[0].now), ElementsAre("10.0.0.5:8080", "10.0.0.9:8080"));
}

// An etcd restored from an older state, whose versions have passed what is known: the same number
// names another history.
TEST_F(StoreTest, ComparingFindsAnotherHistoryByAnOlderObjectInANewerList) {
  slice("MODIFIED", 120, {{"10.0.0.1"}, {"10.0.0.2"}, {"10.0.0.3"}});
  store.take();
  const std::string restored = slice_json("song-1", "song", 110, {{"10.0.0.1"}, {"10.0.0.2"}});
  const std::vector<ObjectRef> listed = {ref_of(value_of(restored))};
  EXPECT_THAT(store.compare(Kind::slice, listed, Version::parse("119")).changed, IsEmpty())
      << "the watch is ahead of the list";
  EXPECT_THAT(store.compare(Kind::slice, listed, Version::parse("125")).changed, SizeIs(1));
  store.correct(Kind::slice, value_of(restored), Version::parse("125"));
  const auto change = only_change();
  EXPECT_EQ(change.basis, Basis::list);
  EXPECT_THAT(change.explained_endpoints, IsEmpty());
  EXPECT_THAT(endpoints(change.now), SizeIs(2));
}

TEST_F(StoreTest, HeadlessSlicesTellWhoHasAnAddress) {
  store.apply(Kind::slice,
              event_of("ADDED", slice_json("db-1", "db", 101, {{"10.0.0.2", "other"}})));
  const auto update = store.take();
  ASSERT_TRUE(update);
  EXPECT_THAT(update->changes, IsEmpty());
  ASSERT_THAT(update->claims, SizeIs(1));
  EXPECT_EQ(update->claims[0].identity, Identity::from_text("other"));
  EXPECT_EQ(update->claims[0].port, 8080);
}

TEST_F(StoreTest, AnObjectThatDoesNotDecodeKeepsTheGoodOneAndIsReported) {
  std::string bad = slice_json("song-1", "song", 101, {{"10.0.0.1"}});
  bad.replace(bad.find("IPv4"), 4, "IPv5");
  store.apply(Kind::slice, event_of("MODIFIED", bad));
  slice("ADDED", 102, {{"10.0.0.3"}}, "song-2");
  const auto update = store.take();
  ASSERT_TRUE(update);
  ASSERT_THAT(update->changes, SizeIs(1));
  EXPECT_THAT(endpoints(update->changes[0].now), SizeIs(3));
  ASSERT_THAT(update->problems, SizeIs(1));
  EXPECT_EQ(update->problems[0].object, "EndpointSlice default/song-1");
}

std::string replaced(std::string text, const std::string& of, const std::string& by) {
  return text.replace(text.find(of), of.size(), by);
}

TEST_F(StoreTest, OneUnreadableFieldRemovesNothingAndIsToldAtOnce) {
  const std::string service = service_json("song", 101);
  const std::string slice_text = slice_json("song-1", "song", 102, {{"10.0.0.1"}});
  const std::vector<std::pair<Kind, std::string>> bad = {
      {Kind::service, replaced(service, "\"port\":80", "\"port\":0")},
      {Kind::service, replaced(service, "\"TCP\"", "\"ICMP\"")},
      {Kind::service, replaced(service, "[\"10.96.0.10\"]", "[\"10.96.300.1\"]")},
      {Kind::slice, replaced(slice_text, "\"port\":8080", "\"port\":0")},
      {Kind::slice, replaced(slice_text, "\"ready\":true", "\"ready\":\"maybe\"")}};
  for (const auto& [kind, text] : bad) {
    Store fresh("kube");
    const std::string image = service_json("image", 12, "10.96.0.11");
    list_all(fresh, {service_json("song", 10), image},
             {slice_json("song-1", "song", 11, {{"10.0.0.1"}, {"10.0.0.2"}})}, "100");
    fresh.take();
    fresh.apply(kind, event_of("MODIFIED", text));
    const auto update = fresh.take();
    ASSERT_TRUE(update) << "a problem is news: " << text;
    EXPECT_THAT(update->changes, IsEmpty()) << text;
    EXPECT_THAT(update->problems, SizeIs(1)) << text;
    // The list after it says no more.
    list_all(fresh, {kind == Kind::service ? text : service_json("song", 10), image},
             {kind == Kind::slice ? text
                                  : slice_json("song-1", "song", 11, {{"10.0.0.1"}, {"10.0.0.2"}})},
             "200");
    const auto listed = fresh.take();
    ASSERT_TRUE(listed);
    EXPECT_THAT(listed->changes, IsEmpty()) << text;
    const std::string version = kind == Kind::service ? "\"101\"" : "\"102\"";
    fresh.apply(kind, event_of("DELETED", replaced(text, version, "\"300\"")));
    ASSERT_TRUE(fresh.take()) << "and a deletion is one";
  }
}

TEST_F(StoreTest, OneUnreadableFieldRemovesNothingOverARestart) {
  Store before("kube");
  list_all(before, {service_json("song", 10)},
           {slice_json("song-1", "song", 11, {{"10.0.0.1"}, {"10.0.0.2"}})}, "100");
  const ServicePtr said = before.take()->changes.at(0).now;
  const std::string service = service_json("song", 101);
  const std::string slice_text = slice_json("song-1", "song", 102, {{"10.0.0.1"}});
  Store fresh("kube");
  fresh.remember({said});
  list_all(fresh, {replaced(service, "\"port\":80", "\"port\":0")},
           {replaced(slice_text, "\"port\":8080", "\"port\":0"),
            slice_json("song-2", "song", 103, {{"10.0.0.9"}})},
           "200");
  const auto update = fresh.take();
  ASSERT_TRUE(update);
  ASSERT_THAT(update->changes, SizeIs(1));
  ASSERT_TRUE(update->changes[0].now);
  EXPECT_THAT(endpoints(update->changes[0].now),
              ElementsAre("10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.9:8080"));
  EXPECT_EQ(update->changes[0].now->pools.at(0).frontends, said->pools.at(0).frontends);
  fresh.apply(Kind::slice, event_of("DELETED", slice_json("song-2", "song", 104, {})));
  EXPECT_THAT(endpoints(fresh.take()->changes.at(0).now),
              ElementsAre("10.0.0.1:8080", "10.0.0.2:8080"));
}

std::string node_json(const std::string& name, int version, const std::string& zone = "z1") {
  return fmt::format(
      R"({{"kind":"Node","apiVersion":"v1","metadata":{{"name":"{}","resourceVersion":"{}",)"
      R"("labels":{{"topology.kubernetes.io/zone":"{}"}}}},"status":{{"addresses":[)"
      R"({{"type":"InternalIP","address":"192.0.2.1"}}]}}}})",
      name, version, zone);
}

TEST_F(StoreTest, NodesAreSaidAndAnAbsenceFromAListSaysNothingOfThem) {
  store.apply(Kind::node, event_of("ADDED", node_json("n1", 101)));
  const auto added = store.take();
  ASSERT_TRUE(added && added->nodes.size() == 1);
  EXPECT_EQ(added->nodes[0].now->addresses.at(0).to_string(), "192.0.2.1");
  store.apply(Kind::node, event_of("MODIFIED", node_json("n1", 102)));
  EXPECT_FALSE(store.take()) << "a heartbeat";
  store.apply(Kind::node, event_of("MODIFIED", node_json("n1", 103, "z2")));
  const auto moved = store.take();
  ASSERT_TRUE(moved && moved->nodes.size() == 1) << "a zone is news";
  EXPECT_EQ(moved->nodes[0].now->zone, "z2");
  store.begin_list(Kind::node);
  store.end_list(Kind::node, Version::parse("200"), false);
  const auto listed = store.take();
  EXPECT_TRUE(!listed || listed->nodes.empty()) << "a false empty";
  store.apply(Kind::node, event_of("ADDED", node_json("n1", 201, "z2")));
  store.take();
  store.apply(Kind::node, event_of("DELETED", node_json("n1", 202, "z2")));
  const auto gone = store.take();
  ASSERT_TRUE(gone && gone->nodes.size() == 1);
  EXPECT_FALSE(gone->nodes[0].now);
}

TEST_F(StoreTest, TheWayToTheApiIsLearnedFromItsOwnService) {
  std::string api = service_json("kubernetes", 101, "10.96.0.1");
  api.replace(api.find("\"port\":80"), 9, "\"port\":443");
  store.apply(Kind::service, event_of("ADDED", api));
  store.apply(Kind::slice,
              event_of("ADDED", slice_json("kubernetes", "kubernetes", 102, {{"172.30.0.100"}})));
  store.take();
  EXPECT_THAT(addresses(store.api_endpoints()), ElementsAre("172.30.0.100:8080"));
}

}  // namespace
}  // namespace holdfast::kubernetes
