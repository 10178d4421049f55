// SPDX-License-Identifier: Apache-2.0
// The state of open sockets, from a map of one layout to a map of another. Private to this folder.
#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/dataplane/kernel/maps.h"

namespace holdfast::kernel {

// Gives every socket that has a state in `from`'s map `storage` and none in `to`'s the same one
// there. To be called when no program writes to `from`'s any more and those that run read both.
Result<> move_sockets(const Maps& from, const Maps& to, const std::string& storage);

}  // namespace holdfast::kernel
