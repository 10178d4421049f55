// SPDX-License-Identifier: Apache-2.0
// What a source says of its own faults, in words that quote what strangers wrote. Kept printable
// and bounded (agent/base/text.h), so that a name of a megabyte is neither kept nor shown whole.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/model/update.h"

namespace holdfast {

// Of one update.
struct Faults {
  std::vector<Problem> problems;
  std::vector<Doubt> doubts;
};
// With `more`, what is told beside it.
Faults faults_of(const SourceUpdate& update, const std::optional<Problem>& more = {});
bool same(const std::vector<Problem>& problems, const std::vector<Doubt>& doubts,
          const SourceUpdate& update, const std::optional<Problem>& more);

// Of the faults of `now` that were not in `before`: a line each, and at most kMostLines, since a
// control plane that goes wrong does so for thousands of objects at once; notes, of which a large
// cluster has many, share one ("": none). `source list` has them all.
inline constexpr std::size_t kMostLines = 50;
struct FaultNews {
  std::vector<std::string> warnings;
  std::string note;
};
FaultNews news(const Faults& before, const Faults& now);

}  // namespace holdfast
