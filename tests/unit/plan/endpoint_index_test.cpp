// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/endpoint_index.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

class Index : public testing::Test {
 protected:
  static EndpointKey key(int last, const char* uid = "uid") {
    return {*IpAddress::parse("10.1.0." + std::to_string(last)), 8080, Protocol::tcp,
            Identity::from_text(uid)};
  }
  void element(std::uint32_t id, const EndpointKey& of) {
    shadow_.endpoints.resize(std::max<std::size_t>(shadow_.endpoints.size(), id + 1));
    shadow_.endpoint_names.resize(shadow_.endpoints.size());
    shadow_.endpoints[id] = endpoint_value(of, 1);
    shadow_.endpoint_names[id] = endpoint_name(of, 1);
  }

  Image shadow_;
  EndpointIndex index_{shadow_};
};

TEST_F(Index, FindsWhatTheShadowHas) {
  element(3, key(1));
  EXPECT_TRUE(index_.add(3));
  EXPECT_EQ(index_.find(key(1)), 3u);
  EXPECT_EQ(index_.find(key(2)), std::nullopt);
  EXPECT_EQ(index_.find(key(1, "another")), std::nullopt);
  index_.remove(3);
  EXPECT_EQ(index_.find(key(1)), std::nullopt);
  index_.remove(3);
}

TEST_F(Index, OfTwoIdsOfOneKeyOneIsKnown) {
  element(3, key(1));
  element(4, key(1));
  EXPECT_TRUE(index_.add(3));
  EXPECT_FALSE(index_.add(4));
  EXPECT_EQ(index_.find(key(1)), 3u);
  index_.add_in_place(4);
  EXPECT_EQ(index_.find(key(1)), 4u);
  index_.remove(3);
  EXPECT_EQ(index_.find(key(1)), 4u) << "another one's";
  EXPECT_EQ(index_.size(), 1u);
}

TEST_F(Index, APromiseIsKnownUntilItIsBrokenOrKept) {
  const EndpointKey& first = index_.promise(key(1), 1);
  index_.promise(key(2), 2);
  EXPECT_EQ(index_.find(key(1)), 1u);
  EXPECT_EQ(index_.size(), 2u);
  index_.break_promise(first);
  EXPECT_EQ(index_.find(key(1)), std::nullopt);
  element(2, key(2));
  index_.keep_promises();
  EXPECT_EQ(index_.find(key(2)), 2u);
  EXPECT_EQ(index_.size(), 1u);
}

TEST_F(Index, HoldsMany) {
  constexpr std::uint32_t kMany = 20'000;
  for (std::uint32_t id = 1; id <= kMany; ++id) {
    element(id, key(static_cast<int>(id % 250), std::to_string(id).c_str()));
    ASSERT_TRUE(index_.add(id));
  }
  for (std::uint32_t id = 1; id <= kMany; id += 2) index_.remove(id);
  for (std::uint32_t id = 1; id <= kMany; ++id) {
    const auto found = index_.find(key(static_cast<int>(id % 250), std::to_string(id).c_str()));
    ASSERT_EQ(found, id % 2 ? std::nullopt : std::optional(id));
  }
}

}  // namespace
}  // namespace holdfast
