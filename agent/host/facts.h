// SPDX-License-Identifier: Apache-2.0
// What a host offers and what is on it already, as read: no verdicts. Read by host/system.cpp
// (files) and dataplane/kernel/host.cpp (system calls), judged by host/judge.h. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::host {

// unknown: the question could not be asked, for want of a right or of a file.
enum class Answer { unknown, no, yes };

struct HookFact {
  std::string program;  // of ours: "hf_connect4"
  std::string hook;     // "cgroup/connect4"
  Answer offered = Answer::unknown;
  bool optional = false;  // without it the others serve
};

// A program at one of our hooks that is not ours, effective in the configured cgroup.
struct ForeignProgram {
  std::string hook;
  std::uint32_t id = 0;
  std::string name;        // "": may not be read without CAP_SYS_ADMIN
  bool exclusive = false;  // attached so that no other may be beside it
  bool before_ours = false;
};

struct KernelFacts {
  std::string release;  // "6.1.0-50-cloud-amd64"
  int major = 0, minor = 0;
  Answer btf = Answer::unknown;
  Answer links = Answer::unknown;       // bpf_link
  Answer set_retval = Answer::unknown;  // a connect can be answered with any errno
  Answer membarrier = Answer::unknown;  // MEMBARRIER_CMD_GLOBAL waits for a grace period here
  std::vector<HookFact> hooks;
  Answer netns_cookie = Answer::unknown;  // a socket tells its network namespace (5.14)
  bool initial_netns = false;             // this process is in the initial one
  std::string lockdown;                   // "none", "integrity", "confidentiality"; "": not told
};

struct CgroupFacts {
  std::string configured;  // "auto" or a directory
  std::string path;        // "": not found; then `problem` says why
  std::string problem;
  std::vector<ForeignProgram> foreign;
  std::string query_problem;  // why the programs at the hooks could not be asked for
};

struct LinkFact {
  std::string program;
  bool pinned = false;
  bool attached = false;
  bool left_out = false;  // optional, and not taken by the kernel
};

struct PinFacts {
  std::string bpffs;   // our directory
  std::string parent;  // what must be on bpffs
  bool parent_is_bpffs = false;
  bool present = false;      // a set of maps is pinned
  std::string set;           // what `current` names
  std::string problem;       // why the pins could not be read
  std::uint32_t layout = 0;  // 0: not read
  std::uint32_t layout_expected = 0;
  bool complete = false;  // a whole generation was applied
  std::vector<LinkFact> links;
  std::string grace;  // how the maps' writer waits for a grace period; "": not read
};

struct Process {
  int pid = 0;
  std::string name;  // at most 15 characters, as the kernel keeps it
};

// Of holdfastd if it runs, else of this process.
struct RightsFacts {
  bool of_daemon = false;
  int pid = 0;
  std::optional<std::uint64_t> capabilities;  // effective, a bit each
  std::optional<std::uint64_t> memlock;       // bytes; UINT64_MAX: unlimited
  int memory_version = 0;                     // of the memory cgroup: 1, 2; 0: none found
  std::string memory_path;
  std::optional<std::uint64_t>
      memory_limit;                          // bytes, the least of it and its ancestors; none: none
  std::optional<std::uint64_t> memory_used;  // bytes, at that limit
};

struct StateFacts {
  std::string directory;
  bool exists = false;
  bool writable = false;  // by this process
  std::uint64_t free_bytes = 0;
  int snapshots = 0;
};

struct DaemonFacts {
  std::string socket;
  bool answers = false;
  bool ready = false;
  std::string problem;
};

struct Facts {
  std::string config_path;
  std::string config_problem;  // "": it loads
  KernelFacts kernel;
  CgroupFacts cgroup;
  PinFacts pins;
  RightsFacts rights;
  StateFacts state;
  DaemonFacts daemon;
  std::vector<Process> processes;         // visible to this process
  std::vector<std::string> pinned_names;  // "/sys/fs/bpf/cilium": entries of the bpffs, two levels
};

}  // namespace holdfast::host
