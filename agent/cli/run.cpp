// SPDX-License-Identifier: Apache-2.0
// Parses the command line by walking the table of commands.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <ostream>

#include "agent/base/host.h"
#include "agent/base/text.h"
#include "agent/cli/commands.h"
#include "agent/cli/suggest.h"

namespace holdfast::cli {
namespace {

const std::map<std::string, Format> kFormats = {{"table", Format::table},
                                                {"wide", Format::wide},
                                                {"json", Format::json},
                                                {"yaml", Format::yaml},
                                                {"name", Format::name}};
struct Globals {
  std::string config_path = kDefaultConfigPath;
  Overrides flags;
  std::string format = "table";
  bool no_headers = false;
};

void add_globals(CLI::App& app, Globals& globals, Options& options) {
  app.add_option("--config", globals.config_path, "configuration file");
  app.add_option("--cgroup", globals.flags.cgroup, "cgroup2 directory");
  app.add_option("--bpffs", globals.flags.bpffs, "directory on bpffs that holds the maps");
  app.add_option("--state-dir", globals.flags.state_dir, "directory of the snapshots");
  app.add_option("--admin-socket", globals.flags.admin_socket, "unix socket of holdfastd");
  app.add_option("--node-name", globals.flags.node_name, "this node's name, as holdfastd has it");
  app.add_option("-o,--output", globals.format, "table, wide, json, yaml or name")
      ->check(CLI::IsMember({"table", "wide", "json", "yaml", "name"}));
  app.add_option("-n,--namespace", options.name_space, "only services of this namespace");
  app.add_flag("--no-headers", globals.no_headers, "tables without their first line");
  app.add_option("--timeout", options.timeout, "seconds to wait for holdfastd")
      ->check(CLI::Range(1, 3600));
}

void add_flag(CLI::App& app, const std::string& flag, Options& options) {
  if (flag == "--all") app.add_flag(flag, options.all, "every hold");
  if (flag == "--force") app.add_flag(flag, options.force, "also while holdfastd runs");
  if (flag == "--file")
    app.add_option("-f,--file", options.file, "where to write it; -: standard output");
  if (flag == "--source")
    app.add_option(flag, options.source, "only the services of this one, which is not configured");
  if (flag == "--force-identity")
    app.add_flag(flag, options.force_identity, "also of another node or cluster");
  if (flag == "--generation")
    app.add_option(flag, options.generation, "this one; default: the newest that is good")
        ->check(CLI::PositiveNumber);
  if (flag == "--protocol")
    app.add_option(flag, options.protocol, "tcp or udp")->check(CLI::IsMember({"tcp", "udp"}));
}

// "a" or "a b": one nested subcommand a word.
CLI::App* add_command(CLI::App& app, const Command& command, Options& options) {
  CLI::App* at = &app;
  std::string rest = command.path;
  while (!rest.empty()) {
    const auto space = rest.find(' ');
    const std::string word = rest.substr(0, space);
    rest = space == std::string::npos ? "" : rest.substr(space + 1);
    const auto known = at->get_subcommands([&](CLI::App* one) { return one->get_name() == word; });
    CLI::App* next = known.empty() ? nullptr : known.front();
    if (!next) {
      next = at->add_subcommand(word, rest.empty() ? command.help : word + " commands");
      if (const auto alias = aliases().find(word); alias != aliases().end())
        next->alias(alias->second);
      next->fallthrough();
      if (!rest.empty()) next->require_subcommand(1);
    }
    at = next;
  }
  if (!command.arguments.empty()) {
    const bool optional = command.arguments[0] == '[';
    const bool many = command.arguments.ends_with("...");
    std::string name = command.arguments;
    if (optional) name = name.substr(1, name.size() - 2);
    if (many) name.resize(name.size() - 3);
    auto* option = at->add_option(name, options.arguments)->type_name("");
    option->expected(optional ? 0 : 1, many ? CLI::detail::expected_max_vector_size : 1);
    if (!optional) option->required();
  }
  for (const std::string& flag : command.flags) add_flag(*at, flag, options);
  return at;
}

// One place says what was wrong, and what was perhaps meant.
int usage_error(const Env& env, const CLI::ParseError& error,
                const std::vector<std::string>& arguments) {
  const auto unknown = find_unknown(arguments);
  if (!unknown) {
    env.err << "holdfast: " << printable(error.what()) << "\n";
  } else {
    env.err << "holdfast: no command '" << printable(unknown->word) << "'";
    if (!unknown->nearest.empty())
      env.err << "; did you mean 'holdfast " << unknown->nearest << "'?";
    env.err << "\n";
  }
  env.err << "'holdfast --help' lists the commands\n";
  return kUsage;
}

int run_command(const Env& env, const Command& command, const Globals& globals, Options& options,
                bool named) {
  options.config_path = globals.config_path;
  options.failure = command.failure;
  options.rendering = {kFormats.at(globals.format), !globals.no_headers};
  auto config = load_config(globals.config_path, named);
  if (!config && command.needs_config) return report(env, options, config.error());
  if (config)
    options.config = std::move(*config);
  else
    options.config_problem = config.error().what;
  apply(overrides_from_environment(env.variables), options.config);
  apply(globals.flags, options.config);
  if (options.config.node_name.empty()) options.config.node_name = host_name();
  try {
    return command.run(env, options);
  } catch (const std::exception& error) {  // Boost.JSON: an answer of another shape
    return report(env, options,
                  {Errc::internal, 0, std::string("internal error: ") + error.what()});
  }
}

}  // namespace

int run(const Env& env, const std::vector<std::string>& arguments) {
  CLI::App app{"Shows and steers what Holdfast does on this node.", "holdfast"};
  app.require_subcommand(1);
  app.fallthrough();
  Globals globals;
  Options options;
  add_globals(app, globals, options);
  std::vector<std::pair<CLI::App*, const Command*>> rows;
  for (const Command& command : commands())
    rows.emplace_back(add_command(app, command, options), &command);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    // CLI11 has exit codes of its own (105, 106): they are all "usage" here.
    if (error.get_exit_code() != 0) return usage_error(env, error, arguments);
    app.exit(error, env.out, env.err);
    return kOk;
  }
  // With "check catalog" its parent "check" is parsed too: the longer path is meant.
  const Command* chosen = nullptr;
  for (const auto& [parsed, command] : rows) {
    if (parsed->parsed() && (!chosen || command->path.size() > chosen->path.size()))
      chosen = command;
  }
  if (!chosen) return kUsage;
  for (const CLI::Option* option : app.get_options())
    options.global_flags.push_back("--" + option->get_lnames().front());
  return run_command(env, *chosen, globals, options, app.get_option("--config")->count() > 0);
}

}  // namespace holdfast::cli
