// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "agent/base/file.h"
#include "agent/snapshot/snapshot.h"

namespace holdfast {
namespace {

constexpr std::size_t kKept = 3;
constexpr std::size_t kLongest = std::size_t{1} << 30;

// Newest first: the digits of the generation sort as text.
Result<std::vector<std::string>> files_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("generation-") && name.ends_with(".snap"))
      names.push_back(entry->path().string());
  }
  if (error) return fail_errno(error.value(), "read the state directory " + directory);
  std::sort(names.rbegin(), names.rend());
  return names;
}

}  // namespace

SnapshotStore::SnapshotStore(std::string directory) : directory_(std::move(directory)) {}

Result<> SnapshotStore::open() {
  std::error_code error;
  const bool made = std::filesystem::create_directories(directory_, error);
  if (made && !error) {
    std::filesystem::permissions(directory_, std::filesystem::perms::owner_all, error);
  }
  if (error) return fail_errno(error.value(), "make the state directory " + directory_);
  if (::access(directory_.c_str(), R_OK | W_OK | X_OK) != 0) {
    return fail_errno(errno,
                      "the state directory " + directory_ + " must be readable and writable");
  }
  return {};
}

Result<std::optional<Snapshot>> SnapshotStore::load(std::vector<std::string>& notes) {
  auto names = files_in(directory_);
  if (!names) return tl::unexpected(names.error());
  for (const std::string& name : *names) {
    const auto bytes = read_file(name, kLongest);
    if (!bytes) {
      notes.push_back(bytes.error().what);
      continue;
    }
    auto snapshot = decode(*bytes);
    if (snapshot) return std::optional<Snapshot>(std::move(*snapshot));
    notes.push_back(name + ": " + snapshot.error().what);
    if (snapshot.error().code == Errc::incompatible) continue;  // another version may still want it
    const std::string aside = name + ".corrupt";
    if (::rename(name.c_str(), aside.c_str()) == 0) notes.back() += ", kept as " + aside;
  }
  return std::optional<Snapshot>();
}

Result<> SnapshotStore::save(const Snapshot& snapshot) {
  const std::string name =
      fmt::format("{}/generation-{:020}.snap", directory_, snapshot.generation);
  if (auto written = replace_file(name, encode(snapshot), 0600); !written) return written;
  auto names = files_in(directory_);
  if (!names) return tl::unexpected(names.error());
  // Counted from this one: files of a higher number (another format, say) are not its elders.
  std::erase_if(*names, [&](const std::string& one) { return one > name; });
  for (std::size_t old = kKept; old < names->size(); ++old) ::unlink((*names)[old].c_str());
  return {};
}

}  // namespace holdfast
