// SPDX-License-Identifier: Apache-2.0
// Parses the command line by walking the table of commands.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "agent/base/host.h"
#include "agent/base/text.h"
#include "agent/cli/command.h"
#include "agent/cli/globals.h"
#include "agent/cli/suggest.h"

namespace holdfast::cli {
namespace {

const CLI::Validator kPositive(
    [](std::string& text) {
      std::uint64_t number = 0;
      const bool good = CLI::detail::lexical_cast(text, number) && number > 0;
      return good ? std::string() : "expected a number from 1, not '" + text + "'";
    },
    "POSITIVE");

struct AddFlag {
  CLI::App& app;
  const Flag& flag;

  std::string names() const { return (flag.letter.empty() ? "" : flag.letter + ",") + flag.name; }
  void operator()(bool* into) const { app.add_flag(names(), *into, flag.help); }
  void operator()(std::string* into) const {
    auto* option = app.add_option(names(), *into, flag.help);
    if (!flag.choices.empty()) option->check(CLI::IsMember(flag.choices));
  }
  void operator()(int* into) const {
    app.add_option(names(), *into, flag.help)->check(CLI::Range(flag.least, flag.most));
  }
  void operator()(std::uint64_t* into) const {
    app.add_option(names(), *into, flag.help)->check(kPositive);
  }
};

void add_argument(CLI::App& app, const Argument& argument) {
  const auto take = [into = argument.into](const std::vector<std::string>& words) {
    if (const auto* many = std::get_if<std::vector<std::string>*>(&into))
      **many = words;
    else if (!words.empty())
      *std::get<std::string*>(into) = words.front();
  };
  auto* option = app.add_option_function<std::vector<std::string>>(argument.name, take);
  option->type_name("")->expected(argument.required ? 1 : 0,
                                  argument.many() ? CLI::detail::expected_max_vector_size : 1);
  if (argument.required) option->required();
}

void add_usage(CLI::App& app, const Usage& usage) {
  for (const Argument& one : usage.positional) add_argument(app, one);
  for (const Flag& one : usage.flags) std::visit(AddFlag{app, one}, one.into);
  if (usage.examples.empty()) return;
  std::string footer = "Examples:";
  for (const std::string& example : usage.examples) footer += "\n  " + example;
  app.footer(footer);
}

// "a" or "a b": one nested subcommand a word.
CLI::App* add_words(CLI::App& app, const Command& command) {
  CLI::App* at = &app;
  std::string rest = command.words;
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
  return at;
}

// One place says what was wrong, and what was perhaps meant.
int usage_error(const Commands& commands, const Env& env, const CLI::ParseError& error,
                const std::vector<std::string>& arguments) {
  if (const auto unknown = find_unknown(commands, arguments)) {
    env.err << "holdfast: no command '" << printable(unknown->word) << "'";
    if (!unknown->nearest.empty())
      env.err << "; did you mean 'holdfast " << unknown->nearest << "'?";
    env.err << "\n";
  } else if (const auto misplaced = find_misplaced(commands, arguments)) {
    env.err << "holdfast: " << misplaced->flag << " is no option of 'holdfast "
            << misplaced->command << "'; it is of " << misplaced->owners << "\n";
  } else {
    env.err << "holdfast: " << printable(error.what()) << "\n";
  }
  env.err << "'holdfast --help' lists the commands\n";
  return kUsage;
}

int run_command(const Env& env, const Declared& command, const Globals& globals, bool named) {
  Options options;
  options.config_path = globals.config_path;
  options.failure = command.usage.failure;
  options.rendering = {format_of(globals), !globals.no_headers};
  options.name_space = globals.name_space;
  options.timeout = globals.timeout;
  auto config = load_config(globals.config_path, named);
  if (!config && command.usage.needs_config) return report(env, options, config.error());
  if (config)
    options.config = std::move(*config);
  else
    options.config_problem = config.error().what;
  apply(overrides_from_environment(env.variables), options.config);
  apply(globals.overrides, options.config);
  if (options.config.node_name.empty()) options.config.node_name = host_name();
  try {
    return command.run(env, options);
  } catch (const std::exception& error) {  // Boost.JSON: an answer of another shape
    return report(env, options,
                  {Errc::internal, 0, std::string("internal error: ") + error.what()});
  }
}

struct Row {
  const Command* command;
  CLI::App* parsed;
  Declared declared;
};

}  // namespace

int run(const Commands& commands, const Env& env, const std::vector<std::string>& arguments) {
  CLI::App app{"Shows and steers what Holdfast does on this node.", "holdfast"};
  app.require_subcommand(1);
  app.fallthrough();
  Globals globals;
  add_usage(app, declare(globals));
  std::vector<Row> rows;
  for (const Command& command : commands) {
    rows.push_back({&command, add_words(app, command), declare(command)});
    add_usage(*rows.back().parsed, rows.back().declared.usage);
  }
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    // CLI11 has exit codes of its own (105, 106): they are all "usage" here.
    if (error.get_exit_code() != 0) return usage_error(commands, env, error, arguments);
    app.exit(error, env.out, env.err);
    return kOk;
  }
  // With "check catalog" its parent "check" is parsed too: the longer one is meant.
  const Row* chosen = nullptr;
  for (const Row& row : rows) {
    if (row.parsed->parsed() &&
        (!chosen || row.command->words.size() > chosen->command->words.size()))
      chosen = &row;
  }
  if (!chosen) return kUsage;
  return run_command(env, chosen->declared, globals, app.get_option("--config")->count() > 0);
}

}  // namespace holdfast::cli
