// SPDX-License-Identifier: Apache-2.0
// The rows of the maps: each is described, has room, and is walked once.
#include "agent/dataplane/map_table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "agent/dataplane/schema.h"

namespace holdfast {
namespace {

TEST(MapTable, EveryContentHasARoomAndADescription) {
  Image image;
  std::vector<std::string> walked;
  for_each_map([&](const char* name, const auto&) { walked.emplace_back(name); }, image);
  std::vector<std::string> listed;
  for (const MapRow& row : kSetMaps) listed.emplace_back(row.name);
  ASSERT_EQ(listed.back(), "layout") << "the description itself";
  listed.pop_back();
  EXPECT_EQ(walked, listed);
  for (const std::string& name : walked) {
    EXPECT_NE(set_map(name), nullptr) << name;
    EXPECT_TRUE(own_schema().elements.contains(name)) << name;
  }
  EXPECT_EQ(set_map("sockets"), nullptr);
}

// What a set is made for can be read from it again.
TEST(MapTable, EveryCapacityIsTheRoomOfSomeMap) {
  Capacity read;
  const Capacity made{1, 2, 3, 4, 5, 6};
  for (const MapRow& row : kSetMaps) {
    if (row.room) read.*row.room = elements_of(row, made);
  }
  EXPECT_EQ(read, made);
}

// Names are read behind the pool words that they are of (abi/pool.h).
TEST(MapTable, PoolsComeBeforeTheirNamesAndMetaLast) {
  std::vector<std::string> order;
  Image image;
  for_each_map([&](const char* name, const auto&) { order.emplace_back(name); }, image);
  const auto at = [&](const char* name) { return std::find(order.begin(), order.end(), name); };
  EXPECT_LT(at("pools"), at("slots"));
  EXPECT_LT(at("slots"), at("pool_names"));
  EXPECT_EQ(order.back(), "meta");
}

TEST(MapTable, WalksImagesSideBySide) {
  Image one, other;
  one.pools.resize(3);
  other.pools.resize(3);
  std::set<std::string> differ;
  other.slots.resize(1);
  const auto compare = [&](const char* name, const auto& a, const auto& b) {
    if constexpr (requires { a.size(); }) {
      if (a.size() != b.size()) differ.insert(name);
    }
  };
  for_each_map(compare, one, other);
  EXPECT_EQ(differ, std::set<std::string>{"slots"});
}

}  // namespace
}  // namespace holdfast
