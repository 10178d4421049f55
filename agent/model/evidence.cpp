// SPDX-License-Identifier: Apache-2.0
#include "agent/model/evidence.h"

namespace holdfast {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::alive:
      return "alive";
    case Verdict::silent:
      return "silent";
    case Verdict::dead:
      return "dead";
    case Verdict::unknown:
      break;
  }
  return "unknown";
}

}  // namespace holdfast
