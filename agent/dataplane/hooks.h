// SPDX-License-Identifier: Apache-2.0
// The programs and their links, behind an interface: the kernel's (dataplane/kernel/), and one in
// memory for tests without root. Used from one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace holdfast {

struct ProgramStatus {
  std::string name;
  bool attached = false;  // its link points to the configured cgroup, and runs it
  bool pinned = false;    // and will outlive this process
  // Why; it is optional, and the kernel does not take it. "": it is loaded.
  std::string left_out = {};
};

// What others did to links and pins: a line each; and whether all of it was mended.
struct Watched {
  std::vector<std::string> faults;
  Result<> mended;
};

class Hooks {
 public:
  virtual ~Hooks() = default;
  // Attaches what is not attached, in the order of abi/pins.h, and switches the links that are
  // to this life's programs (LINK_UPDATE). To be called when the maps hold a complete generation,
  // so that a first attach never meets half a catalog. Where a set of another version serves that
  // cannot be read, this is the moment at which this life's set takes its place.
  virtual Result<> attach() = 0;
  // After attach(), every few seconds: attaches again what somebody detached, also when the cgroup
  // was removed and made again; pins again what lost its pin. Some 60 system calls.
  virtual Watched watch() = 0;
  // Writes {bypass} into the state of one of our own sockets, before it connects.
  virtual Result<> bypass(int socket_fd) = 0;
  virtual std::vector<ProgramStatus> programs() = 0;

  virtual bool took_over() const = 0;  // the maps were pinned before
  // The set that serves until attach(), and why this version cannot read it: its ids, its counts
  // and the state of its sockets are not carried over. "": there is none.
  virtual std::string unreadable() const = 0;
  virtual std::string cgroup_path() const = 0;
  // Of opening: what is not as it should be, and keeps nobody from serving.
  virtual const std::vector<std::string>& warnings() const = 0;
  virtual std::string_view grace() const = 0;  // how grace periods are waited for
};

}  // namespace holdfast
