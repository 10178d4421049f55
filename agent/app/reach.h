// SPDX-License-Identifier: Apache-2.0
// What is said of a node that reaches nothing.
#pragma once

#include <string>

#include "agent/health/controls.h"

namespace holdfast {

inline const char* family_name(bool v4) {
  return v4 ? "IPv4" : "IPv6";
}
std::string describe(const Reach& reach, bool v4);  // "": nothing to say

}  // namespace holdfast
