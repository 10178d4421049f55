// SPDX-License-Identifier: Apache-2.0
#include "agent/base/host.h"

#include <unistd.h>

namespace holdfast {

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

}  // namespace holdfast
