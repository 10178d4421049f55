// SPDX-License-Identifier: Apache-2.0
#include "agent/base/flock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/base/fd.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

struct Flock : testing::Test {
  Flock() {
    std::string pattern = (fs::temp_directory_path() / "holdfast-flock-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
    struct stat info {};
    ::stat(directory.c_str(), &info);
    inode = std::to_string(info.st_ino);
    fs::create_directories(directory + "/proc/4711");
  }
  ~Flock() override { fs::remove_all(directory); }
  void locks(const std::string& lines) const { std::ofstream(directory + "/proc/locks") << lines; }
  void process(const std::string& capabilities) const {
    std::ofstream(directory + "/proc/4711/comm") << "sleep\n";
    std::ofstream(directory + "/proc/4711/status")
        << "Name:\tsleep\nUid:\t0\t1000\t0\t0\nCapEff:\t" << capabilities << "\n";
  }
  std::string directory, inode;
};

TEST_F(Flock, OfThisProcessIsFound) {
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_FALSE(flock_holder(directory));
  ASSERT_EQ(::flock(fd.get(), LOCK_EX | LOCK_NB), 0);
  const auto holder = flock_holder(directory);
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->pid, ::getpid());
}

TEST_F(Flock, ItsHolderIsADaemonOnlyWithTheRightsOfOne) {
  locks("1: POSIX  ADVISORY  WRITE 12 00:1f:" + inode + " 0 EOF\n" +  //
        "2: -> FLOCK  ADVISORY  WRITE 13 00:1f:" + inode + " 0 EOF\n" +
        "3: FLOCK  ADVISORY  WRITE 14 00:1f:99" + inode + " 0 EOF\n" +
        "4: FLOCK  ADVISORY  WRITE 4711 00:1f:" + inode + " 0 EOF\n");
  for (const auto& [capabilities, could] :
       {std::pair{"0000000000000000", false}, std::pair{"00000000a80425fb", false},
        std::pair{"000000c000001000", true}, std::pair{"0000000000201000", true}}) {
    process(capabilities);
    const auto holder = flock_holder(directory, directory);
    ASSERT_TRUE(holder);
    EXPECT_EQ(holder->pid, 4711);
    EXPECT_EQ(holder->name, "sleep");
    EXPECT_EQ(holder->could_serve, could) << capabilities;
    EXPECT_EQ(holder->uid, 1000u);
    EXPECT_EQ(describe(*holder), "process 4711 (sleep) of user 1000");
  }
  fs::remove(directory + "/proc/4711/comm");
  EXPECT_EQ(describe(*flock_holder(directory, directory)),
            "process 4711, which cannot be looked at");
}

TEST_F(Flock, WhoCannotBeSeenIsNobody) {
  locks("1: FLOCK  ADVISORY  WRITE 0 00:1f:" + inode + " 0 EOF\nnonsense\n");
  EXPECT_FALSE(flock_holder(directory, directory));
  EXPECT_FALSE(flock_holder(directory + "/none", directory));
}

}  // namespace
}  // namespace holdfast
