// SPDX-License-Identifier: Apache-2.0
// The loaded object. Private to this folder.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "agent/base/result.h"
#include "agent/dataplane/kernel/maps.h"
#include "agent/dataplane/kernel/pins.h"
#include "agent/dataplane/kernel/steps.h"

struct sock;  // the skeleton

namespace holdfast::kernel {

// CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (or CAP_SYS_ADMIN): which are missing, by name.
Result<> require_capabilities();

struct LoadPlan {
  std::map<std::string, int> reuse;  // maps that exist, by name; the others are made
  Capacity capacity;                 // of those
  // The sockets of the set before, where theirs is another layout: read where there is no newer
  // state, until they have moved.
  const Maps* moving_from = nullptr;
  bool no_netns_cookie = false;  // for tests: as before 5.14
};

// The network namespace that host frontends belong to: this process's. Its cookie is told since
// 5.14; before that the programs compare with the initial one's, which they can ask for.
struct HostNetns {
  std::uint64_t cookie = 0;
  bool initial = false;
  bool known() const { return cookie != 0 || initial; }
};
HostNetns host_netns();

class Programs {
 public:
  static Result<Programs> load(const LoadPlan& plan);
  Programs(Programs&&) noexcept;
  Programs& operator=(Programs&&) noexcept;
  ~Programs();

  // Into an empty directory: the maps that the load made, and the programs.
  Result<> pin(const std::string& directory, const Steps& steps) const;
  // In place of those of an earlier load over the same maps.
  Result<> repin_programs(const std::string& directory, const Steps& steps) const;

  int map_fd(const std::string& name) const;
  int fd(const std::string& program) const;
  const HostNetns& netns() const { return netns_; }
  bool moving() const { return moving_; }  // reads sockets of the set before, too

 private:
  Programs() = default;

  struct Unload {
    void operator()(sock* skeleton) const;
  };
  std::unique_ptr<sock, Unload> skeleton_;
  std::map<std::string, int> reused_;
  HostNetns netns_;
  bool moving_ = false;
};

// An error with what libbpf and the verifier said last.
Failure load_failure(int sys, const std::string& what);

}  // namespace holdfast::kernel
