// SPDX-License-Identifier: Apache-2.0
// The texts of the kernel as they are on hosts of both versions, in containers and outside.
#include "agent/base/memory_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {

// For messages of tests.
void PrintTo(const MemoryHierarchy& one, std::ostream* out) {
  *out << (one.version == CgroupVersion::v1 ? "v1 " : "v2 ") << one.mount << "|" << one.below << "|"
       << one.unknown;
}
bool operator==(const MemoryHierarchy& a, const MemoryHierarchy& b) {
  return a.version == b.version && a.mount == b.mount && a.below == b.below &&
         a.unknown == b.unknown;
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using V = CgroupVersion;

constexpr const char* kUnified =
    "35 28 0:30 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kHybrid =
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

TEST(Hierarchies, OfAUnifiedHost) {
  EXPECT_THAT(
      memory_hierarchies("0::/system.slice/holdfastd.service\n", kUnified),
      ElementsAre(MemoryHierarchy{V::v2, "/sys/fs/cgroup", "/system.slice/holdfastd.service", 0}));
}

TEST(Hierarchies, OfAContainerWithANamespaceOfItsOwn) {
  EXPECT_THAT(memory_hierarchies("0::/\n", kUnified),
              ElementsAre(MemoryHierarchy{V::v2, "/sys/fs/cgroup", "", 0}));
}

// The chart mounts the host's cgroups over the container's own.
TEST(Hierarchies, OfTheHostInAContainerWithANamespaceOfItsOwn) {
  EXPECT_THAT(memory_hierarchies("0::/\n",
                                 "500 480 0:30 /../../.. /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"),
              ElementsAre(MemoryHierarchy{V::v2, "/sys/fs/cgroup", "", 3}));
}

// Version 1 has no namespaces by default: what is mounted is the container's own directory.
TEST(Hierarchies, OfAContainerThatSeesPathsOfTheHost) {
  const std::string cgroup = "4:memory:/kubepods/pod1/c1\n3:cpu,cpuacct:/kubepods/pod1/c1\n0::/\n";
  EXPECT_THAT(
      memory_hierarchies(
          cgroup,
          "9 8 0:32 /kubepods/pod1/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"),
      ElementsAre(MemoryHierarchy{V::v1, "/sys/fs/cgroup/memory", "", 0}));
  EXPECT_THAT(
      memory_hierarchies(cgroup,
                         "9 8 0:32 /kubepods /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"),
      ElementsAre(MemoryHierarchy{V::v1, "/sys/fs/cgroup/memory", "/pod1/c1", 0}));
}

TEST(Hierarchies, OfAHybridHostAreBoth) {
  EXPECT_THAT(memory_hierarchies("4:memory:/a b\n1:name=systemd:/x\n0::/c\n", kHybrid),
              ElementsAre(MemoryHierarchy{V::v1, "/sys/fs/cgroup/memory", "/a b", 0},
                          MemoryHierarchy{V::v2, "/sys/fs/cgroup/unified", "/c", 0}));
}

TEST(Hierarchies, NamesOfMountsAreUnescaped) {
  EXPECT_THAT(memory_hierarchies("0::/", "35 28 0:30 / /with\\040space rw - cgroup2 c rw\n"),
              ElementsAre(MemoryHierarchy{V::v2, "/with space", "", 0}));
}

TEST(Hierarchies, WhatIsNotOursOrNoTextAtAllIsNone) {
  EXPECT_THAT(memory_hierarchies("", kHybrid), IsEmpty());
  EXPECT_THAT(memory_hierarchies("0::/a\n", ""), IsEmpty());
  EXPECT_THAT(memory_hierarchies("0\n::\n0::/a", "a b c - \n - \nx\n35 28 0:30 / - cgroup2"),
              IsEmpty());
  // Another container's directory; and ours is not below our own namespace's root.
  EXPECT_THAT(memory_hierarchies("0::/a\n", "1 2 0:3 /ab /m rw - cgroup2 c rw\n"), IsEmpty());
  EXPECT_THAT(memory_hierarchies("0::/../other\n", kUnified), IsEmpty());
}

TEST(Room, OfVersion2) {
  const auto room =
      room_of(V::v2, "1000\n", "900\n", "anon 1\nactive_file 50\ninactive_file 300\n");
  ASSERT_TRUE(room);
  EXPECT_EQ(room->limit, 1000u);
  EXPECT_EQ(room->used, 600u);
  EXPECT_EQ(room->left(), 400u);
}

// `inactive_file` there is of the cgroup alone, and what is charged is of all below it.
TEST(Room, OfVersion1CountsWhatIsBelow) {
  const auto room = room_of(V::v1, "1000\n", "900\n", "inactive_file 1\ntotal_inactive_file 100\n");
  ASSERT_TRUE(room);
  EXPECT_EQ(room->used, 800u);
}

TEST(Room, WithoutALimitIsNotKnown) {
  EXPECT_FALSE(room_of(V::v2, "max\n", "900\n", ""));
  EXPECT_FALSE(room_of(V::v1, "9223372036854771712\n", "900\n", ""));
  EXPECT_FALSE(room_of(V::v2, "", "900\n", ""));  // the root of version 2 has no such file
  EXPECT_FALSE(room_of(V::v2, "1000\n", "", ""));
}

TEST(Room, IsNeverBelowNothing) {
  const auto more = room_of(V::v2, "1000", "1200", "");
  ASSERT_TRUE(more);
  EXPECT_EQ(more->left(), 0u);
  const auto cache = room_of(V::v2, "1000", "10", "inactive_file 20");
  ASSERT_TRUE(cache);
  EXPECT_EQ(cache->used, 0u);
}

TEST(Room, TheTightestIsWhereTheLeastIsLeft) {
  EXPECT_FALSE(tightest({}));
  EXPECT_EQ(tightest({{1000, 900, "low"}, {10'000, 9'950, "high"}, {5000, 10, "own"}})->where,
            "high");
}

// Whatever the machine: it ends, and what it says is a limit.
TEST(Room, OfThisProcess) {
  const auto room = memory_of_this_process()();
  EXPECT_TRUE(!room || room->limit > 0);
}

}  // namespace
}  // namespace holdfast
