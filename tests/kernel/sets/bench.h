// SPDX-License-Identifier: Apache-2.0
// A bench for sets: a scratch cgroup and network namespace, a bpffs of this process's own (a
// private mount, so that all of it goes with the process), and agents run in it.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/dataplane/kernel/kernel.h"
#include "tests/kernel/bpf/lab.h"

namespace holdfast::kernel_test {

struct Ran {
  int status = -1;  // as of waitpid
  std::string output;
  bool good() const { return status == 0; }
  bool killed() const;
  long number(const std::string& name) const;  // "steps 12" -> 12
};

using Object = std::pair<char, std::uint32_t>;  // 'm'ap, 'p'rogram or 'l'ink, and its id

class Bench {
 public:
  Bench();
  ~Bench();

  const std::string& bpffs() const { return bpffs_; }
  const std::string& cgroup() const { return scratch_.cgroup(); }
  // A program of the build's bin/ with CGROUP BPFFS and these arguments.
  Ran agent(const std::vector<std::string>& arguments,
            const std::string& program = "sets_agent") const;
  Ran uninstall() const;

  // Every path under the bpffs directory, relative to it, sorted; `current` with its target.
  std::vector<std::string> pinned() const;
  // What is wrong with what is pinned when nothing is being changed: "" is nothing. One set, which
  // `current` names, whose maps and programs are all there, and whose programs all links run.
  std::string disorder() const;
  // Connections the maps believe open, over all endpoints.
  std::uint32_t in_flight() const;
  std::string traffic() const;  // what in_flight() is the sum of
  std::uint32_t set() const;
  // Leaves a set as a version would whose descriptions have another form.
  void forget_layout(const std::string& set) const;
  // Attaches another version's program, as it would: a link under a name that this one does not
  // know, to the program that serves IPv4 connects.
  void attach_unknown(const std::string& name) const;
  std::uint32_t attached() const;  // programs on the cgroup's hook of IPv4 connects
  // Everything pinned, and the maps that the pinned programs use.
  std::set<Object> objects() const;

 private:
  Scratch scratch_;
  std::string mount_, bpffs_;
};

std::set<Object> still_loaded(const std::set<Object>& objects);

}  // namespace holdfast::kernel_test
