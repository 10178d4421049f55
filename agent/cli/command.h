// SPDX-License-Identifier: Apache-2.0
// What a command is, and what it is run with.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/cli/env.h"
#include "agent/cli/output.h"
#include "agent/cli/usage.h"
#include "agent/config/config.h"

namespace holdfast::cli {

// What every command is given: what the global flags, the environment and the file say.
struct Options {
  Config config;
  std::string config_path;
  std::string config_problem;  // why it did not load; only where a command runs without it
  Rendering rendering;
  std::string name_space;  // -n: only this one
  int timeout = 5;         // seconds to wait for the daemon
  Exit failure = kFailed;  // what an error exits with: Usage::failure of the command that runs
};

// Of this namespace, or no namespace was asked for.
inline bool is_wanted(const Options& options, const ServiceKey& key) {
  return options.name_space.empty() || key.name_space == options.name_space;
}

using Run = std::function<int(const Env&, const Options&)>;

// A row of the table of commands (commands/table.h).
struct Command {
  std::string words;       // "service list"
  Run (*declare)(Usage&);  // says how it is used; what it returns holds the values of its flags
  std::string help;
};
using Commands = std::vector<Command>;

struct Declared {
  Usage usage;
  Run run;
};
Declared declare(const Command& command);

// Other names of a word of the grammar: "list" -> "ls".
const std::map<std::string, std::string>& aliases();

// Reports an error as the format wants it; returns the exit code.
int report(const Env& env, const Options& options, const Error& error);
int report_usage(const Env& env, const Options& options, const std::string& what);

// The whole program; `arguments` without its name. Returns the exit code.
int run(const Commands& commands, const Env& env, const std::vector<std::string>& arguments);

}  // namespace holdfast::cli
