// SPDX-License-Identifier: Apache-2.0
// The loaded object and its links. Private to this folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/dataplane/dataplane.h"
#include "agent/dataplane/kernel/maps.h"
#include "agent/dataplane/kernel/pins.h"

struct sock;  // the skeleton

namespace holdfast::kernel {

// CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (or CAP_SYS_ADMIN): which are missing, by name.
Result<> require_capabilities();

class Programs {
 public:
  // Loads over the given maps; or, when there are none, makes and pins them with this capacity.
  static Result<Programs> load(const Pins& pins, bool take_over, const Capacity& capacity);
  Programs(Programs&&) noexcept;
  Programs& operator=(Programs&&) noexcept;
  ~Programs();

  // Pinned links of an earlier life at another cgroup: incompatible.
  static Result<> check_links(const Pins& pins, std::uint64_t cgroup_id);
  Result<> attach(const Pins& pins, const std::string& cgroup, std::uint64_t cgroup_id);

  std::uint64_t netns_cookie() const { return netns_cookie_; }

 private:
  Programs() = default;

  struct Unload {
    void operator()(sock* skeleton) const;
  };
  std::unique_ptr<sock, Unload> skeleton_;
  std::uint64_t netns_cookie_ = 0;
};

// Of the pinned links: attached means that it is, and to a cgroup that still exists.
std::vector<ProgramStatus> link_status(const Pins& pins);

}  // namespace holdfast::kernel
