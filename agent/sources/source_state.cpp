// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/source_state.h"

namespace holdfast {

std::string_view to_string(SourceState state) {
  switch (state) {
    case SourceState::starting:
      return "starting";
    case SourceState::current:
      return "current";
    case SourceState::degraded:
      return "degraded";
    case SourceState::failed:
      return "failed";
    case SourceState::refused:
      return "refused";
  }
  return "?";
}

}  // namespace holdfast
