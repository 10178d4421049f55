// SPDX-License-Identifier: Apache-2.0
// Which of a pool's endpoints new connects of this node are sent to. Pure.
#pragma once

#include <vector>

#include "agent/model/vantage.h"

namespace holdfast {

// A flag for each of pool.endpoints. Of those that are near (of a local pool, on this node) the
// ready ones; where none is left, those that still serve while
// terminating (KEP-1672). Among these a doubted one is used last: only where the others carry less
// than half of the weight, so that a doubt alone never doubles what an endpoint has to bear. Who
// refused is never picked; who is silent only where all are: a pool does not go from some to none
// by silence.
std::vector<bool> picked(const Pool& pool, const Vantage& vantage);

}  // namespace holdfast
