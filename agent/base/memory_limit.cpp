// SPDX-License-Identifier: Apache-2.0
#include "agent/base/memory_limit.h"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <utility>

namespace holdfast {
namespace {

std::vector<std::string> words(const std::string& line, char between = ' ') {
  std::vector<std::string> result;
  std::istringstream stream(line);
  for (std::string word; std::getline(stream, word, between);) result.push_back(word);
  return result;
}

bool lists(const std::string& text, const std::string& what) {
  const auto parts = words(text, ',');
  return std::find(parts.begin(), parts.end(), what) != parts.end();
}

// Space, tab, newline and backslash are octal in mountinfo.
std::string unescaped(const std::string& text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto digit = [&](std::size_t index) { return text[at + index] - '0'; };
    if (text[at] != '\\' || at + 3 >= text.size()) {
      result += text[at];
      continue;
    }
    result += static_cast<char>(digit(1) * 64 + digit(2) * 8 + digit(3));
    at += 3;
  }
  return result;
}

struct Paths {  // of this process's cgroup, as its namespace shows it
  std::optional<std::string> v1, v2;
};

Paths own_paths(std::string_view cgroup) {
  Paths paths;
  std::istringstream lines{std::string(cgroup)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (line.substr(0, first) == "0" && controllers.empty()) paths.v2 = line.substr(second + 1);
    if (lists(controllers, "memory")) paths.v1 = line.substr(second + 1);
  }
  return paths;
}

// `root` is which directory of the hierarchy the mount shows, seen from the root of our namespace.
std::optional<MemoryHierarchy> hierarchy(CgroupVersion version, std::string mount, std::string root,
                                         const std::string& path) {
  MemoryHierarchy result{version, std::move(mount), "", 0};
  while (root.starts_with("/..")) {
    root.erase(0, 3);
    ++result.unknown;
  }
  if (root == "/") root.clear();
  if (!root.empty() && path != root && !path.starts_with(root + "/")) return std::nullopt;
  result.below = path.substr(root.size());
  if (result.below == "/") result.below.clear();
  if (result.below.find("/..") != std::string::npos) return std::nullopt;  // outside the namespace
  return result;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;  // "max", or nothing
  return value;
}

std::uint64_t value_of(std::string_view stat, std::string_view key) {
  for (std::size_t at = 0; (at = stat.find(key, at)) != std::string_view::npos; at += key.size()) {
    const std::size_t end = at + key.size();
    if ((at == 0 || stat[at - 1] == '\n') && end < stat.size() && stat[end] == ' ')
      return number(stat.substr(end + 1)).value_or(0);
  }
  return 0;
}

}  // namespace

std::vector<MemoryHierarchy> memory_hierarchies(std::string_view cgroup,
                                                std::string_view mountinfo) {
  const Paths paths = own_paths(cgroup);
  std::vector<MemoryHierarchy> result;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    // id, parent, device, root, mount point, options, optional fields; "-"; type, source, options.
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto left = words(line.substr(0, dash)), right = words(line.substr(dash + 3));
    if (left.size() < 5 || right.empty()) continue;
    const bool v2 = right[0] == "cgroup2" && paths.v2;
    const bool v1 =
        right[0] == "cgroup" && paths.v1 && right.size() > 2 && lists(right[2], "memory");
    if (!v1 && !v2) continue;
    auto found = hierarchy(v2 ? CgroupVersion::v2 : CgroupVersion::v1, unescaped(left[4]),
                           unescaped(left[3]), v2 ? *paths.v2 : *paths.v1);
    if (found) result.push_back(std::move(*found));
  }
  return result;
}

std::optional<MemoryRoom> room_of(CgroupVersion version, std::string_view limit,
                                  std::string_view usage, std::string_view stat) {
  const auto most = number(limit), now = number(usage);
  // v1 has no word for "none": it says the largest number of pages, in bytes.
  constexpr std::uint64_t kNone = std::uint64_t{1} << 62;
  if (!most || *most >= kNone || !now) return std::nullopt;
  const std::uint64_t inactive =
      value_of(stat, version == CgroupVersion::v2 ? "inactive_file" : "total_inactive_file");
  return MemoryRoom{*most, *now - std::min(*now, inactive)};
}

std::optional<MemoryRoom> tightest(const std::vector<MemoryRoom>& rooms) {
  const auto least = std::min_element(
      rooms.begin(), rooms.end(),
      [](const MemoryRoom& a, const MemoryRoom& b) { return a.left() < b.left(); });
  if (least == rooms.end()) return std::nullopt;
  return *least;
}

}  // namespace holdfast
