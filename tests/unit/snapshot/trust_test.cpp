// SPDX-License-Identifier: Apache-2.0
// Which files of a state directory are used, and what becomes of the others.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "agent/base/file.h"
#include "agent/snapshot/store.h"
#include "tests/unit/snapshot/golden.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string name(std::uint64_t generation, const std::string& suffix = "") {
  const std::string digits = std::to_string(generation);
  return "generation-" + std::string(20 - digits.size(), '0') + digits + ".snap" + suffix;
}

class Trusted : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "holdfast-trust-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }

  SnapshotStore store(const std::string& node = "node-1") const {
    return SnapshotStore(directory_.string(), node);
  }
  void save(std::uint64_t generation, const std::string& node = "node-1") {
    Snapshot snapshot = golden_snapshot();
    snapshot.generation = generation;
    snapshot.node = node;
    const auto saved = store().save(snapshot);
    ASSERT_TRUE(saved) << saved.error().what;
  }
  std::uint64_t loaded(const std::string& node = "node-1") {
    notes_.clear();
    const auto snapshot = store(node).load(notes_);
    EXPECT_TRUE(snapshot);
    return snapshot && *snapshot ? (*snapshot)->generation : 0;
  }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_))
      names.insert(entry.path().filename().string());
    return names;
  }
  fs::path path(std::uint64_t generation) const { return directory_ / name(generation); }
  void place(const fs::path& at, const char* data) {
    fs::copy_file(std::string(HOLDFAST_SOURCE_DIR "/tests/unit/snapshot/data/") + data, at);
  }

  fs::path directory_;
  std::vector<std::string> notes_;
};

TEST_F(Trusted, AForeignOneIsSetAsideAndTheOneBeforeUsed) {
  save(1);
  save(2);
  save(3, "node-2");
  EXPECT_EQ(loaded(), 2u);
  EXPECT_THAT(notes_,
              ElementsAre(testing::AllOf(HasSubstr("of another node: node-2, and this is node-1"),
                                         HasSubstr(name(3, ".foreign")))));
  EXPECT_THAT(files(), ElementsAre(name(1), name(2), name(3, ".foreign")));
  EXPECT_EQ(loaded(), 2u);
  EXPECT_THAT(notes_, IsEmpty()) << "said once";
}

TEST_F(Trusted, WithoutANameOfItsOwnEveryNodeIsThisOne) {
  save(1, "node-2");
  EXPECT_EQ(loaded(""), 1u);
}

// They were written here, by a version that told no node.
TEST_F(Trusted, EarlierFormatsAreUsed) {
  place(path(4711), "format-1.snap");
  EXPECT_EQ(loaded(), 4711u);
  fs::remove(path(4711));
  place(path(4711), "format-2.snap");
  EXPECT_EQ(loaded(), 4711u);
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(Trusted, ANewerMajorFormatStaysAndTheOneBeforeIsUsed) {
  save(7);
  place(path(4711), "format-4.snap");
  EXPECT_EQ(loaded(), 7u);
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("format 4.0")));
  EXPECT_THAT(files(), ElementsAre(name(7), name(4711)));
}

TEST_F(Trusted, ALinkADirectoryAndAnEmptyFileAreSetAside) {
  save(1);
  const fs::path outside = directory_ / "outside";
  fs::rename(path(1), outside);
  save(1);
  fs::create_symlink(outside, path(2));
  fs::create_directory(path(3));
  std::ofstream(path(4)).flush();
  EXPECT_EQ(loaded(), 1u);
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("empty"), HasSubstr("not a regular file"),
                                  HasSubstr("symbolic link")));
  EXPECT_THAT(files(), ElementsAre(name(1), name(2, ".corrupt"), name(3, ".corrupt"),
                                   name(4, ".corrupt"), "outside"));
  EXPECT_TRUE(fs::exists(outside)) << "the link was moved, and not what it names";
}

TEST_F(Trusted, ANameThatTellsAnotherGenerationIsNotBelieved) {
  save(1);
  save(2);
  fs::rename(path(2), path(9));
  EXPECT_EQ(loaded(), 1u);
  EXPECT_THAT(notes_,
              ElementsAre(HasSubstr("its name tells another generation than its content, 2")));
}

TEST_F(Trusted, WhatWasSetAsideEarlierIsNeverOverwritten) {
  for (int life = 0; life < 3; ++life) {
    save(5);
    fs::resize_file(path(5), 100 + static_cast<std::uintmax_t>(life));
    EXPECT_EQ(loaded(), 0u);
  }
  EXPECT_THAT(files(),
              ElementsAre(name(5, ".corrupt"), name(5, ".corrupt.2"), name(5, ".corrupt.3")));
}

TEST_F(Trusted, OfVeryManySetAsideTheNewestSixteenStay) {
  for (std::uint64_t generation = 1; generation <= 20; ++generation) {
    save(generation);
    fs::resize_file(path(generation), 50);
    fs::last_write_time(path(generation),
                        fs::file_time_type::clock::now() + std::chrono::seconds(generation));
    EXPECT_EQ(loaded(), 0u);
  }
  EXPECT_THAT(files(), SizeIs(16));
  EXPECT_THAT(files(), Contains(name(20, ".corrupt")));
  EXPECT_THAT(files(), Not(Contains(name(4, ".corrupt"))));
  EXPECT_THAT(notes_, ElementsAre(HasSubstr(name(4, ".corrupt") + " was removed")));
}

// Else a new life would give the number of a generation that was there before to another content.
TEST_F(Trusted, NumbersGrowOverWhatIsNotTrusted) {
  EXPECT_EQ(*store().highest(), 0u);
  save(3);
  place(path(4711), "format-4.snap");
  EXPECT_EQ(*store().highest(), 4711u);
  std::ofstream(directory_ / name(9000, ".corrupt")) << "x";
  EXPECT_EQ(*store().highest(), 9000u);
  for (const char* other : {"generation-99999999999999999999.snap", "generation-1.snap",
                            "generation-00000000000000009999.snap.new", "notes.txt"})
    std::ofstream(directory_ / other) << "x";
  EXPECT_EQ(*store().highest(), 9000u);
}

TEST_F(Trusted, TheListTellsOfEachAndChangesNothing) {
  save(2, "node-2");
  save(3);
  std::ofstream(directory_ / name(1, ".corrupt")) << "x";
  const auto before = files();
  const auto list = store().list();
  ASSERT_TRUE(list);
  ASSERT_THAT(*list, SizeIs(3));
  EXPECT_EQ((*list)[0].name, name(3));
  EXPECT_EQ((*list)[0].trust, Trust::good);
  EXPECT_EQ((*list)[0].format.to_string(), "3.2");
  EXPECT_EQ((*list)[1].trust, Trust::foreign);
  EXPECT_TRUE((*list)[1].snapshot);
  EXPECT_EQ((*list)[2].trust, Trust::damaged);
  EXPECT_TRUE((*list)[2].aside);
  EXPECT_EQ(files(), before);
}

TEST_F(Trusted, OneWriterAtATime) {
  SnapshotStore first = store();
  ASSERT_TRUE(first.lock());
  const auto second = store().lock();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::exists);
  EXPECT_THAT(second.error().what, HasSubstr("another holdfastd"));
}

// Whoever may open a directory may lock it.
TEST_F(Trusted, ALockOfWhoCannotWriteThereKeepsNobodyFromStarting) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY);
    const bool locked = ::setresuid(65534, 65534, 65534) == 0 && ::flock(fd, LOCK_EX) == 0;
    (void)!::write(ready[1], locked ? "y" : "n", 1);
    ::pause();
    ::_exit(0);
  }
  char locked = 0;
  ASSERT_EQ(::read(ready[0], &locked, 1), 1);
  ASSERT_EQ(locked, 'y');
  const auto without = store().lock();
  ASSERT_TRUE(without) << without.error().what;
  EXPECT_THAT(*without, HasSubstr("process " + std::to_string(child)));
  EXPECT_THAT(*without, HasSubstr("user 65534"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  for (const int end : ready) ::close(end);
}

TEST_F(Trusted, TheLockRemovesWhatACrashLeftHalfWrittenAndNothingElse) {
  save(1);
  std::ofstream(directory_ / name(2, ".new")) << "half";
  std::ofstream(directory_ / "other.new") << "not ours";
  SnapshotStore one = store();
  ASSERT_TRUE(one.lock());
  EXPECT_THAT(files(), ElementsAre(name(1), "other.new"));
}

TEST_F(Trusted, AFullDiskIsAnErrorAndLeavesTheOldOnes) {
  save(1);
  // The name is taken by a device that is always full: written through, and not renamed over.
  ASSERT_EQ(::symlink("/dev/full", (directory_ / name(2, ".new")).c_str()), 0);
  Snapshot snapshot = golden_snapshot();
  snapshot.generation = 2;
  const auto saved = store().save(snapshot);
  ASSERT_FALSE(saved);
  EXPECT_THAT(saved.error().what, HasSubstr("No space left"));
  EXPECT_EQ(loaded(), 1u);
  EXPECT_THAT(files(), ElementsAre(name(1)));
}

}  // namespace
}  // namespace holdfast
