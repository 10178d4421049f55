// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/file/file_source.h"

#include <sys/inotify.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>

#include "agent/base/file.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kSettle = 25ms;  // an editor's or kubelet's several steps come as one change
constexpr auto kRescan = 30s;   // for what inotify does not tell: bind mounts, network file systems
constexpr std::size_t kLongest = std::size_t{256} << 20;

bool is_catalog(const fs::path& path) {
  const std::string name = path.filename().string(), extension = path.extension().string();
  // Also hides ..data and the ..<time> directories of a mounted ConfigMap.
  if (name.empty() || name[0] == '.') return false;
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

}  // namespace

FileSource::FileSource(boost::asio::io_context& loop, std::string name, FileSourceConfig config,
                       std::string node_name)
    : name_(name),
      config_(std::move(config)),
      files_(std::move(name), std::move(node_name)),
      events_(loop),
      settle_timer_(loop),
      rescan_timer_(loop) {
  status_.name = name_;
  status_.kind = "file";
  status_.state = "starting";
}

FileSource::~FileSource() = default;

void FileSource::start(Sink sink) {
  sink_ = std::move(sink);
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  // Without a watch (the limit of instances is reached) the slow scan still follows.
  if (fd >= 0) {
    events_.assign(fd);
    watch();
    wait_for_event();
  }
  rescan_later();
  settle_timer_.expires_after(0ms);
  settle_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) read_all();
  });
}

void FileSource::stop() {
  boost::system::error_code ignored;
  if (events_.is_open()) events_.close(ignored);
  settle_timer_.cancel();
  rescan_timer_.cancel();
}

SourceStatus FileSource::status() const {
  return status_;
}

// Watches the directory, never the file: a replaced file has a new inode. And its parent, for the
// day the directory itself is replaced. Adding a watch that exists changes nothing.
void FileSource::watch() {
  if (!events_.is_open()) return;
  std::error_code error;
  const fs::path path(config_.path);
  std::set<fs::path> directories = {path.parent_path()};
  if (fs::is_directory(path, error)) {
    directories.insert(path);
  } else if (path.has_parent_path() && path.parent_path().has_parent_path()) {
    directories.insert(path.parent_path().parent_path());
  }
  for (const fs::path& directory : directories) {
    ::inotify_add_watch(events_.native_handle(), directory.c_str(),
                        IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                            IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB);
  }
}

void FileSource::wait_for_event() {
  events_.async_read_some(boost::asio::buffer(buffer_),
                          [this](const boost::system::error_code& error, std::size_t) {
                            if (error) return;
                            settle();
                            wait_for_event();
                          });
}

// One timer for a burst, not set anew by each event: constant change is followed all the same.
void FileSource::settle() {
  if (settling_) return;
  settling_ = true;
  settle_timer_.expires_after(kSettle);
  settle_timer_.async_wait([this](const boost::system::error_code& error) {
    settling_ = false;
    if (!error) read_all();
  });
}

void FileSource::rescan_later() {
  rescan_timer_.expires_after(kRescan);
  rescan_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    read_all();
    rescan_later();
  });
}

std::map<std::string, Result<std::string>> FileSource::read_files(
    std::string& listing_error) const {
  std::map<std::string, Result<std::string>> result;
  std::error_code error;
  const fs::path path(config_.path);
  if (!fs::is_directory(path, error)) {
    if (fs::exists(path, error)) {
      result.emplace(path.string(), read_file(path.string(), kLongest));
    } else {
      listing_error = path.string() + ": no such file or directory";
    }
    return result;
  }
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_catalog(entry->path())) continue;
    result.emplace(entry->path().string(), read_file(entry->path().string(), kLongest));
  }
  if (error) listing_error = path.string() + ": " + error.message();
  return result;
}

void FileSource::read_all() {
  watch();
  std::string listing_error;
  auto update = files_.observe(read_files(listing_error), listing_error);
  if (!files_.doubtful()) status_.last_confirmed = std::chrono::system_clock::now();
  if (!update) return;
  status_.last_error.clear();
  for (const Doubt& doubt : update->doubts) {
    status_.last_error = (doubt.origin.empty() ? "" : doubt.origin + ": ") + doubt.reason;
  }
  status_.state = !listing_error.empty() ? "failed" : files_.doubtful() ? "degraded" : "current";
  sink_(std::move(*update));
}

}  // namespace holdfast
