// SPDX-License-Identifier: Apache-2.0
#include "agent/config/loader.h"

namespace holdfast {
namespace {

// Distance by single edits, for "did you mean".
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t column = 0; column <= b.size(); ++column) row[column] = column;
  for (std::size_t line = 1; line <= a.size(); ++line) {
    std::size_t diagonal = row[0];
    row[0] = line;
    for (std::size_t column = 1; column <= b.size(); ++column) {
      const std::size_t change = diagonal + (a[line - 1] != b[column - 1]);
      diagonal = row[column];
      row[column] = std::min({row[column] + 1, row[column - 1] + 1, change});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Loader::hint(const std::string& name, const std::vector<Key>& keys) {
  std::string nearest;
  std::size_t best = 3;
  std::string all;
  for (const Key& key : keys) {
    all += (all.empty() ? "" : ", ") + key.name;
    if (const std::size_t far = distance(name, key.name); far < best) {
      best = far;
      nearest = key.name;
    }
  }
  return nearest.empty() ? "; expected one of: " + all : "; did you mean '" + nearest + "'?";
}

}  // namespace holdfast
