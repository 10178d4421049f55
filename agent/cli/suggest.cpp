// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/suggest.h"

#include <algorithm>

#include "agent/cli/globals.h"

namespace holdfast::cli {
namespace {

// Letters to insert, delete, replace or swap with a neighbour.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                             cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::string canonical(const std::string& word) {
  for (const auto& [name, alias] : aliases())
    if (word == alias) return name;
  return word;
}

std::string join(const std::string& path, const std::string& word) {
  return path.empty() ? word : path + " " + word;
}

// "--output=json" -> "--output", "-ojson" -> "-o".
std::string spelling(const std::string& word) {
  return word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2);
}

bool is(const Flag& flag, const std::string& spelling) {
  return spelling == flag.name || spelling == flag.letter;
}

std::vector<Flag> global_flags() {
  Globals globals;
  return declare(globals).flags;
}

// A command line without the values of its flags.
struct Split {
  std::vector<std::string> words;
  std::vector<std::string> flags;  // as typed
};

Split split(const Commands& commands, const std::vector<std::string>& arguments) {
  const auto without = flags_without_value(commands);
  Split result;
  for (std::size_t index = 0; index < arguments.size(); ++index) {
    const std::string& word = arguments[index];
    if (!word.starts_with("-")) {
      result.words.push_back(word);
      continue;
    }
    result.flags.push_back(word);
    const bool inline_value =
        word.find('=') != std::string::npos || (word.size() > 2 && word[1] != '-');
    if (!inline_value && !without.contains(word)) ++index;
  }
  return result;
}

}  // namespace

std::vector<Flag> all_flags(const Commands& commands) {
  std::vector<Flag> flags = global_flags();
  for (const Command& command : commands) {
    for (const Flag& flag : declare(command).usage.flags) {
      const bool known = std::any_of(flags.begin(), flags.end(),
                                     [&](const Flag& one) { return one.name == flag.name; });
      if (!known) flags.push_back(flag);
    }
  }
  return flags;
}

std::set<std::string> flags_without_value(const Commands& commands) {
  std::set<std::string> flags = {"-h", "--help"};
  for (const Flag& flag : all_flags(commands)) {
    if (flag.takes_value()) continue;
    flags.insert(flag.name);
    if (!flag.letter.empty()) flags.insert(flag.letter);
  }
  return flags;
}

std::set<std::string> next_words(const Commands& commands, const std::string& path) {
  std::set<std::string> words;
  const std::string prefix = path.empty() ? "" : path + " ";
  for (const Command& command : commands) {
    if (!command.words.starts_with(prefix) || command.words == path) continue;
    const std::string word =
        command.words.substr(prefix.size(), command.words.find(' ', prefix.size()) - prefix.size());
    words.insert(word);
    if (const auto alias = aliases().find(word); alias != aliases().end())
      words.insert(alias->second);
  }
  return words;
}

std::optional<Unknown> find_unknown(const Commands& commands,
                                    const std::vector<std::string>& arguments) {
  std::string path;
  for (const std::string& word : split(commands, arguments).words) {
    const auto words = next_words(commands, path);
    if (words.empty()) return std::nullopt;  // an argument of the command
    if (words.contains(word)) {
      path = join(path, canonical(word));
      continue;
    }
    const auto best = std::min_element(
        words.begin(), words.end(),
        [&](const auto& a, const auto& b) { return distance(word, a) < distance(word, b); });
    const bool near = distance(word, *best) <= std::max<std::size_t>(1, word.size() / 3);
    return Unknown{word, near ? join(path, canonical(*best)) : ""};
  }
  return std::nullopt;
}

std::optional<Misplaced> find_misplaced(const Commands& commands,
                                        const std::vector<std::string>& arguments) {
  const Split line = split(commands, arguments);
  std::string path;
  for (const std::string& word : line.words) {
    if (!next_words(commands, path).contains(word)) break;
    path = join(path, canonical(word));
  }
  const auto has = [](const std::vector<Flag>& flags, const std::string& typed) {
    return std::any_of(flags.begin(), flags.end(), [&](const Flag& one) { return is(one, typed); });
  };
  for (const std::string& word : line.flags) {
    const std::string typed = spelling(word);
    std::vector<std::string> owners;
    bool own = has(global_flags(), typed);
    for (const Command& command : commands) {
      if (!has(declare(command).usage.flags, typed)) continue;
      own = own || command.words == path;
      owners.push_back("'holdfast " + command.words + "'");
    }
    if (own || owners.empty() || path.empty()) continue;
    std::string all;
    for (const std::string& one : owners)
      all += (all.empty() ? "" : &one == &owners.back() ? " and " : ", ") + one;
    return Misplaced{typed, path, all};
  }
  return std::nullopt;
}

}  // namespace holdfast::cli
