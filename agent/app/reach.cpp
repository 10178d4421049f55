// SPDX-License-Identifier: Apache-2.0
#include "agent/app/reach.h"

#include <fmt/format.h>

namespace holdfast {

std::string describe(const Reach& reach, bool v4) {
  if (reach.state != Reach::State::fails) return "";
  return fmt::format(
      "this node cannot reach anything over {}: none of {} endpoints that answered before answers, "
      "and nothing else does; no verdict of death counts meanwhile",
      family_name(v4), reach.fallen);
}

}  // namespace holdfast
