// SPDX-License-Identifier: Apache-2.0
#include "agent/model/picked.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/unit/builders.h"

namespace holdfast {
namespace {

// A letter an endpoint: r ready, d ready and doubted, t terminating and serving, T the same and
// doubted, n not ready; s and x are held, the one silent, the other refusing.
Pool pool_of(const std::string& letters) {
  std::vector<Endpoint> endpoints;
  for (const char letter : letters) {
    Endpoint one = build::endpoint("10.1.0." + std::to_string(endpoints.size() + 1));
    one.ready = letter == 'r' || letter == 'd' || letter == 's' || letter == 'x';
    one.serving = letter != 'n';
    one.terminating = letter == 't' || letter == 'T';
    one.doubted = letter == 'd' || letter == 'T' || letter == 's' || letter == 'x';
    if (letter == 's') one.fault = Fault::silent;
    if (letter == 'x') one.fault = Fault::refused;
    endpoints.push_back(one);
  }
  return build::pool({"10.96.0.1"}, endpoints);
}

std::string flags(const Pool& pool) {
  std::string text;
  for (const bool flag : picked(pool, {})) text += flag ? '+' : '-';
  return text;
}

TEST(Picked, ReadyOnesElseTheServing) {
  EXPECT_EQ(flags(pool_of("rrtn")), "++--");
  EXPECT_EQ(flags(pool_of("ttn")), "++-");
  EXPECT_EQ(flags(pool_of("nn")), "--");
  EXPECT_EQ(flags(pool_of("")), "");
}

TEST(Picked, OfALocalPoolWhatIsOnThisNode) {
  Pool pool = pool_of("rdtr");
  for (std::size_t index = 0; index < 3; ++index) pool.endpoints[index].node = Text("n1");
  pool.endpoints[3].node = Text("n2");
  pool.traffic = TrafficPolicy::local;
  const auto at = [&](const char* node) {
    std::string text;
    for (const bool flag : picked(pool, {Text(node), {}})) text += flag ? '+' : '-';
    return text;
  };
  EXPECT_EQ(at("n1"), "+---");
  EXPECT_EQ(at("n2"), "---+");
  EXPECT_EQ(at("n3"), "----");
  pool.endpoints[0].ready = pool.endpoints[1].ready = false;
  EXPECT_EQ(at("n1"), "--+-") << "one that ends here before a ready one elsewhere";
  pool.traffic = TrafficPolicy::cluster;
  EXPECT_EQ(at("n1"), "---+");
}

TEST(Picked, DoubtedOnesLast) {
  EXPECT_EQ(flags(pool_of("rrd")), "++-");
  EXPECT_EQ(flags(pool_of("rd")), "+-");
  EXPECT_EQ(flags(pool_of("dd")), "++") << "there is no other";
  EXPECT_EQ(flags(pool_of("tT")), "+-");
  EXPECT_EQ(flags(pool_of("dt")), "+-") << "ready and doubted comes before ending";
}

TEST(Picked, DoubtedOnesTooWhereTheOthersAreFewerThanHalf) {
  EXPECT_EQ(flags(pool_of("rrddd")), "+++++");
  EXPECT_EQ(flags(pool_of("rrdd")), "++--");
}

TEST(Picked, SilentOnesOnlyWhereNothingElseIsLeft) {
  EXPECT_EQ(flags(pool_of("rs")), "+-");
  EXPECT_EQ(flags(pool_of("ds")), "+-");
  EXPECT_EQ(flags(pool_of("rsss")), "+---") << "there is evidence, not a doubt alone";
  EXPECT_EQ(flags(pool_of("rdss")), "++--") << "what is lost of the pool is not on one alone";
  EXPECT_EQ(flags(pool_of("sss")), "+++");
  EXPECT_EQ(flags(pool_of("st")), "-+");
  EXPECT_EQ(flags(pool_of("sn")), "+-");
}

TEST(Picked, RefusingOnesNever) {
  EXPECT_EQ(flags(pool_of("rx")), "+-");
  EXPECT_EQ(flags(pool_of("sx")), "+-");
  EXPECT_EQ(flags(pool_of("xx")), "--");
  EXPECT_EQ(flags(pool_of("xt")), "-+");
}

TEST(Picked, HalfIsMeasuredByWeight) {
  Pool pool = pool_of("rddd");
  EXPECT_EQ(flags(pool), "++++");
  pool.endpoints[0].weight = 300;
  EXPECT_EQ(flags(pool), "+---");
  pool.endpoints[0].weight = 299;
  EXPECT_EQ(flags(pool), "++++");
  pool.endpoints[0].weight = 0;
  EXPECT_EQ(flags(pool), "-+++");
}

// What is picked carries at least half of the weight of what would be picked without any doubt,
// and a doubt never empties a pool.
RC_GTEST_PROP(Picked, ADoubtAloneNeverMoreThanDoublesTheLoad, ()) {
  const auto letters = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("rdtTn")));
  Pool pool = pool_of(letters);
  for (Endpoint& one : pool.endpoints) one.weight = *rc::gen::inRange<std::uint16_t>(0, 1001);
  Pool trusting = pool;
  for (Endpoint& one : trusting.endpoints) one.doubted = false;
  const auto weight = [&](const std::vector<bool>& flags) {
    std::uint64_t sum = 0;
    for (std::size_t index = 0; index < flags.size(); ++index)
      sum += flags[index] ? pool.endpoints[index].weight : 0;
    return sum;
  };
  const auto with = picked(pool, {}), without = picked(trusting, {});
  RC_ASSERT(2 * weight(with) >= weight(without));
  RC_ASSERT(weight(with) > 0 || weight(without) == 0);
  for (std::size_t index = 0; index < with.size(); ++index)
    RC_ASSERT(!with[index] || without[index]);
}

}  // namespace
}  // namespace holdfast
