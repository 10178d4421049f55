// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/suggest.h"

#include <algorithm>
#include <numeric>

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

}  // namespace

const std::set<std::string>& flags_without_value() {
  static const std::set<std::string> flags = {"-h",    "--help",  "--no-headers",
                                              "--all", "--force", "--force-identity"};
  return flags;
}

std::set<std::string> next_words(const std::string& path) {
  std::set<std::string> words;
  const std::string prefix = path.empty() ? "" : path + " ";
  for (const Command& command : commands()) {
    if (!command.path.starts_with(prefix) || command.path == path) continue;
    const std::string word =
        command.path.substr(prefix.size(), command.path.find(' ', prefix.size()) - prefix.size());
    words.insert(word);
    if (const auto alias = aliases().find(word); alias != aliases().end())
      words.insert(alias->second);
  }
  return words;
}

std::optional<Unknown> find_unknown(const std::vector<std::string>& arguments) {
  std::string path;
  for (std::size_t index = 0; index < arguments.size(); ++index) {
    const std::string& word = arguments[index];
    if (word.starts_with("-")) {
      const bool inline_value =
          word.find('=') != std::string::npos || (word.size() > 2 && word[1] != '-');
      if (!inline_value && !flags_without_value().contains(word)) ++index;
      continue;
    }
    const auto words = next_words(path);
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

}  // namespace holdfast::cli
