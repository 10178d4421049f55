// SPDX-License-Identifier: Apache-2.0
#include "agent/model/update.h"

#include <algorithm>

namespace holdfast {

std::string Problem::to_string() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
  if (!text.empty()) text += ": ";
  if (!object.empty()) text += object + ": ";
  return text + message;
}

std::string_view to_string(Problem::Kind kind) {
  return kind == Problem::Kind::note ? "note" : "error";
}

std::size_t notes_in(const std::vector<Problem>& problems) {
  return static_cast<std::size_t>(
      std::count_if(problems.begin(), problems.end(),
                    [](const Problem& one) { return one.kind == Problem::Kind::note; }));
}

}  // namespace holdfast
