// SPDX-License-Identifier: Apache-2.0
// `completion SHELL`: the table of commands as a shell function. The words before the cursor,
// without options, are the path; what may follow is looked up in one case statement.
#include <algorithm>
#include <ostream>

#include "agent/cli/suggest.h"

namespace holdfast::cli {
namespace {

std::string joined(const std::set<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

// Options whose value is a path.
constexpr const char* kPathOptions[] = {"--config",    "--cgroup",       "--bpffs",
                                        "--state-dir", "--admin-socket", "--file"};

using PrintWords = void (*)(std::ostream& out, const std::string& path,
                            const std::set<std::string>& words);

void bash_words(std::ostream& out, const std::string& path, const std::set<std::string>& words) {
  out << "    '" << path << "') next='" << joined(words) << "' ;;\n";
}

void fish_words(std::ostream& out, const std::string& path, const std::set<std::string>& words) {
  out << "    case '" << path << "'\n      printf '%s\\n' " << joined(words) << "\n";
}

void print_level(std::ostream& out, const std::string& path, PrintWords print) {
  const auto words = next_words(path);
  if (words.empty()) return;
  print(out, path, words);
  for (const std::string& word : words) {
    // An alias leads to the same words; the script makes it canonical first.
    bool alias = false;
    for (const auto& [name, other] : aliases()) alias = alias || word == other;
    if (alias) continue;
    std::string next = path;
    if (!next.empty()) next += ' ';
    next += word;
    print_level(out, next, print);
  }
}

std::set<std::string> all_flags(const Options& options) {
  std::set<std::string> flags(options.global_flags.begin(), options.global_flags.end());
  for (const Command& command : commands())
    flags.insert(command.flags.begin(), command.flags.end());
  return flags;
}

void print_bash(std::ostream& out, const Options& options) {
  std::string paths;
  for (const char* option : kPathOptions) paths += std::string(paths.empty() ? "" : "|") + option;
  out << "_holdfast() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} path='' next='' word index\n"
         "  case ${COMP_WORDS[COMP_CWORD-1]} in\n"
         "    -o|--output) COMPREPLY=($(compgen -W 'table wide json yaml name' -- \"$current\"));"
         " return ;;\n"
         "    -f|"
      << paths
      << ") COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
         "  esac\n"
         "  for ((index = 1; index < COMP_CWORD; index++)); do\n"
         "    word=${COMP_WORDS[index]}\n"
         "    case $word in\n"
         "      -h|--help|--no-headers|--all|--force|--force-identity) continue ;;\n"
         "      -*) index=$((index + 1)); continue ;;\n";
  for (const auto& [name, alias] : aliases())
    out << "      " << alias << ") word=" << name << " ;;\n";
  out << "    esac\n"
         "    path=\"${path:+$path }$word\"\n"
         "  done\n"
         "  case $path in\n";
  print_level(out, "", bash_words);
  out << "    'check catalog'*|'check config'|'snapshot show'|'snapshot export'|'snapshot import') "
         "COMPREPLY=($(compgen -f -- \"$current\")); return "
         ";;\n"
         "  esac\n"
         "  [[ $current == -* ]] && next='"
      << joined(all_flags(options))
      << "'\n"
         "  COMPREPLY=($(compgen -W \"$next\" -- \"$current\"))\n"
         "}\n"
         "complete -F _holdfast holdfast\n";
}

}  // namespace

int completion_bash(const Env& env, const Options& options) {
  env.out << "# source <(holdfast completion bash)\n";
  print_bash(env.out, options);
  return kOk;
}

// zsh runs bash's function with its own stand-in for compgen and complete.
int completion_zsh(const Env& env, const Options& options) {
  env.out << "# source <(holdfast completion zsh)\n"
             "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n"
             "autoload -Uz bashcompinit && bashcompinit\n";
  print_bash(env.out, options);
  return kOk;
}

int completion_fish(const Env& env, const Options& options) {
  std::ostream& out = env.out;
  out << "# holdfast completion fish | source\n"
         "function __holdfast_next\n"
         "  set -l path\n"
         "  set -l value 0\n"
         "  for word in (commandline -opc)[2..-1]\n"
         "    if test $value = 1\n"
         "      set value 0\n"
         "      continue\n"
         "    end\n"
         "    switch $word\n"
         "      case "
      << joined(flags_without_value())
      << " '--*=*'\n"
         "        continue\n"
         "      case '-*'\n"
         "        set value 1\n"
         "        continue\n";
  for (const auto& [name, alias] : aliases())
    out << "      case " << alias << "\n        set word " << name << "\n";
  out << "    end\n"
         "    set -a path $word\n"
         "  end\n"
         "  switch \"$path\"\n";
  print_level(out, "", fish_words);
  out << "    case 'check catalog*' 'check config'\n"
         "      __fish_complete_path (commandline -ct)\n"
         "  end\n"
         "end\n"
         "complete -c holdfast -f -a '(__holdfast_next)'\n"
         "complete -c holdfast -s o -l output -x -a 'table wide json yaml name'\n"
         "complete -c holdfast -s n -l namespace -x\n"
         "complete -c holdfast -s h -l help\n";
  for (const char* option : kPathOptions)
    out << "complete -c holdfast -l " << option + 2 << " -r -F\n";
  for (const std::string& flag : all_flags(options)) {
    const bool path =
        std::find(std::begin(kPathOptions), std::end(kPathOptions), flag) != std::end(kPathOptions);
    if (path || flag == "--output" || flag == "--namespace" || flag == "--help") continue;
    out << "complete -c holdfast -l " << flag.substr(2)
        << (flags_without_value().contains(flag) ? "" : " -x") << "\n";
  }
  return kOk;
}

}  // namespace holdfast::cli
