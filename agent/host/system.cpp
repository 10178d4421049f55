// SPDX-License-Identifier: Apache-2.0
#include "agent/host/system.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

namespace holdfast::host {
namespace {

namespace fs = std::filesystem;

// Files of /proc have no size: read to the end.
std::string slurp(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& path) {
  std::istringstream in(slurp(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::optional<std::uint64_t> number(std::string_view text, int base = 10) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

std::string process_directory(const std::string& root, int pid) {
  return root + "/proc/" + (pid == 0 ? "self" : std::to_string(pid));
}

std::vector<std::string> entries(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error))
    names.push_back(entry->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::uint64_t> read_capabilities(const std::string& directory) {
  for (const std::string& line : lines_of(directory + "/status")) {
    if (line.starts_with("CapEff:"))
      return number(std::string_view(line).substr(line.find_first_not_of(" \t", 7)), 16);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> read_memlock(const std::string& directory) {
  for (const std::string& line : lines_of(directory + "/limits")) {
    if (!line.starts_with("Max locked memory")) continue;
    const auto at = line.find_first_not_of(' ', 17);
    if (at == std::string::npos) return std::nullopt;
    if (line.compare(at, 9, "unlimited") == 0) return std::numeric_limits<std::uint64_t>::max();
    return number(std::string_view(line).substr(at));
  }
  return std::nullopt;
}

// Where the hierarchy `kind` ("cgroup2", or "cgroup" with the memory controller) is mounted.
std::string mount_of(const std::string& root, bool version2) {
  for (const std::string& line : lines_of(root + "/proc/self/mounts")) {
    std::istringstream words(line);
    std::string device, path, kind, options;
    words >> device >> path >> kind >> options;
    if (version2 && kind == "cgroup2") return path;
    if (!version2 && kind == "cgroup" &&
        ("," + options + ",").find(",memory,") != std::string::npos)
      return path;
  }
  return "";
}

struct MemoryFiles {
  const char* limit;
  const char* used;
};
constexpr MemoryFiles kVersion1 = {"memory.limit_in_bytes", "memory.usage_in_bytes"};
constexpr MemoryFiles kVersion2 = {"memory.max", "memory.current"};
// "No limit" is a number near the largest in version 1, and the word "max" in version 2.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;

// The tightest limit from `path` up to the root of the mount.
void read_limits(const std::string& root, const std::string& mount, std::string path,
                 const MemoryFiles& files, RightsFacts& facts) {
  while (true) {
    const std::string directory = root + mount + path;
    const auto limit = number(slurp(directory + "/" + files.limit));
    if (limit && *limit < kNoLimit && *limit < facts.memory_limit.value_or(kNoLimit)) {
      facts.memory_limit = limit;
      facts.memory_used = number(slurp(directory + "/" + files.used));
      facts.memory_path = mount + path;
    }
    if (path.empty() || path == "/") return;
    path = fs::path(path).parent_path().string();
  }
}

// Lines of /proc/PID/cgroup: "0::/a/b" (version 2), "7:cpu,memory:/a/b" (version 1).
void read_memory(const std::string& root, const std::string& directory, RightsFacts& facts) {
  std::string unified, memory;
  for (const std::string& line : lines_of(directory + "/cgroup")) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controllers == ",,") unified = line.substr(second + 1);
    if (controllers.find(",memory,") != std::string::npos) memory = line.substr(second + 1);
  }
  const bool version2 = memory.empty();
  const std::string path = version2 ? unified : memory, mount = mount_of(root, version2);
  if (path.empty() || mount.empty()) return;
  facts.memory_version = version2 ? 2 : 1;
  facts.memory_path = mount + path;
  read_limits(root, mount, path, version2 ? kVersion2 : kVersion1, facts);
}

}  // namespace

std::vector<Process> read_processes(const std::string& root) {
  std::vector<Process> result;
  for (const std::string& name : entries(root + "/proc")) {
    const auto pid = number(name);
    if (!pid) continue;
    const auto lines = lines_of(root + "/proc/" + name + "/comm");
    if (!lines.empty()) result.push_back({static_cast<int>(*pid), lines[0]});
  }
  std::sort(result.begin(), result.end(),
            [](const Process& a, const Process& b) { return a.pid < b.pid; });
  return result;
}

int owner_of_socket(const std::string& root, const std::vector<Process>& processes,
                    const std::string& socket) {
  // "address: references protocol flags type state inode path"; flag 0x10000: it listens.
  std::string inode;
  for (const std::string& line : lines_of(root + "/proc/self/net/unix")) {
    std::istringstream words(line);
    std::string address, references, protocol, flags, type, state, number, path;
    words >> address >> references >> protocol >> flags >> type >> state >> number >> path;
    if (path == socket && flags == "00010000") inode = number;
  }
  if (inode.empty()) return 0;
  for (const Process& one : processes) {
    const std::string directory = process_directory(root, one.pid) + "/fd/";
    for (const std::string& name : entries(directory)) {
      std::error_code error;
      if (fs::read_symlink(directory + name, error) == "socket:[" + inode + "]") return one.pid;
    }
  }
  return 0;
}

RightsFacts read_rights(const std::string& root, int pid) {
  RightsFacts facts;
  facts.of_daemon = pid != 0;
  facts.pid = pid;
  const std::string directory = process_directory(root, pid);
  facts.capabilities = read_capabilities(directory);
  facts.memlock = read_memlock(directory);
  read_memory(root, directory, facts);
  return facts;
}

// "none [integrity] confidentiality"
std::string read_lockdown(const std::string& root) {
  const std::string text = slurp(root + "/sys/kernel/security/lockdown");
  const auto begin = text.find('['), end = text.find(']');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return "";
  return text.substr(begin + 1, end - begin - 1);
}

StateFacts read_state(const std::string& root, const std::string& directory) {
  StateFacts facts;
  facts.directory = directory;
  const std::string path = root + directory;
  std::error_code error;
  facts.exists = fs::is_directory(path, error);
  if (!facts.exists) return facts;
  facts.writable = ::access(path.c_str(), W_OK) == 0;
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) == 0)
    facts.free_bytes = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  for (const std::string& name : entries(path))
    if (name.ends_with(".snap")) ++facts.snapshots;
  return facts;
}

std::vector<std::string> read_pinned_names(const std::string& root, const std::string& mount,
                                           const std::string& except) {
  std::vector<std::string> result;
  for (const std::string& name : entries(root + mount)) {
    const std::string path = mount + "/" + name;
    if (path == except) continue;
    result.push_back(path);
    // Symbolic links ("ip", "xdp") lead back to the same directory.
    std::error_code error;
    if (fs::is_symlink(root + path, error)) continue;
    for (const std::string& inner : entries(root + path)) {
      if (path + "/" + inner != except) result.push_back(path + "/" + inner);
    }
  }
  return result;
}

void parse_release(const std::string& release, int& major, int& minor) {
  if (std::sscanf(release.c_str(), "%d.%d", &major, &minor) != 2) major = minor = 0;
}

}  // namespace holdfast::host
