// SPDX-License-Identifier: Apache-2.0
// A grace period: after it, every program that ran when it began has ended.
#pragma once

#include "agent/base/fd.h"
#include "agent/base/result.h"
#include "holdfast/abi/names.h"

namespace holdfast::kernel {

class Grace {
 public:
  // membarrier(2) where it waits for RCU; else an update of a map-in-map, which does too.
  static Result<Grace> choose();
  static bool membarrier_waits();  // on this machine
  // Where membarrier waits no longer, as with all processors but one taken offline, or is refused:
  // by the map-in-map, from then on.
  Result<> wait();
  hf_grace_mode mode() const { return mode_; }

 private:
  Result<> make_maps();

  hf_grace_mode mode_ = HF_GRACE_MEMBARRIER;
  Fd outer_, inner_[2];
  int turn_ = 0;
};

}  // namespace holdfast::kernel
