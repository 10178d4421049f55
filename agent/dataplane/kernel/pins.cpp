// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/pins.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "holdfast/abi/layout.h"

namespace holdfast::kernel {

const std::vector<std::string>& set_maps() {
#define NAME(name) #name,
  static const std::vector<std::string> names = {HF_SET_MAPS(NAME)};
  return names;
}

const std::vector<std::string>& shared_maps() {
  static const std::vector<std::string> names = {HF_SHARED_MAPS(NAME)};
#undef NAME
  return names;
}

const std::vector<ProgramRow>& program_rows() {
#define ROW(name, section) {#name, section},
  static const std::vector<ProgramRow> rows = {HF_PROGRAMS(ROW)};
#undef ROW
  return rows;
}

std::string Pins::map(std::string_view name) const {
  const auto& names = shared_maps();
  const bool is_shared = std::find(names.begin(), names.end(), name) != names.end();
  return is_shared ? shared(name) : set(name);
}

bool Pins::exist() const {
  return ::access((current() + "/meta").c_str(), F_OK) == 0;
}

namespace {

Result<> require_bpffs(const std::string& directory) {
  struct statfs info {};
  if (::statfs(directory.c_str(), &info) != 0) {
    return fail_errno(errno, "bpffs directory's parent " + directory);
  }
  if (static_cast<unsigned long>(info.f_type) == BPF_FS_MAGIC) return {};
  return fail(Errc::invalid,
              directory +
                  " is not on bpffs; mount it with: mount -t bpf bpf /sys/fs/bpf, or "
                  "set dataplane.bpffs to a directory on one");
}

Result<> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail_errno(errno, "make directory " + path);
}

}  // namespace

Result<> make_directories(const Pins& pins) {
  const std::string parent = std::filesystem::path(pins.root).parent_path().string();
  if (auto good = require_bpffs(parent); !good) return good;
  for (const char* part : {"", "/shared", "/set_1", "/links"}) {
    if (auto made = make_directory(pins.root + part); !made) return made;
  }
  return {};
}

// bpffs names have no dots; rename over a symlink works there.
Result<> publish_current(const Pins& pins) {
  const std::string aside = pins.root + "/current_new";
  ::unlink(aside.c_str());
  if (::symlink("set_1", aside.c_str()) != 0) return fail_errno(errno, "link " + aside);
  if (::rename(aside.c_str(), pins.current().c_str()) != 0) {
    return fail_errno(errno, "rename " + aside);
  }
  return {};
}

Result<Fd> lock_directory(const std::string& path, const std::string& meaning) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno(errno, "open " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno == EWOULDBLOCK) {
    return fail(Errc::exists, "another holdfastd serves the " + meaning + " " + path +
                                  "; stop it first, what it pinned goes on serving");
  }
  return fail_errno(errno, "lock " + path);
}

}  // namespace holdfast::kernel
