// SPDX-License-Identifier: Apache-2.0
// What a mistyped command may have meant. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/cli/commands.h"

namespace holdfast::cli {

// The words that may follow `path` ("" for the start), with their other names; empty: none.
std::set<std::string> next_words(const std::string& path);

// Options that take no value, in every spelling.
const std::set<std::string>& flags_without_value();

struct Unknown {
  std::string word;     // as typed
  std::string nearest;  // "service list"; "" when nothing is near
};
// The first word that no command has, if any; options, with their values, are passed over.
std::optional<Unknown> find_unknown(const std::vector<std::string>& arguments);

}  // namespace holdfast::cli
