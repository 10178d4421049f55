// SPDX-License-Identifier: Apache-2.0
// Breaks the first rule of updating: the pool word is stored before the endpoints and the slots
// that it names, with a grace period between, so that every program that runs then meets them
// missing.
#include <algorithm>
#include <iterator>

#include "agent/plan/planner.h"

namespace holdfast {

// A member function takes `this` as its first argument (Itanium C++ ABI, 5.1.4 for the names).
Result<Diff> real_plan(Planner* planner, const Generation& generation) asm(
    "__real__ZN8holdfast7Planner4planERKNS_10GenerationE");
Result<Diff> wrapped_plan(Planner* planner, const Generation& generation) asm(
    "__wrap__ZN8holdfast7Planner4planERKNS_10GenerationE");

Result<Diff> wrapped_plan(Planner* planner, const Generation& generation) {
  auto diff = real_plan(planner, generation);
  if (!diff) return diff;
  const auto word = [](const Op& operation) {
    return std::holds_alternative<op::StorePool>(operation);
  };
  const auto rest = std::stable_partition(diff->ops.begin(), diff->ops.end(), word);
  if (rest != diff->ops.begin()) diff->ops.insert(rest, op::Grace{});
  return diff;
}

}  // namespace holdfast
