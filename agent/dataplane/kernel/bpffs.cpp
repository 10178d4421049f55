// SPDX-License-Identifier: Apache-2.0
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <cerrno>
#include <filesystem>

#include "agent/dataplane/kernel/kernel.h"

namespace holdfast {

// nosuid, nodev, noexec and 0700 as systemd mounts it.
Result<bool> mount_bpffs(const std::string& bpffs) {
  const std::string parent = std::filesystem::path(bpffs).parent_path().string();
  struct statfs info {};
  if (::statfs(parent.c_str(), &info) != 0) {
    return fail_errno(errno, "bpffs directory's parent " + parent);
  }
  if (static_cast<unsigned long>(info.f_type) == BPF_FS_MAGIC) return false;
  if (::mount("bpf", parent.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") != 0) {
    return fail_errno(errno, "mount bpffs at " + parent);
  }
  return true;
}

}  // namespace holdfast
