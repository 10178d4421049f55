// SPDX-License-Identifier: Apache-2.0
// The one table of commands. A new command is a file beside this one and a row: what the row names
// declares the command's arguments and flags (usage.h) and returns what runs it.
#pragma once

#include "agent/cli/command.h"

namespace holdfast::cli {

// clang-format off
//  words                declared by       help: what follows the words in --help
#define HOLDFAST_COMMANDS(X)                                                                                    \
  X("status",            status,           "whether this node serves, from which sources, how fresh")           \
  X("service list",      service_list,     "services with their frontends and endpoints, from the kernel maps") \
  X("service show",      service_show,     "one service")                                                       \
  X("frontend list",     frontend_list,    "addresses that clients dial")                                       \
  X("endpoint list",     endpoint_list,    "endpoints with their evidence: connects, failures, round trip")     \
  X("pool list",         pool_list,        "pools: the endpoints behind one service port")                      \
  X("map list",          map_list,         "kernel maps, used and capacity")                                    \
  X("map dump",          map_dump,         "the elements of one map")                                           \
  X("source list",       source_list,      "where services come from, and what is wrong there")                 \
  X("hold list",         hold_list,        "removals that are not trusted yet")                                 \
  X("hold show",         hold_show,        "one hold: its endpoints, their verdicts and why")                   \
  X("accept",            accept,           "apply a held removal")                                              \
  X("reject",            reject,           "keep what a hold keeps, until the source lists it again")           \
  X("explain",           explain,          "what a connect to this address gets, and why")                      \
  X("diff",              diff,             "desired against maps: exit 0 same, 1 differs, 2 error")             \
  X("check",             check,            "whether this host can run it, and what else is there; changes nothing") \
  X("check catalog",     check_catalog,    "validate catalog files; needs no daemon")                           \
  X("check config",      check_config,     "validate the configuration; needs no daemon")                       \
  X("snapshot list",     snapshot_list,    "generations on disk, and which are trusted")                        \
  X("snapshot show",     snapshot_show,    "what one holds; default: the newest that is good")                  \
  X("snapshot export",   snapshot_export,  "copy one to a file, or to stdout as '-'")                           \
  X("snapshot import",   snapshot_import,  "make one the newest of this node; holdfastd must be stopped")       \
  X("uninstall",         uninstall,        "detach the programs and remove everything pinned; with --source "   \
                                           "only the services of one that is not in the configuration any more") \
  X("version",           version,          "versions of the CLI and of the map layout")                         \
  X("bugreport",         bugreport,        "all of the above in one archive, without secrets, for whoever is to help") \
  X("completion bash",   completion_bash,  "a script that completes these commands in bash")                    \
  X("completion zsh",    completion_zsh,   "the same for zsh")                                                  \
  X("completion fish",   completion_fish,  "the same for fish")
// clang-format on

#define HOLDFAST_DECLARED_BY(words, declared_by, help) Run declared_by(Usage& usage);
HOLDFAST_COMMANDS(HOLDFAST_DECLARED_BY)
#undef HOLDFAST_DECLARED_BY

const Commands& commands();

// The whole program; `arguments` without its name. Returns the exit code.
int run(const Env& env, const std::vector<std::string>& arguments);

}  // namespace holdfast::cli
