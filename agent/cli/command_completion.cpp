// SPDX-License-Identifier: Apache-2.0
// `completion bash`: the table of commands as a shell function. The words before the cursor,
// without options, are the path; what may follow is looked up in one case statement.
#include <ostream>

#include "agent/cli/suggest.h"

namespace holdfast::cli {
namespace {

std::string joined(const std::set<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

void print_level(std::ostream& out, const std::string& path) {
  const auto words = next_words(path);
  if (words.empty()) return;
  out << "    '" << path << "') next='" << joined(words) << "' ;;\n";
  for (const std::string& word : words) {
    // An alias leads to the same words; the script makes it canonical first.
    bool alias = false;
    for (const auto& [name, other] : aliases()) alias = alias || word == other;
    if (alias) continue;
    std::string next = path;
    if (!next.empty()) next += ' ';
    next += word;
    print_level(out, next);
  }
}

}  // namespace

int completion_bash(const Env& env, const Options& options) {
  std::ostream& out = env.out;
  std::set<std::string> flags(options.global_flags.begin(), options.global_flags.end());
  for (const Command& command : commands())
    flags.insert(command.flags.begin(), command.flags.end());
  out << "# source <(holdfast completion bash)\n"
         "_holdfast() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} path='' next='' word index\n"
         "  case ${COMP_WORDS[COMP_CWORD-1]} in\n"
         "    -o|--output) COMPREPLY=($(compgen -W 'table wide json yaml name' -- \"$current\"));"
         " return ;;\n"
         "    --config|--cgroup|--bpffs|--state-dir|--admin-socket)"
         " COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
         "  esac\n"
         "  for ((index = 1; index < COMP_CWORD; index++)); do\n"
         "    word=${COMP_WORDS[index]}\n"
         "    case $word in\n"
         "      -h|--help|--no-headers|--all|--force) continue ;;\n"
         "      -*) index=$((index + 1)); continue ;;\n";
  for (const auto& [name, alias] : aliases())
    out << "      " << alias << ") word=" << name << " ;;\n";
  out << "    esac\n"
         "    path=\"${path:+$path }$word\"\n"
         "  done\n"
         "  case $path in\n";
  print_level(out, "");
  out << "    'check catalog'*|'check config') COMPREPLY=($(compgen -f -- \"$current\")); return "
         ";;\n"
         "  esac\n"
         "  [[ $current == -* ]] && next='"
      << joined(flags)
      << "'\n"
         "  COMPREPLY=($(compgen -W \"$next\" -- \"$current\"))\n"
         "}\n"
         "complete -F _holdfast holdfast\n";
  return kOk;
}

}  // namespace holdfast::cli
