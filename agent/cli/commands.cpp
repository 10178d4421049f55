// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/commands.h"

#include <boost/json/object.hpp>
#include <ostream>

#include "agent/base/text.h"

namespace holdfast::cli {

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"status", "", "whether this node serves, from which sources, how fresh", status, {}, true},
      {"service list",
       "",
       "services with their frontends and endpoints, from the kernel maps",
       service_list,
       {},
       true},
      {"service show", "NAMESPACE/NAME", "one service", service_show, {}, true},
      {"frontend list", "", "addresses that clients dial", frontend_list, {}, true},
      {"endpoint list",
       "",
       "endpoints with their evidence: connects, failures, round trip",
       endpoint_list,
       {},
       true},
      {"pool list", "", "pools: the endpoints behind one service port", pool_list, {}, true},
      {"map list", "", "kernel maps, used and capacity", map_list, {}, true},
      {"map dump", "NAME", "the elements of one map", map_dump, {}, true},
      {"source list",
       "",
       "where services come from, and what is wrong there",
       source_list,
       {},
       true},
      {"hold list", "", "removals that are not trusted yet", hold_list, {}, true},
      {"hold show", "ID", "one hold: its endpoints, their verdicts and why", hold_show, {}, true},
      {"accept", "[ID]", "apply a held removal", accept, {"--all"}, true},
      {"reject",
       "[ID]",
       "keep what a hold keeps, until the source lists it again",
       reject,
       {"--all"},
       true},
      {"explain",
       "ADDRESS:PORT",
       "what a connect to this address gets, and why",
       explain,
       {"--protocol"},
       true},
      {"diff", "", "desired against maps: exit 0 same, 1 differs, 2 error", diff, {}, true, kUsage},
      {"check",
       "",
       "whether this host can run it, and what else is there; changes nothing",
       check_host,
       {},
       false},
      {"check catalog",
       "PATH...",
       "validate catalog files; needs no daemon",
       check_catalog,
       {},
       false},
      {"check config",
       "[FILE]",
       "validate the configuration; needs no daemon",
       check_config,
       {},
       false},
      {"snapshot list", "", "generations on disk, and which are trusted", snapshot_list, {}, true},
      {"snapshot show",
       "[GENERATION|FILE]",
       "what one holds; default: the newest that is good",
       snapshot_show,
       {},
       true},
      {"snapshot export",
       "FILE",
       "copy one to a file, or to stdout as '-'",
       snapshot_export,
       {"--generation"},
       true},
      {"snapshot import",
       "FILE",
       "make one the newest of this node; holdfastd must be stopped",
       snapshot_import,
       {"--force-identity"},
       true},
      {"uninstall",
       "",
       "detach the programs and remove everything pinned; with --source only the services of one "
       "that is not in the configuration any more",
       uninstall,
       {"--force", "--source"},
       true},
      {"version", "", "versions of the CLI and of the map layout", version, {}, false},
      {"bugreport",
       "",
       "all of the above in one archive, without secrets, for whoever is to help",
       bugreport,
       {"--file"},
       false},
      {"completion bash",
       "",
       "a script that completes these commands in bash",
       completion_bash,
       {},
       false},
      {"completion zsh", "", "the same for zsh", completion_zsh, {}, false},
      {"completion fish", "", "the same for fish", completion_fish, {}, false},
  };
  return table;
}

const std::map<std::string, std::string>& aliases() {
  static const std::map<std::string, std::string> table = {
      {"service", "svc"}, {"endpoint", "ep"}, {"list", "ls"}};
  return table;
}

namespace {

void say(const Env& env, const Options& options, const std::string& what) {
  env.err << "holdfast: " << printable_lines(what) << "\n";
  if (options.rendering.format == Format::json) {
    print_json(env.out, boost::json::object{{"error", what}});
  }
}

}  // namespace

int report(const Env& env, const Options& options, const Error& error) {
  say(env, options, error.what);
  return error.code == Errc::unavailable ? kNoDaemon : options.failure;
}

int report_usage(const Env& env, const Options& options, const std::string& what) {
  say(env, options, what);
  return kUsage;
}

}  // namespace holdfast::cli
