// SPDX-License-Identifier: Apache-2.0
// The steps between which a process may end. Private to agent/dataplane/kernel.
#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/dataplane/kernel/iterate.h"
#include "agent/dataplane/kernel/trial.h"

namespace holdfast::kernel {

class Steps {
 public:
  Steps() = default;
  explicit Steps(const KernelTrial* trial) : trial_(trial) {}

  void next(const std::string& step) const {
    if (trial_ && trial_->before_step) trial_->before_step(step);
  }
  bool connects_first() const { return trial_ && trial_->connects_first; }
  bool no_cut() const { return trial_ && trial_->no_cut; }
  bool no_netns_cookie() const { return trial_ && trial_->no_netns_cookie; }
  Result<> may_iterate() const {
    if (trial_ && trial_->no_iterator) return fail(Errc::denied, "left out by a test");
    return kernel::may_iterate();
  }

 private:
  const KernelTrial* trial_ = nullptr;
};

}  // namespace holdfast::kernel
