// SPDX-License-Identifier: Apache-2.0
// The files of memory_limit.h.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "agent/base/fd.h"
#include "agent/base/memory_limit.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostDirectories = 20'000;  // that are looked through for our own

struct Place {
  CgroupVersion version;
  std::string directory;
};

// Files of the kernel have no size to ask for. "": cannot be read.
std::string text_of(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> buffer;
  ssize_t size = 0;
  while (file.get() >= 0 && (size = ::read(file.get(), buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), static_cast<std::size_t>(size));
  return text;
}

bool has_us(const std::string& directory) {
  const std::string pids = "\n" + text_of(directory + "/cgroup.procs");
  return pids.find("\n" + std::to_string(::getpid()) + "\n") != std::string::npos;
}

// Our own cgroup, `depth` directories below; "": not found.
std::string find_below(const std::string& directory, std::size_t depth, const std::string& below,
                       std::size_t& looked) {
  if (depth == 0) return has_us(directory + below) ? directory + below : "";
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_directory(error) || entry->is_symlink(error)) continue;
    if (++looked > kMostDirectories) return "";
    std::string found = find_below(entry->path().string(), depth - 1, below, looked);
    if (!found.empty()) return found;
  }
  return "";
}

// Our own cgroup and all above it.
std::vector<Place> places() {
  std::vector<Place> result;
  for (const MemoryHierarchy& one :
       memory_hierarchies(text_of("/proc/self/cgroup"), text_of("/proc/self/mountinfo"))) {
    std::size_t looked = 0;
    std::string directory = find_below(one.mount, one.unknown, one.below, looked);
    if (directory.empty() && one.unknown == 0) directory = one.mount + one.below;
    while (directory.size() >= one.mount.size() && !directory.empty()) {
      result.push_back({one.version, directory});
      directory.erase(directory.rfind('/'));
    }
  }
  return result;
}

std::optional<MemoryRoom> read_room(const Place& place) {
  const bool v2 = place.version == CgroupVersion::v2;
  const std::string where = place.directory + (v2 ? "/memory.max" : "/memory.limit_in_bytes");
  auto room =
      room_of(place.version, text_of(where),
              text_of(place.directory + (v2 ? "/memory.current" : "/memory.usage_in_bytes")),
              text_of(place.directory + "/memory.stat"));
  if (room) room->where = where;
  return room;
}

}  // namespace

std::function<std::optional<MemoryRoom>()> memory_of_this_process() {
  return [places = places()] {
    std::vector<MemoryRoom> rooms;
    for (const Place& place : places) {
      if (auto room = read_room(place)) rooms.push_back(std::move(*room));
    }
    return tightest(rooms);
  };
}

}  // namespace holdfast
