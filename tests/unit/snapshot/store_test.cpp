// SPDX-License-Identifier: Apache-2.0
// The state directory: three kept, a corrupt one set aside, the older one used.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "agent/base/file.h"
#include "agent/snapshot/store.h"
#include "tests/unit/builders.h"
#include "tests/unit/snapshot/sealed.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Store : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "holdfast-store-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    ASSERT_TRUE(store().open());
  }
  void TearDown() override { fs::remove_all(directory_); }

  SnapshotStore store() const { return SnapshotStore(directory_ / "state"); }

  void save(std::uint64_t generation) {
    Snapshot snapshot;
    snapshot.generation = generation;
    snapshot.sources = {{"file", {{{build::service("song", {"10.96.0.1"}, {"10.1.0.1"})}}}}};
    const auto saved = store().save(snapshot);
    ASSERT_TRUE(saved) << saved.error().what;
  }

  // 0: none.
  std::uint64_t loaded() {
    notes_.clear();
    const auto snapshot = store().load(notes_);
    EXPECT_TRUE(snapshot);
    return snapshot && *snapshot ? (*snapshot)->generation : 0;
  }

  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_ / "state"))
      names.insert(entry.path().filename().string());
    return names;
  }

  static std::string name(std::uint64_t generation) {
    const std::string digits = std::to_string(generation);
    return "generation-" + std::string(20 - digits.size(), '0') + digits + ".snap";
  }
  fs::path path(std::uint64_t generation) const { return directory_ / "state" / name(generation); }

  void flip(std::uint64_t generation, std::size_t at) {
    std::fstream file(path(generation), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 0x20);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }

  fs::path directory_;
  std::vector<std::string> notes_;
};

TEST_F(Store, AnEmptyDirectoryHasNone) {
  EXPECT_EQ(loaded(), 0u);
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(Store, TheNewestComesBackAndThreeAreKept) {
  for (const std::uint64_t generation : {8, 9, 10, 11, 100}) save(generation);
  EXPECT_EQ(loaded(), 100u) << "by number, not as text of different length";
  EXPECT_THAT(files(), ElementsAre(name(10), name(11), name(100)));
}

TEST_F(Store, AFileIsForItsOwnerAlone) {
  save(1);
  struct stat status {};
  ASSERT_EQ(::stat(path(1).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Store, TheDirectoryIsForItsOwnerAlone) {
  struct stat status {};
  ASSERT_EQ(::stat((directory_ / "state").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u) << "as snapshot.h says";
}

TEST_F(Store, ACorruptOneIsSetAsideAndTheOlderOneUsed) {
  for (const std::uint64_t generation : {1, 2, 3}) save(generation);
  flip(3, 40);
  EXPECT_EQ(loaded(), 2u);
  EXPECT_THAT(notes_, ElementsAre(HasSubstr(name(3) + ".corrupt")));
  EXPECT_THAT(files(), ElementsAre(name(1), name(2), name(3) + ".corrupt"));
  EXPECT_EQ(loaded(), 2u);
  EXPECT_THAT(notes_, IsEmpty()) << "said once";
}

TEST_F(Store, ATruncatedAndAnEmptyOneAreCorrupt) {
  for (const std::uint64_t generation : {1, 2, 3}) save(generation);
  fs::resize_file(path(3), fs::file_size(path(3)) / 2);
  fs::resize_file(path(2), 0);
  EXPECT_EQ(loaded(), 1u);
  EXPECT_THAT(files(), ElementsAre(name(1), name(2) + ".corrupt", name(3) + ".corrupt"));
}

TEST_F(Store, AllCorruptIsNoneAndNothingIsDeleted) {
  for (const std::uint64_t generation : {1, 2, 3}) save(generation);
  for (const std::uint64_t generation : {1, 2, 3}) flip(generation, 30);
  EXPECT_EQ(loaded(), 0u);
  EXPECT_THAT(notes_, SizeIs(3));
  EXPECT_THAT(files(), SizeIs(3));
  for (const std::uint64_t generation : {4, 5, 6, 7, 8}) save(generation);
  EXPECT_THAT(files(), SizeIs(6)) << "set aside is never pruned";
}

TEST_F(Store, OneOfAnotherFormatIsLeftForTheVersionThatReadsIt) {
  save(1);
  save(2);
  auto bytes = read_file(path(2), 1 << 20);
  ASSERT_TRUE(bytes);
  (*bytes)[8] = 9;  // the format version stands after the magic
  ASSERT_TRUE(replace_file(path(2), sealed(*bytes), 0600));
  EXPECT_EQ(loaded(), 1u);
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("format 9")));
  EXPECT_THAT(files(), ElementsAre(name(1), name(2)));
}

// A number lower than the files': after a restore of an old machine image, say. What was written
// last is the last known good, and must not fall to its elders.
TEST_F(Store, WhatWasJustSavedIsNeverPruned) {
  for (const std::uint64_t generation : {100, 101, 102}) save(generation);
  save(7);
  EXPECT_THAT(files(), Contains(name(7)));
  for (const std::uint64_t generation : {8, 9, 10, 11}) save(generation);
  EXPECT_THAT(files(), ElementsAre(name(9), name(10), name(11), name(100), name(101), name(102)));
}

TEST_F(Store, WhatACrashLeftBesideIsIgnored) {
  save(1);
  std::ofstream(path(2).string() + ".new") << "half a file";
  EXPECT_EQ(loaded(), 1u);
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(Store, ADirectoryThatCannotBeMadeIsNamed) {
  std::ofstream(directory_ / "plain") << "a file";
  const auto opened = SnapshotStore((directory_ / "plain" / "state").string()).open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().what, HasSubstr((directory_ / "plain" / "state").string()));
}

TEST_F(Store, AFailedSaveLeavesTheOldOnes) {
  save(1);
  fs::create_directory(path(2));  // the name is taken by what cannot be replaced
  Snapshot snapshot;
  snapshot.generation = 2;
  EXPECT_FALSE(store().save(snapshot));
  EXPECT_EQ(loaded(), 1u);
}

}  // namespace
}  // namespace holdfast
