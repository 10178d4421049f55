// SPDX-License-Identifier: Apache-2.0
// What a kernel may refuse, whoever asks: a test that needs it cannot run there, and says so. Such
// a line is counted apart from what was skipped (scripts/lib/count.py).
#pragma once

#include <gtest/gtest.h>

#include "agent/dataplane/kernel/iterate.h"

#define HF_NEEDS_ITERATORS()                                       \
  if (const auto& may_ = ::holdfast::kernel::may_iterate(); !may_) \
  GTEST_SKIP() << "cannot run here: " << may_.error().what
