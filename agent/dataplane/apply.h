// SPDX-License-Identifier: Apache-2.0
// What each operation does to an image: the planner's shadow and the memory dataplane share it.
#pragma once

#include "agent/dataplane/image.h"

namespace holdfast {

void apply_to(Image& image, const Op& operation);

}  // namespace holdfast
