// SPDX-License-Identifier: Apache-2.0
#include "agent/base/flock.h"

#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <fstream>

namespace holdfast {
namespace {

// include/uapi/linux/capability.h
constexpr int kNetAdmin = 12, kSysAdmin = 21, kBpf = 39;

void read_status(const std::string& process, LockHolder& holder) {
  std::ifstream status(process + "/status");
  for (std::string line; std::getline(status, line);) {
    unsigned long long effective = 0;
    (void)std::sscanf(line.c_str(), "Uid: %*u %u", &holder.uid);
    if (std::sscanf(line.c_str(), "CapEff: %llx", &effective) != 1) continue;
    const auto has = [&](int capability) { return (effective >> capability & 1) != 0; };
    holder.could_serve = has(kNetAdmin) && (has(kBpf) || has(kSysAdmin));
  }
}

}  // namespace

std::string describe(const LockHolder& holder) {
  const std::string process = "process " + std::to_string(holder.pid);
  if (holder.name.empty()) return process + ", which cannot be looked at";
  return process + " (" + holder.name + ") of user " + std::to_string(holder.uid);
}

// "3: FLOCK  ADVISORY  WRITE 4711 00:1f:8123 0 EOF": the inode in decimal. The device is not
// compared: on some file systems stat tells another. A lock that waits has "->" after the number.
std::optional<LockHolder> flock_holder(const std::string& path, const std::string& root) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  std::ifstream locks(root + "/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    LockHolder holder;
    unsigned long long inode = 0;
    if (std::sscanf(line.c_str(), "%*u: FLOCK ADVISORY %*s %d %*x:%*x:%llu", &holder.pid, &inode) !=
            2 ||
        inode != info.st_ino || holder.pid <= 0)
      continue;
    const std::string process = root + "/proc/" + std::to_string(holder.pid);
    std::ifstream name(process + "/comm");
    std::getline(name, holder.name);
    read_status(process, holder);
    return holder;
  }
  return std::nullopt;
}

}  // namespace holdfast
