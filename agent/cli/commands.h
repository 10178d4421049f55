// SPDX-License-Identifier: Apache-2.0
// The one table of commands. A new command is a function and a row.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/cli/env.h"
#include "agent/cli/output.h"
#include "agent/config/config.h"

namespace holdfast::cli {

struct Options {
  Config config;
  std::string config_path;
  std::string config_problem;  // why it did not load; only where needs_config is false
  Rendering rendering;
  std::string name_space;              // -n: only this one
  int timeout = 5;                     // seconds to wait for the daemon
  std::vector<std::string> arguments;  // of the command
  bool all = false;                    // --all
  bool force = false;                  // --force
  std::string file;                    // --file
  bool force_identity = false;         // --force-identity
  std::string source;                  // --source
  std::uint64_t generation = 0;        // --generation; 0: the newest
  std::string protocol = "tcp";
  Exit failure = kFailed;                 // what an error exits with
  std::vector<std::string> global_flags;  // "--config": for completion
};

using Function = int (*)(const Env&, const Options&);

struct Command {
  std::string path;  // "service list"
  std::string
      arguments;  // for the usage line: "ADDRESS:PORT"; "" none, "X..." many, "[X]" optional
  std::string help;
  Function run;
  std::vector<std::string> flags;  // of those in run.cpp: "--all"
  bool needs_config = true;        // false: runs also when the configuration does not load
  Exit failure = kFailed;          // of an error; `diff` says "differs" by 1, and so needs another
};

const std::vector<Command>& commands();

// Other names of a word of the grammar: "list" -> "ls".
const std::map<std::string, std::string>& aliases();

// Reports an error as the format wants it; returns the exit code.
int report(const Env& env, const Options& options, const Error& error);
int report_usage(const Env& env, const Options& options, const std::string& what);

int service_list(const Env&, const Options&);
int service_show(const Env&, const Options&);
int frontend_list(const Env&, const Options&);
int endpoint_list(const Env&, const Options&);
int pool_list(const Env&, const Options&);
int map_list(const Env&, const Options&);
int map_dump(const Env&, const Options&);
int explain(const Env&, const Options&);
int status(const Env&, const Options&);
int source_list(const Env&, const Options&);
int hold_list(const Env&, const Options&);
int hold_show(const Env&, const Options&);
int accept(const Env&, const Options&);
int reject(const Env&, const Options&);
int diff(const Env&, const Options&);
int check_host(const Env&, const Options&);
int check_catalog(const Env&, const Options&);
int check_config(const Env&, const Options&);
int snapshot_list(const Env&, const Options&);
int snapshot_show(const Env&, const Options&);
int snapshot_export(const Env&, const Options&);
int snapshot_import(const Env&, const Options&);
int uninstall(const Env&, const Options&);
int uninstall_source(const Env&, const Options&);
int version(const Env&, const Options&);
int completion_bash(const Env&, const Options&);
int completion_zsh(const Env&, const Options&);
int completion_fish(const Env&, const Options&);
int bugreport(const Env&, const Options&);

}  // namespace holdfast::cli
