// SPDX-License-Identifier: Apache-2.0
// What objects weigh, for agent/sources/allowance.h.
#pragma once

#include <algorithm>

#include "agent/sources/allowance.h"
#include "agent/sources/kubernetes/objects.h"

namespace holdfast::kubernetes {

inline Amount amount_of(const ServiceObject& one) {
  return {1, one.ports.size(), 0};
}
inline Amount amount_of(const SliceObject& one) {
  return {0, 0, one.endpoints.size() * std::max<std::size_t>(one.ports.size(), 1)};
}
inline Amount amount_of(const Objects& objects) {
  Amount amount;
  for (const ServiceObject& one : objects.services) amount += amount_of(one);
  for (const SliceObject& one : objects.slices) amount += amount_of(one);
  return amount;
}

}  // namespace holdfast::kubernetes
