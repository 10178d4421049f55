// SPDX-License-Identifier: Apache-2.0
#include <linux/magic.h>
#include <mntent.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "agent/dataplane/kernel/kernel.h"

namespace holdfast {

Result<std::string> find_cgroup2_root() {
  const std::unique_ptr<FILE, int (*)(FILE*)> mounts(::setmntent("/proc/self/mounts", "r"),
                                                     ::endmntent);
  if (!mounts) return fail_errno(errno, "read /proc/self/mounts");
  mntent entry{};
  char buffer[4096];
  while (::getmntent_r(mounts.get(), &entry, buffer, sizeof buffer)) {
    if (std::strcmp(entry.mnt_type, "cgroup2") == 0) return std::string(entry.mnt_dir);
  }
  return fail(Errc::not_found, "no cgroup2 in the mount table; mount one, or set dataplane.cgroup");
}

Result<std::string> resolve_cgroup(const std::string& configured) {
  if (configured.empty() || configured == "auto") return find_cgroup2_root();
  struct statfs info {};
  if (::statfs(configured.c_str(), &info) != 0) return fail_errno(errno, "cgroup " + configured);
  if (static_cast<unsigned long>(info.f_type) == CGROUP2_SUPER_MAGIC) return configured;
  return fail(Errc::invalid, "cgroup " + configured + " is not a cgroup2 directory");
}

}  // namespace holdfast
