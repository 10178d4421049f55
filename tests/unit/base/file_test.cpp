// SPDX-License-Identifier: Apache-2.0
#include "agent/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

namespace holdfast {
namespace {

class File : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "holdfast-file-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path(const char* name) const { return (directory_ / name).string(); }

  std::filesystem::path directory_;
};

TEST_F(File, ReplacesWholeAndLeavesNothingBeside) {
  ASSERT_TRUE(replace_file(path("a"), "first", 0600));
  ASSERT_TRUE(replace_file(path("a"), "second", 0600));
  EXPECT_EQ(*read_file(path("a"), 100), "second");
  EXPECT_FALSE(std::filesystem::exists(path("a.new")));
}

TEST_F(File, AFailedReplaceKeepsTheOldContent) {
  ASSERT_TRUE(replace_file(path("a"), "first", 0600));
  std::filesystem::create_directory(path("a.new"));
  const auto replaced = replace_file(path("a"), "second", 0600);
  ASSERT_FALSE(replaced);
  EXPECT_NE(replaced.error().what.find("a.new"), std::string::npos);
  EXPECT_EQ(*read_file(path("a"), 100), "first");
}

TEST_F(File, RefusesWhatIsTooLongMissingOrNotAFile) {
  ASSERT_TRUE(replace_file(path("a"), "0123456789", 0600));
  EXPECT_EQ(read_file(path("a"), 9).error().code, Errc::exhausted);
  EXPECT_TRUE(read_file(path("a"), 10));
  EXPECT_EQ(read_file(path("none"), 9).error().sys, ENOENT);
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_file(path("pipe"), 9).error().code, Errc::invalid) << "and does not block";
}

TEST(Error, SaysTheCauseLastAndTheContextFirst) {
  const auto failure = fail_errno(EACCES, "open map 'pools'");
  EXPECT_EQ(failure.value().what, "open map 'pools': Permission denied (EACCES)");
  EXPECT_EQ(failure.value().code, Errc::denied);
  EXPECT_EQ(within("start", failure.value()).value().what.substr(0, 7), "start: ");
}

}  // namespace
}  // namespace holdfast
