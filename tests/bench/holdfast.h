// SPDX-License-Identifier: Apache-2.0
// Holdfast's side of a benchmark: the shipped programs and maps, filled through the planner.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/dataplane/kernel/kernel.h"
#include "agent/plan/planner.h"
#include "tests/bench/lab.h"

namespace holdfast::bench {

// A program whose run time is read, by the name under which it is reported.
struct ProgramFd {
  std::string name;
  Fd fd;
};

class Holdfast {
 public:
  // Makes the maps under `bpffs` and loads the programs.
  Holdfast(const std::string& cgroup, const std::string& bpffs, Capacity capacity);
  ~Holdfast();  // removes its pins

  Planner& planner() { return *planner_; }
  void apply(const Diff& diff);
  void fill(const std::vector<ServicePtr>& services);

  // By bpf_link, as the daemon does. `evidence` false: without sock_release.
  void attach(bool evidence);
  void detach();
  std::vector<ProgramFd> programs() const;  // of what is attached

  std::uint64_t counter(const std::string& name) const;
  // Path and kernel memory of each map.
  std::vector<std::pair<std::string, std::uint64_t>> maps() const;
  std::string map_path(const std::string& name) const;
  void collect();  // as the daemon does: retires what nothing is in flight to

 private:
  void detach_one(const std::string& program) const;

  std::string bpffs_;
  std::unique_ptr<KernelDataplane> plane_;
  std::unique_ptr<Planner> planner_;
};

// The look-up alone: tests/bench/bpf/lookup.bpf.c over the maps of `holdfast`.
class LookupOnly {
 public:
  explicit LookupOnly(const Holdfast& holdfast);
  ~LookupOnly();
  bpf_program* program() const;

 private:
  struct Skeleton;
  std::unique_ptr<Skeleton> skeleton_;
};

// Throws a failed Result's text.
template <class T>
T checked(Result<T> result, const std::string& what) {
  errno = 0;
  if (!result) give_up(what + ": " + result.error().what);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace holdfast::bench
