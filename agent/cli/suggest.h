// SPDX-License-Identifier: Apache-2.0
// What a mistyped command may have meant. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/cli/command.h"

namespace holdfast::cli {

// The words that may follow `path` ("" for the start), with their other names; empty: none.
std::set<std::string> next_words(const Commands& commands, const std::string& path);

// Every flag there is, once: the global ones, then those of commands.
std::vector<Flag> all_flags(const Commands& commands);
// Those that take no value, in every spelling.
std::set<std::string> flags_without_value(const Commands& commands);

struct Unknown {
  std::string word;     // as typed
  std::string nearest;  // "service list"; "" when nothing is near
};
// The first word that no command has, if any; flags, with their values, are passed over.
std::optional<Unknown> find_unknown(const Commands& commands,
                                    const std::vector<std::string>& arguments);

struct Misplaced {
  std::string flag;     // "--all"
  std::string command;  // "status": the one that was given it
  std::string owners;   // "'holdfast accept' and 'holdfast reject'"
};
// The first flag that another command has and this one has not, if any.
std::optional<Misplaced> find_misplaced(const Commands& commands,
                                        const std::vector<std::string>& arguments);

}  // namespace holdfast::cli
