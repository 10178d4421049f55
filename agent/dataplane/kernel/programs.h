// SPDX-License-Identifier: Apache-2.0
// The loaded objects, as one: their maps and their programs. Private to this folder.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/dataplane/kernel/maps.h"
#include "agent/dataplane/kernel/objects.h"
#include "agent/dataplane/kernel/pins.h"
#include "agent/dataplane/kernel/steps.h"

namespace holdfast::kernel {

// CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (or CAP_SYS_ADMIN): which are missing, by name.
Result<> require_capabilities();

struct LoadPlan {
  std::map<std::string, int> reuse;  // maps that exist, by name; the others are made
  Capacity capacity;                 // of those
  // The set before: those of its storages that are neither reused nor new are read where there is
  // no newer state, until their sockets have moved.
  const Maps* before = nullptr;
  bool no_netns_cookie = false;  // for tests: as before 5.14
};

HostNetns host_netns();

class Programs {
 public:
  // An error where a required object is refused; an optional one is left out.
  static Result<Programs> load(const LoadPlan& plan);

  // Into an empty directory: the maps that the load made, and the programs.
  Result<> pin(const std::string& directory, const Steps& steps) const;
  // In place of those of an earlier load over the same maps.
  Result<> repin_programs(const std::string& directory, const Steps& steps) const;

  int map_fd(const std::string& name) const;                   // negative: no object has it
  int fd(const std::string& program) const;                    // negative: its object is left out
  std::string why_left_out(const std::string& program) const;  // "": it is not
  // Of each object that is left out: name and reason.
  const std::map<std::string, std::string>& left_out() const { return left_out_; }
  const HostNetns& netns() const { return netns_; }
  bool moving() const { return moving_; }  // reads sockets of the set before, too

 private:
  Programs() = default;
  Result<> load(const ObjectRow& row, const LoadPlan& plan, const ObjectSettings& settings);

  std::map<std::string, std::unique_ptr<Object>> objects_;  // by name of the row
  std::map<std::string, std::string> left_out_;
  std::map<std::string, int> fds_;  // of the maps that are pinned, made and reused
  std::vector<std::string> made_;   // of those
  HostNetns netns_;
  bool moving_ = false;
};

// An error with what libbpf and the verifier said last.
Failure load_failure(int sys, const std::string& what);

}  // namespace holdfast::kernel
