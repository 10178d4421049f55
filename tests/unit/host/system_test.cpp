// SPDX-License-Identifier: Apache-2.0
// The readers, before files as kernels of both kinds of memory cgroup write them.
#include "agent/host/system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>

namespace holdfast::host {
namespace {

namespace fs = std::filesystem;

class Tree {
 public:
  Tree() {
    std::string pattern = (fs::temp_directory_path() / "holdfast_host_XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~Tree() { fs::remove_all(root_); }
  void put(const std::string& path, const std::string& content) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << content;
  }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

TEST(Processes, InOrderAndByName) {
  Tree tree;
  tree.put("/proc/20/comm", "kube-proxy\n");
  tree.put("/proc/3/comm", "two words\n");
  tree.put("/proc/meminfo", "MemTotal: 1\n");
  const auto found = read_processes(tree.root());
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].pid, 3);
  EXPECT_EQ(found[0].name, "two words");
  EXPECT_EQ(found[1].name, "kube-proxy");
}

TEST(Processes, WhoListens) {
  Tree tree;
  tree.put("/proc/self/net/unix",
           "Num RefCount Protocol Flags Type St Inode Path\n"
           "0: 00000003 00000000 00000000 0001 03 111 /run/a.sock\n"
           "0: 00000002 00000000 00010000 0001 01 222 /run/a.sock\n");
  for (const int pid : {5, 6}) {
    const std::string fd = "/proc/" + std::to_string(pid) + "/fd/";
    tree.put(fd + "x", "");
    fs::create_symlink(pid == 5 ? "socket:[111]" : "socket:[222]", tree.root() + fd + "7");
  }
  const std::vector<Process> processes = {{5, "client"}, {6, "holdfastd"}};
  EXPECT_EQ(owner_of_socket(tree.root(), processes, "/run/a.sock"), 6);
  EXPECT_EQ(owner_of_socket(tree.root(), processes, "/run/b.sock"), 0);
}

TEST(Rights, CapabilitiesAndMemlock) {
  Tree tree;
  tree.put("/proc/5/status",
           "Name:\tholdfastd\nCapPrm:\t0000000000000000\nCapEff:\t000000c000001000\n");
  tree.put("/proc/5/limits",
           "Limit  Soft Limit\nMax locked memory         65536                65536\n");
  const RightsFacts found = read_rights(tree.root(), 5);
  EXPECT_TRUE(found.of_daemon);
  EXPECT_EQ(found.capabilities, 0xc000001000u);
  EXPECT_EQ(found.memlock, 65536u);
  EXPECT_EQ(found.memory_version, 0);
  tree.put("/proc/self/limits", "Max locked memory         unlimited            unlimited\n");
  const RightsFacts own = read_rights(tree.root(), 0);
  EXPECT_EQ(own.memlock, std::numeric_limits<std::uint64_t>::max());
  EXPECT_FALSE(own.of_daemon);
  EXPECT_FALSE(own.capabilities);
}

TEST(Memory, TheTightestAncestorOfVersion2) {
  Tree tree;
  tree.put("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
  tree.put("/proc/5/cgroup", "0::/pods/agent\n");
  tree.put("/sys/fs/cgroup/pods/agent/memory.max", "max\n");
  tree.put("/sys/fs/cgroup/pods/memory.max", "268435456\n");
  tree.put("/sys/fs/cgroup/pods/memory.current", "1000\n");
  const RightsFacts found = read_rights(tree.root(), 5);
  EXPECT_EQ(found.memory_version, 2);
  EXPECT_EQ(found.memory_limit, 268435456u);
  EXPECT_EQ(found.memory_used, 1000u);
  EXPECT_EQ(found.memory_path, "/sys/fs/cgroup/pods");
}

TEST(Memory, Version1OnAHybridHost) {
  Tree tree;
  tree.put("/proc/self/mounts",
           "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
           "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
           "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n");
  tree.put("/proc/5/cgroup", "9:memory:/agent\n0::/\n");
  tree.put("/sys/fs/cgroup/memory/agent/memory.limit_in_bytes", "1048576\n");
  tree.put("/sys/fs/cgroup/memory/agent/memory.usage_in_bytes", "512\n");
  tree.put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  const RightsFacts found = read_rights(tree.root(), 5);
  EXPECT_EQ(found.memory_version, 1);
  EXPECT_EQ(found.memory_limit, 1048576u);
  EXPECT_EQ(found.memory_used, 512u);
}

TEST(State, DirectoryAndSnapshots) {
  Tree tree;
  EXPECT_FALSE(read_state(tree.root(), "/state").exists);
  tree.put("/state/generation-00000000000000000001.snap", "x");
  tree.put("/state/generation-00000000000000000002.snap.corrupt", "x");
  const StateFacts found = read_state(tree.root(), "/state");
  EXPECT_TRUE(found.exists);
  EXPECT_TRUE(found.writable);
  EXPECT_EQ(found.snapshots, 1);
  EXPECT_GT(found.free_bytes, 0u);
}

TEST(Pinned, TwoLevelsWithoutOurs) {
  Tree tree;
  tree.put("/bpf/cilium/socketlb/x", "");
  tree.put("/bpf/holdfast/links/x", "");
  EXPECT_THAT(read_pinned_names(tree.root(), "/bpf", "/bpf/holdfast"),
              testing::ElementsAre("/bpf/cilium", "/bpf/cilium/socketlb"));
}

TEST(Release, Numbers) {
  int major = -1, minor = -1;
  parse_release("5.10.0-46-cloud-amd64", major, minor);
  EXPECT_EQ(major, 5);
  EXPECT_EQ(minor, 10);
  parse_release("odd", major, minor);
  EXPECT_EQ(major, 0);
}

}  // namespace
}  // namespace holdfast::host
