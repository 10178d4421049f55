// SPDX-License-Identifier: Apache-2.0
// `completion SHELL`: the table of commands as a shell function. The words before the cursor,
// without options, are the path; what may follow is looked up in one case statement.
#include <ostream>

#include "agent/cli/commands/table.h"
#include "agent/cli/suggest.h"

namespace holdfast::cli {
namespace {

template <class Words>
std::string joined(const Words& words, const char* between = " ") {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : between) + word;
  return line;
}

using PrintWords = void (*)(std::ostream& out, const std::string& path,
                            const std::set<std::string>& words);

void bash_words(std::ostream& out, const std::string& path, const std::set<std::string>& words) {
  out << "    '" << path << "') next='" << joined(words) << "' ;;\n";
}

void fish_words(std::ostream& out, const std::string& path, const std::set<std::string>& words) {
  out << "    case '" << path << "'\n      printf '%s\\n' " << joined(words) << "\n";
}

void print_level(std::ostream& out, const std::string& path, PrintWords print) {
  const auto words = next_words(commands(), path);
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

// "-o|--output": as a case of a shell.
std::string spellings(const Flag& flag) {
  return flag.letter.empty() ? flag.name : flag.letter + "|" + flag.name;
}

// Commands whose argument is a path, as patterns of a case. `more`: what ends the pattern of one
// that takes many, within or after the quotes.
std::vector<std::string> with_path(const std::string& more) {
  std::vector<std::string> paths;
  for (const Command& command : commands()) {
    for (const Argument& one : declare(command).usage.positional) {
      if (one.is_path) paths.push_back("'" + command.words + (one.many() ? more : "'"));
    }
  }
  return paths;
}

std::set<std::string> names(const std::vector<Flag>& flags) {
  std::set<std::string> names = {"--help"};
  for (const Flag& one : flags) names.insert(one.name);
  return names;
}

// What may stand after a flag.
void bash_values(std::ostream& out, const std::vector<Flag>& flags) {
  std::vector<std::string> paths;
  for (const Flag& one : flags) {
    if (one.is_path) paths.push_back(spellings(one));
    if (one.choices.empty()) continue;
    out << "    " << spellings(one) << ") COMPREPLY=($(compgen -W '" << joined(one.choices)
        << "' -- \"$current\")); return ;;\n";
  }
  out << "    " << joined(paths, "|") << ") COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n";
}

void print_bash(std::ostream& out) {
  const std::vector<Flag> flags = all_flags(commands());
  out << "_holdfast() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} path='' next='' word index\n"
         "  case ${COMP_WORDS[COMP_CWORD-1]} in\n";
  bash_values(out, flags);
  out << "  esac\n"
         "  for ((index = 1; index < COMP_CWORD; index++)); do\n"
         "    word=${COMP_WORDS[index]}\n"
         "    case $word in\n"
         "      "
      << joined(flags_without_value(commands()), "|")
      << ") continue ;;\n"
         "      -*) index=$((index + 1)); continue ;;\n";
  for (const auto& [name, alias] : aliases())
    out << "      " << alias << ") word=" << name << " ;;\n";
  out << "    esac\n"
         "    path=\"${path:+$path }$word\"\n"
         "  done\n"
         "  case $path in\n";
  print_level(out, "", bash_words);
  out << "    " << joined(with_path("'*"), "|")
      << ") COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
         "  esac\n"
         "  [[ $current == -* ]] && next='"
      << joined(names(flags))
      << "'\n"
         "  COMPREPLY=($(compgen -W \"$next\" -- \"$current\"))\n"
         "}\n"
         "complete -F _holdfast holdfast\n";
}

int bash(const Env& env, const Options&) {
  env.out << "# source <(holdfast completion bash)\n";
  print_bash(env.out);
  return kOk;
}

// zsh runs bash's function with its own stand-in for compgen and complete.
int zsh(const Env& env, const Options&) {
  env.out << "# source <(holdfast completion zsh)\n"
             "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n"
             "autoload -Uz bashcompinit && bashcompinit\n";
  print_bash(env.out);
  return kOk;
}

void fish_flags(std::ostream& out) {
  for (const Flag& one : all_flags(commands())) {
    out << "complete -c holdfast";
    if (!one.letter.empty()) out << " -s " << one.letter.substr(1);
    out << " -l " << one.name.substr(2);
    if (one.is_path) out << " -r -F";
    if (one.takes_value() && !one.is_path) out << " -x";
    if (!one.choices.empty()) out << " -a '" << joined(one.choices) << "'";
    out << "\n";
  }
}

int fish(const Env& env, const Options&) {
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
      << joined(flags_without_value(commands()))
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
  out << "    case " << joined(with_path("*'"))
      << "\n"
         "      __fish_complete_path (commandline -ct)\n"
         "  end\n"
         "end\n"
         "complete -c holdfast -f -a '(__holdfast_next)'\n"
         "complete -c holdfast -s h -l help\n";
  fish_flags(out);
  return kOk;
}

Run without_config(Usage& usage, Run run) {
  usage.needs_config = false;
  return run;
}

}  // namespace

Run completion_bash(Usage& usage) {
  return without_config(usage, bash);
}

Run completion_zsh(Usage& usage) {
  return without_config(usage, zsh);
}

Run completion_fish(Usage& usage) {
  return without_config(usage, fish);
}

}  // namespace holdfast::cli
