// SPDX-License-Identifier: Apache-2.0
// How many sockets are connected to endpoints, by walking them all. Private to this folder.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/base/result.h"
#include "agent/dataplane/dataplane.h"
#include "agent/dataplane/kernel/maps.h"

namespace holdfast::kernel {

// See Dataplane::live; without the grace period.
Result<std::vector<std::uint32_t>> count_live(const Maps& maps,
                                              const std::vector<EndpointHandle>& endpoints);

}  // namespace holdfast::kernel
