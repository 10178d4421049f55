// SPDX-License-Identifier: Apache-2.0
// A host of this process's own for the real dataplane: cgroups, a network namespace, and a bpffs in
// a mount namespace, which goes with the process however it ends. Needs root.
#pragma once

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/fd.h"
#include "agent/dataplane/kernel/kernel.h"
#include "agent/dataplane/kernel/trial.h"
#include "agent/reconcile/reconciler.h"
#include "tests/kernel/bpf/lab.h"
#include "tests/unit/builders.h"

namespace holdfast::kernel_test {

// A directory on a bpffs that no other process sees.
class PrivateBpffs {
 public:
  PrivateBpffs();
  ~PrivateBpffs();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  Fd former_;
};

// Everything below `directory`, links followed nowhere, sorted.
std::vector<std::string> tree(const std::string& directory);
Fd pinned(const std::string& path);
std::size_t programs_attached(const std::string& cgroup);  // to the hooks of abi/pins.h

class KernelHost : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  KernelOptions options() const;
  // A life of the daemon, as far as the dataplane knows it: opens, adopts, plans all, attaches.
  void live();
  void die() {
    reconciler_.reset();
    dataplane_.reset();
  }
  Result<> say(const std::vector<ServicePtr>& services);

  // A listener on a loopback address that stays open; its port is 8080, as build::endpoint's.
  void serve(const std::string& address);
  // "ADDRESS:PORT" reached when dialling `address`:80 or the errno's name.
  std::string reached(const std::string& address);

  std::unique_ptr<Scratch> scratch_;
  std::unique_ptr<PrivateBpffs> bpffs_;
  std::string root_;  // the bpffs directory of the configuration
  std::string cgroup_;
  KernelTrial trial_;
  std::map<ServiceKey, ServicePtr> services_;
  std::uint64_t number_ = 0;
  Capacity capacity_{64, 16, 40, 512, 80, 200};  // and the limit
  std::unique_ptr<KernelDataplane> dataplane_;
  std::optional<Reconciler> reconciler_;
  std::vector<Fd> listeners_;
};

inline ServicePtr song(std::vector<std::string> endpoints) {
  return build::service("song", {"10.96.0.1"}, std::move(endpoints));
}

}  // namespace holdfast::kernel_test
