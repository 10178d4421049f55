// SPDX-License-Identifier: Apache-2.0
// Files that do not fit into the memory that is left.
#include <cerrno>

#include "tests/unit/file/catalogs.h"

namespace holdfast {
namespace {

using test::Files;
using test::kImage;
using test::kSong;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

std::string many(int services) {
  std::string text;
  for (int one = 0; one < services; ++one)
    text += test::service("other" + std::to_string(one),
                          "10.97." + std::to_string(one / 250) + "." + std::to_string(one % 250));
  return text;
}

// Room for a few services, not for a thousand.
struct Tight {
  std::uint64_t limit = 60 * kMiB;
  std::shared_ptr<MemoryGate> gate = std::make_shared<MemoryGate>(
      [this] {
        return MemoryRoom{limit, 52 * kMiB, "memory.max"};
      },
      [] {
        return MapsRoom{100'000, 100'000, kMiB};
      });
  FileSet set{"file", gate};
  test::Told told;
  bool news = false;

  SourceUpdate observe(const Files& files) {
    gate->begin("file");
    const auto update = set.observe(FileTexts(files), "");
    news = update.has_value();
    if (news) told.take(*update);
    return update.value_or(SourceUpdate{});
  }
};

TEST(Memory, AFileThatDoesNotFitKeepsItsLastGood) {
  Tight tight;
  tight.observe({{"a.yaml", kSong}, {"b.yaml", kImage}});
  const SourceUpdate update = tight.observe({{"a.yaml", kSong + many(1000)}, {"b.yaml", kImage}});
  EXPECT_TRUE(tight.news);
  EXPECT_THAT(tight.told.services(), ElementsAre("image", "song"));
  ASSERT_THAT(update.problems, SizeIs(1));
  EXPECT_EQ(update.problems[0].file, "a.yaml");
  EXPECT_THAT(update.problems[0].message, HasSubstr("below the limit of 60 MiB (memory.max)"));
  ASSERT_THAT(update.doubts, SizeIs(1));
  EXPECT_EQ(update.doubts[0].origin, "a.yaml");
  EXPECT_THAT(update.confirmed_origins, ElementsAre("b.yaml"));
  EXPECT_EQ(tight.set.refused_for_memory(), 1u);
}

TEST(Memory, AFirstFileThatDoesNotFitKeepsNothingOfTheOthersBack) {
  Tight tight;
  const SourceUpdate update = tight.observe({{"a.yaml", many(1000)}, {"b.yaml", kImage}});
  EXPECT_THAT(tight.told.services(), ElementsAre("image"));
  EXPECT_FALSE(update.complete);  // absences are not known to be any
}

TEST(Memory, WhatDoesNotFitIsNotReadAgainUntilItOrTheRoomChanges) {
  Tight tight;
  const Files files = {{"a.yaml", kSong + many(1000)}};
  tight.observe(files);
  tight.observe(files);
  EXPECT_FALSE(tight.news);
  EXPECT_EQ(tight.set.refusals(), 1u);
  tight.limit = tight.limit + kMiB;  // still too little, and known to be
  tight.observe(files);
  EXPECT_EQ(tight.set.refusals(), 1u);
  tight.limit = 200 * kMiB;
  EXPECT_GT(*tight.set.needed_memory(), kMiB);
  const SourceUpdate update = tight.observe(files);
  EXPECT_THAT(update.problems, IsEmpty());
  EXPECT_THAT(tight.told.services(), SizeIs(1001));
  EXPECT_EQ(tight.set.needed_memory(), std::nullopt);
}

TEST(Memory, AShorterFileFitsAgain) {
  Tight tight;
  tight.observe({{"a.yaml", kSong + many(1000)}});
  const SourceUpdate update = tight.observe({{"a.yaml", kSong}});
  EXPECT_THAT(update.problems, IsEmpty());
  EXPECT_THAT(tight.told.services(), ElementsAre("song"));
}

TEST(Memory, AFileThatVanishedIsWaitedForNoMore) {
  Tight tight;
  tight.observe({{"a.yaml", many(1000)}, {"b.yaml", kImage}});
  tight.observe({{"b.yaml", kImage}});
  EXPECT_EQ(tight.set.refused_for_memory(), 0u);
  EXPECT_EQ(tight.set.needed_memory(), std::nullopt);
}

// A text that is not even in memory: how little is left is another figure each time.
TEST(Memory, ATextThatDoesNotFitIsToldOnce) {
  Tight tight;
  const auto refused = [](const std::string& words) {
    Error error{Errc::exhausted, ENOMEM, words};
    return Files{{"a.yaml", tl::unexpected(error)}};
  };
  EXPECT_THAT(tight.observe(refused("2 MiB are left")).problems, SizeIs(1));
  tight.observe(refused("3 MiB are left"));
  EXPECT_FALSE(tight.news);
  EXPECT_EQ(tight.set.refusals(), 1u);
  EXPECT_EQ(tight.set.needed_memory(), std::nullopt);  // asked again by the slow scan
}

// Cut nowhere: all its values would be in memory at once.
TEST(Memory, ATextThatIsParsedWholeIsRefusedBeforeItIs) {
  Tight tight;
  std::string items;
  for (int one = 0; one < 3000; ++one)
    items += (one ? ", " : "") + std::string("&a") + std::to_string(one) +
             " {apiVersion: v1, kind: Other, metadata: {name: x}}";
  const SourceUpdate update =
      tight.observe({{"a.yaml", "apiVersion: v1\nkind: List\nitems: [" + items + "]\n"}});
  ASSERT_THAT(update.problems, SizeIs(1));
  EXPECT_THAT(update.problems[0].message, HasSubstr("for lack of memory"));
}

}  // namespace
}  // namespace holdfast
