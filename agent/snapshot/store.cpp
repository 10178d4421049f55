// SPDX-License-Identifier: Apache-2.0
#include "agent/snapshot/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <tuple>

#include "agent/base/file.h"
#include "agent/base/flock.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::size_t kKept = 3;
// What was set aside is evidence, but never so much that it leaves no room for a new snapshot.
constexpr std::size_t kKeptAside = 16;
constexpr std::size_t kLongest = std::size_t{1} << 30;
// An import, or a daemon that is just ending, lets go within moments.
constexpr auto kLockPause = 50ms;
constexpr int kLockTries = 20;

constexpr std::string_view kPrefix = "generation-", kSuffix = ".snap", kBeside = ".new";
constexpr std::size_t kDigits = 20;

struct Name {
  std::string text;
  std::uint64_t generation = 0;
  bool aside = false;
};

std::string name_of(std::uint64_t generation) {
  return fmt::format("{}{:020}{}", kPrefix, generation, kSuffix);
}

// nullopt: not one of ours. Numbers beyond any life of a node are nobody's.
std::optional<Name> parse_name(const std::string& text) {
  const std::size_t length = kPrefix.size() + kDigits + kSuffix.size();
  if (text.size() < length || !text.starts_with(kPrefix)) return std::nullopt;
  const char* const digits = text.data() + kPrefix.size();
  Name name{text, 0, text.size() > length};
  const auto parsed = std::from_chars(digits, digits + kDigits, name.generation);
  if (parsed.ec != std::errc() || parsed.ptr != digits + kDigits || name.generation >> 63 != 0 ||
      text.compare(kPrefix.size() + kDigits, kSuffix.size(), kSuffix) != 0)
    return std::nullopt;
  const std::string_view rest = std::string_view(text).substr(length);
  if (!rest.empty() && !rest.starts_with(".corrupt") && !rest.starts_with(".foreign"))
    return std::nullopt;
  return name;
}

// Newest first, those set aside behind.
Result<std::vector<Name>> names_in(const std::string& directory) {
  std::vector<Name> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (auto name = parse_name(entry->path().filename().string())) names.push_back(*name);
  }
  if (error) return fail_errno(error.value(), "read the state directory " + directory);
  std::sort(names.begin(), names.end(), [](const Name& a, const Name& b) {
    return std::tie(a.aside, b.generation, a.text) < std::tie(b.aside, a.generation, b.text);
  });
  return names;
}

// The disk or its rights, and not what was found: tells nothing of the content.
bool says_nothing(const Error& error) {
  return error.sys != 0 && error.sys != ENXIO;
}

void distrust(StoredSnapshot& file, Trust trust, std::string reason) {
  file.trust = trust;
  file.reason = std::move(reason);
}

StoredSnapshot inspect(const std::string& path, const std::string& node) {
  StoredSnapshot file;
  file.name = fs::path(path).filename().string();
  const auto bytes = read_file(path, kLongest);
  if (!bytes) {
    distrust(file, says_nothing(bytes.error()) ? Trust::unreadable : Trust::damaged,
             bytes.error().what);
    return file;
  }
  file.bytes = bytes->size();
  file.format = format_of(*bytes);
  auto snapshot = decode(*bytes);
  if (!snapshot) {
    const bool future = snapshot.error().code == Errc::incompatible;
    distrust(file, future ? Trust::future : Trust::damaged, snapshot.error().what);
    return file;
  }
  file.generation = snapshot->generation;
  if (!node.empty() && !snapshot->node.empty() && snapshot->node != node) {
    distrust(file, Trust::foreign,
             fmt::format("of another node: {}, and this is {}", snapshot->node, node));
  }
  file.snapshot = std::move(*snapshot);
  return file;
}

StoredSnapshot inspect_in(const std::string& directory, const std::string& node, const Name& name) {
  const std::string path = directory + "/" + name.text;
  StoredSnapshot file;
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode)) {
    file.name = name.text;
    distrust(file, Trust::damaged, "a symbolic link, not a regular file");
  } else {
    file = inspect(path, node);
  }
  if (file.snapshot && file.generation != name.generation) {
    distrust(
        file, Trust::damaged,
        fmt::format("its name tells another generation than its content, {}", file.generation));
    file.snapshot.reset();
  }
  file.generation = name.generation;
  file.aside = name.aside;
  return file;
}

}  // namespace

std::string_view to_string(Trust trust) {
  switch (trust) {
    case Trust::good:
      return "good";
    case Trust::damaged:
      return "damaged";
    case Trust::foreign:
      return "foreign";
    case Trust::future:
      return "future";
    case Trust::unreadable:
      return "unreadable";
  }
  return "unknown";
}

StoredSnapshot inspect_snapshot(const std::string& path, const std::string& node) {
  return inspect(path, node);
}

SnapshotStore::SnapshotStore(std::string directory, std::string node)
    : directory_(std::move(directory)), node_(std::move(node)) {}

Result<> SnapshotStore::open() {
  std::error_code error;
  const bool made = fs::create_directories(directory_, error);
  if (made && !error) fs::permissions(directory_, fs::perms::owner_all, error);
  if (error) return fail_errno(error.value(), "make the state directory " + directory_);
  if (::access(directory_.c_str(), R_OK | X_OK) != 0)
    return fail_errno(errno, "read the state directory " + directory_);
  return {};
}

namespace {

bool may_write(const LockHolder& holder, const Fd& directory) {
  struct stat info {};
  if (holder.name.empty() || ::fstat(directory.get(), &info) != 0) return true;
  return holder.uid == 0 || holder.uid == info.st_uid || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

}  // namespace

Result<std::string> SnapshotStore::lock() {
  Fd fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno(errno, "open the state directory " + directory_);
  std::string without;
  for (int tries = 1; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return fail_errno(errno, "lock the state directory " + directory_);
    if (tries == kLockTries) {
      const auto holder = flock_holder(directory_);
      if (holder && !may_write(*holder, fd)) {
        without = describe(*holder);
        break;
      }
      return fail(Errc::exists, "another holdfastd uses the state directory " + directory_);
    }
    std::this_thread::sleep_for(kLockPause);
  }
  lock_ = std::move(fd);
  std::error_code error;
  for (fs::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(std::string(kSuffix) + std::string(kBeside)))
      ::unlink(entry->path().c_str());
  }
  return without;
}

// Never over one that was set aside earlier. Of very many the one written first goes.
std::string SnapshotStore::set_aside(const StoredSnapshot& file) const {
  const std::string from = directory_ + "/" + file.name;
  const std::string kind = file.trust == Trust::foreign ? ".foreign" : ".corrupt";
  std::string to = from + kind;
  struct stat taken {};
  for (int number = 2; ::lstat(to.c_str(), &taken) == 0; ++number)
    to = from + kind + "." + std::to_string(number);
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return ", left where it is: " + std::generic_category().message(errno);
  }
  std::string words = ", kept as " + to;
  auto names = names_in(directory_);
  if (!names) return words;
  std::vector<std::pair<fs::file_time_type, std::string>> aside;
  for (const Name& name : *names) {
    std::error_code error;
    const std::string path = directory_ + "/" + name.text;
    if (name.aside) aside.emplace_back(fs::last_write_time(path, error), path);
  }
  std::sort(aside.begin(), aside.end());
  for (std::size_t oldest = 0; oldest + kKeptAside < aside.size(); ++oldest) {
    if (::unlink(aside[oldest].second.c_str()) == 0)
      words += fmt::format("; {} are kept, so {} was removed", kKeptAside, aside[oldest].second);
  }
  return words;
}

Result<std::optional<Snapshot>> SnapshotStore::load(std::vector<std::string>& notes) {
  const auto names = names_in(directory_);
  if (!names) return tl::unexpected(names.error());
  for (const Name& name : *names) {
    if (name.aside) break;
    StoredSnapshot file = inspect_in(directory_, node_, name);
    if (file.trust == Trust::good) return std::move(file.snapshot);
    std::string note = directory_ + "/" + file.name + ": " + file.reason;
    if (file.trust == Trust::damaged || file.trust == Trust::foreign) note += set_aside(file);
    notes.push_back(std::move(note));
  }
  return std::optional<Snapshot>();
}

Result<std::uint64_t> SnapshotStore::highest() const {
  const auto names = names_in(directory_);
  if (!names) return tl::unexpected(names.error());
  std::uint64_t highest = 0;
  for (const Name& name : *names) highest = std::max(highest, name.generation);
  return highest;
}

Result<std::vector<StoredSnapshot>> SnapshotStore::list() const {
  const auto names = names_in(directory_);
  if (!names) return tl::unexpected(names.error());
  std::vector<StoredSnapshot> files;
  files.reserve(names->size());
  for (const Name& name : *names) files.push_back(inspect_in(directory_, node_, name));
  return files;
}

Result<> SnapshotStore::save(const Snapshot& snapshot) {
  const std::string path = directory_ + "/" + name_of(snapshot.generation);
  if (auto written = replace_file(path, encode(snapshot), 0600); !written) return written;
  auto names = names_in(directory_);
  if (!names) return tl::unexpected(names.error());
  // Counted from this one: files of a higher number (of another format, say) are not its elders.
  std::erase_if(*names, [&](const Name& name) {
    return name.aside || name.generation > snapshot.generation;
  });
  for (std::size_t old = kKept; old < names->size(); ++old)
    ::unlink((directory_ + "/" + (*names)[old].text).c_str());
  return {};
}

}  // namespace holdfast
