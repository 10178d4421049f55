// SPDX-License-Identifier: Apache-2.0
// What the Kubernetes source says of itself, from what its parts say of themselves.
#pragma once

#include <string>
#include <vector>

#include "agent/sources/kubernetes/api/comparer.h"
#include "agent/sources/kubernetes/api/reflector.h"
#include "agent/sources/source.h"

namespace holdfast::kubernetes {

struct ApiParts {
  const std::string& name;
  const Access& access;
  const Store& store;
  std::vector<ReflectorStatus> kinds;  // in the order of kKinds
  ComparerStatus compares;
};
SourceStatus status_of(const ApiParts& parts);

}  // namespace holdfast::kubernetes
