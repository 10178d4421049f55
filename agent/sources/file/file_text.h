// SPDX-License-Identifier: Apache-2.0
// From the text of a file to what it says, a piece at a time: one object's values are in memory at
// once, and a piece whose bytes did not change is taken over from the reading before. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/update.h"
#include "agent/sources/allowance.h"
#include "agent/sources/kubernetes/objects.h"

namespace holdfast {

// What one piece of a text says. Places are those of the whole text.
struct Entry {
  std::uint64_t hash = 0;  // of its bytes and what they are read as; 0: never taken over
  int line = 1, column = 1;
  kubernetes::Objects objects;
  std::vector<Problem> problems;

  // The same bytes stand elsewhere now.
  void move_to(int to_line, int to_column);
};

struct Reading {
  // In the order of the text. With `from`, it is that entry of the reading before, at the line and
  // column that stand here.
  struct Part {
    Entry entry;
    std::optional<std::size_t> from;
  };
  std::vector<Part> parts;
  std::optional<Problem> problem;  // the text cannot be parsed: parts say nothing
  bool stopped = false;            // before its end, by the token
  bool refused = false;            // before its end: what it says does not fit into memory
};

Reading read_text(std::string_view text, const std::string& path, const std::vector<Entry>& before,
                  const std::stop_token& stop = {}, Allowance* allowance = nullptr);

}  // namespace holdfast
