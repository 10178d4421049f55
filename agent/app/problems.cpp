// SPDX-License-Identifier: Apache-2.0
#include "agent/app/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/base/text.h"

namespace holdfast {

// Of a large cluster they are many, and seldom others: text that is printable is kept as it is.
bool same(const std::vector<Problem>& problems, const std::vector<Doubt>& doubts,
          const SourceUpdate& update, const std::optional<Problem>& more) {
  return doubts == update.doubts && problems.size() == update.problems.size() + more.has_value() &&
         std::equal(update.problems.begin(), update.problems.end(), problems.begin()) &&
         (!more || problems.back() == *more);
}

Faults faults_of(const SourceUpdate& update, const std::optional<Problem>& more) {
  Faults result;
  const auto add = [&](const Problem& one) {
    result.problems.push_back({printable(one.file, kCellLimit), one.line, one.column,
                               printable(one.object, kCellLimit),
                               printable(one.message, kCellLimit), one.kind});
  };
  for (const Problem& one : update.problems) add(one);
  if (more) add(*more);
  for (const Doubt& one : update.doubts) {
    result.doubts.push_back({printable(one.origin, kCellLimit), printable(one.reason, kCellLimit)});
  }
  return result;
}

FaultNews news(const Faults& before, const Faults& now) {
  FaultNews said;
  std::size_t left_out = 0, notes = 0;
  const auto warn = [&](std::string line) {
    if (said.warnings.size() < kMostLines)
      said.warnings.push_back(std::move(line));
    else
      ++left_out;
  };
  const std::set<Problem> problems(before.problems.begin(), before.problems.end());
  const std::set<Doubt> doubts(before.doubts.begin(), before.doubts.end());
  for (const Problem& one : now.problems) {
    if (problems.contains(one)) continue;
    if (one.kind == Problem::Kind::error) {
      warn(one.to_string());
    } else if (notes++ == 0) {
      said.note = one.to_string();
    }
  }
  for (const Doubt& one : now.doubts) {
    if (!doubts.contains(one))
      warn((one.origin.empty() ? "all of it" : one.origin) + ": " + one.reason);
  }
  if (left_out > 0) {
    said.warnings.push_back(
        fmt::format("and {} more problems: 'holdfast source list -o json'", left_out));
  }
  if (notes > 1)
    said.note += fmt::format(" (and {} more: holdfast source list -o json)", notes - 1);
  return said;
}

}  // namespace holdfast
