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
#include <charconv>
#include <filesystem>

#include "holdfast/abi/pins.h"

namespace holdfast::kernel {

namespace fs = std::filesystem;

const std::vector<std::string>& set_maps() {
#define NAME(kind, name, ...) #name,
  static const std::vector<std::string> names = {HF_SET_MAPS(NAME)};
  return names;
}

const std::vector<std::string>& shared_maps() {
  static const std::vector<std::string> names = {HF_SHARED_MAPS(NAME)};
#undef NAME
  return names;
}

const std::vector<std::string>& storages() {
#define STORAGE(unused, storage, ...) #storage,
  static const std::vector<std::string> names = {HF_STORAGES(STORAGE, )};
#undef STORAGE
  return names;
}

bool is_optional(std::string_view object) {
  enum class Need { required, optional };
#define OBJECT(name, need) \
  if (object == #name) return Need::need == Need::optional;
  HF_OBJECTS(OBJECT)
#undef OBJECT
  return false;
}

const std::vector<ProgramRow>& program_rows() {
#define ROW(object, name, section) {#object, #name, section, is_optional(#object)},
  static const std::vector<ProgramRow> rows = {HF_PROGRAMS(ROW)};
#undef ROW
  return rows;
}

const std::vector<ProgramRow>& linked_rows() {
  static const std::vector<ProgramRow> rows = [] {
    std::vector<ProgramRow> linked;
    for (const ProgramRow& row : program_rows()) {
      if (row.section.starts_with("cgroup/")) linked.push_back(row);
    }
    return linked;
  }();
  return rows;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

namespace {

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// "set_12" -> 12; 0: another name.
std::uint32_t number_of(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return 0;
  name.remove_prefix(prefix.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc{} && end == name.data() + name.size() ? number : 0;
}

bool is_symlink(const std::string& path) {
  std::error_code error;
  return fs::is_symlink(fs::symlink_status(path, error));
}

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

}  // namespace

std::string Pins::map(const std::string& directory, std::string_view name) const {
  const auto& names = shared_maps();
  std::string own = directory + "/" + std::string(name);
  if (std::find(names.begin(), names.end(), name) == names.end() || exists(own)) return own;
  return shared() + "/" + std::string(name);
}

std::vector<std::uint32_t> Pins::sets() const {
  std::vector<std::uint32_t> numbers;
  for (const std::string& name : names_in(root)) {
    if (const std::uint32_t number = number_of(name, "set_")) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::uint32_t Pins::current_set() const {
  std::error_code error;
  const fs::path target = fs::read_symlink(current(), error);
  if (error) return 0;
  const std::uint32_t number = number_of(target.filename().string(), "set_");
  return number && exists(set(number)) ? number : 0;
}

Result<> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail_errno(errno, "make directory " + path);
}

Result<> make_directories(const Pins& pins) {
  const std::string parent = fs::path(pins.root).parent_path().string();
  if (auto good = require_bpffs(parent); !good) return good;
  for (const std::string& path : {pins.root, pins.shared(), pins.links()}) {
    if (auto made = make_directory(path); !made) return made;
  }
  return {};
}

Result<> remove_building(const Pins& pins) {
  for (const std::string& name : names_in(pins.root)) {
    if (number_of(name, "building_") == 0) continue;
    std::error_code error;
    fs::remove_all(pins.root + "/" + name, error);
    if (error) return fail_errno(error.value(), "remove " + pins.root + "/" + name);
  }
  return {};
}

// bpffs names have no dots; rename over a symlink works there.
Result<> publish_current(const Pins& pins, std::uint32_t number) {
  const std::string aside = pins.root + "/current_new";
  ::unlink(aside.c_str());
  if (::symlink(("set_" + std::to_string(number)).c_str(), aside.c_str()) != 0) {
    return fail_errno(errno, "link " + aside);
  }
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

std::vector<std::string> everything_pinned(const std::string& root) {
  const Pins pins{root};
  std::vector<std::string> paths;
  const auto& rows = linked_rows();
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    if (exists(pins.link(row->name))) paths.push_back(pins.link(row->name));
  }
  std::vector<std::string> parts{pins.links(), pins.current(), root + "/current_new"};
  for (const std::string& name : names_in(root)) {
    if (number_of(name, "set_") || number_of(name, "building_")) parts.push_back(root + "/" + name);
  }
  parts.push_back(pins.shared());
  for (const std::string& part : parts) {
    std::error_code error;
    if (fs::symlink_status(part, error).type() == fs::file_type::not_found) continue;
    for (const std::string& name : is_symlink(part) ? std::vector<std::string>{} : names_in(part)) {
      const std::string path = part + "/" + name;
      if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
    }
    paths.push_back(part);
  }
  paths.push_back(root);
  return paths;
}

}  // namespace holdfast::kernel
