// SPDX-License-Identifier: Apache-2.0
// How much memory is left below the limits of this process's memory cgroup and of all above it that
// can be seen from here (kernel: admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst). What exceeds one
// is killed by the kernel. Reading them needs no privilege.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// Below one limit. Bytes.
struct MemoryRoom {
  std::uint64_t limit = 0;
  // Without inactive file pages, which the kernel takes back before it kills: the working set as
  // kubelet has it (cAdvisor, container/libcontainer/handler.go: setMemoryStats).
  std::uint64_t used = 0;
  std::string where = {};  // the file that has the limit

  std::uint64_t left() const { return used < limit ? limit - used : 0; }
};

enum class CgroupVersion : std::uint8_t { v1, v2 };

// Where the memory controller may show this process's cgroup.
struct MemoryHierarchy {
  CgroupVersion version = CgroupVersion::v2;
  std::string mount;
  std::string below;  // the cgroup's path below the mount: "" or "/pod/container"
  // The mount shows more than our namespace of cgroups does (the host's hierarchy in a container,
  // with a namespace of its own): our cgroup is so many directories below it, by names unknown.
  std::size_t unknown = 0;
};

// From the texts of /proc/self/cgroup and /proc/self/mountinfo (cgroups(7), proc(5)).
std::vector<MemoryHierarchy> memory_hierarchies(std::string_view cgroup,
                                                std::string_view mountinfo);

// From the texts of one cgroup's files: v2 memory.max, memory.current, memory.stat; v1
// memory.limit_in_bytes, memory.usage_in_bytes, memory.stat. nullopt: there is no limit, or they
// cannot be read.
std::optional<MemoryRoom> room_of(CgroupVersion version, std::string_view limit,
                                  std::string_view usage, std::string_view stat);

// Of nested limits the one that is reached first.
std::optional<MemoryRoom> tightest(const std::vector<MemoryRoom>& rooms);

// Finds the directories once, and reads them at each call. nullopt: no limit is known.
std::function<std::optional<MemoryRoom>()> memory_of_this_process();

}  // namespace holdfast
