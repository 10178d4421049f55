// SPDX-License-Identifier: Apache-2.0
// A frontend that two services claim is said when it begins and when it ends, once.
#include "agent/app/conflicts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/builders.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ServicePtr outside(const char* name, const std::vector<std::string>& addresses) {
  Pool pool = build::pool(addresses, {build::endpoint("10.1.0.1")});
  for (Frontend& one : pool.frontends) one.kind = FrontendKind::external_ip;
  return build::service(name, {pool});
}

TEST(ConflictWatch, SaysEachOnceAndItsEnd) {
  Catalog catalog({{"kube"}}, 0);
  ConflictWatch watch;
  const auto song = build::service("song", {"10.96.0.1"}, {"10.1.0.1"});
  const auto thief = outside("thief", {"10.96.0.1"});
  catalog.apply("kube", {{song->key, song, false}});
  EXPECT_THAT(watch.look(catalog).begun, IsEmpty());
  catalog.apply("kube", {{thief->key, thief, false}});
  const auto news = watch.look(catalog);
  EXPECT_THAT(news.begun,
              ElementsAre("frontend 10.96.0.1:80 TCP is claimed twice: default/song has it "
                          "(ClusterIP, source kube) and default/thief does not get it (ExternalIP, "
                          "source kube): the kind of the owner comes first"));
  EXPECT_THAT(news.ended, IsEmpty());
  const auto grown = build::service("song", {"10.96.0.1"}, {"10.1.0.1", "10.1.0.2"});
  catalog.apply("kube", {{grown->key, grown, false}});
  EXPECT_THAT(watch.look(catalog).begun, IsEmpty()) << "the same conflict";
  catalog.apply("kube", {{thief->key, nullptr, true}});
  const auto over = watch.look(catalog);
  EXPECT_THAT(over.begun, IsEmpty());
  EXPECT_THAT(over.ended, ElementsAre("frontend 10.96.0.1:80 TCP: default/song does not keep "
                                      "default/thief from it any more"));
}

TEST(ConflictWatch, ThousandsAtOnceAreCounted) {
  Catalog catalog({{"kube"}}, 0);
  ConflictWatch watch;
  std::vector<std::string> addresses;
  for (int at = 0; at < 1000; ++at)
    addresses.push_back("10.97." + std::to_string(at / 250) + "." + std::to_string(at % 250));
  const auto song = build::service("song", addresses, {"10.1.0.1"}),
             thief = outside("thief", addresses);
  catalog.apply("kube", {{song->key, song, false}, {thief->key, thief, false}});
  const auto news = watch.look(catalog);
  ASSERT_EQ(news.begun.size(), ConflictWatch::kMostLines + 1);
  EXPECT_EQ(news.begun.back(), "and 950 frontends more");
}

}  // namespace
}  // namespace holdfast
