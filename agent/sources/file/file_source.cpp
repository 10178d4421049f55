// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/file/file_source.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

#include "agent/base/file.h"
#include "agent/base/memory.h"
#include "agent/sources/surroundings.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kTogether = 25ms;  // an editor's or kubelet's several steps come as one change
constexpr auto kRescan = 30s;  // for what inotify does not tell: bind mounts, network file systems
constexpr auto kMemory = 2s;   // between two looks whether what did not fit into memory fits now
constexpr std::size_t kLongest = std::size_t{256} << 20;

bool is_catalog(const fs::path& path) {
  const std::string name = path.filename().string(), extension = path.extension().string();
  // Also hides ..data and the ..<time> directories of a mounted ConfigMap.
  if (name.empty() || name[0] == '.') return false;
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

Result<std::string> read_text_of(const fs::path& path, const MemoryGate* gate) {
  std::error_code error;
  const auto size = fs::file_size(path, error);  // else read_file() says what is wrong
  constexpr std::size_t kSmall = std::size_t{1} << 20;
  if (gate && !error && size > kSmall && size <= kLongest) {
    if (auto may = may_read(gate->room(), size); !may) return tl::unexpected(may.error());
  }
  return read_file(path.string(), kLongest);
}

FileTexts read_files(const fs::path& path, std::string& listing_error, const MemoryGate* gate) {
  FileTexts result;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (fs::exists(path, error)) {
      result.emplace(path.string(), read_text_of(path, gate));
    } else {
      listing_error = path.string() + ": no such file or directory";
    }
    return result;
  }
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_catalog(entry->path())) continue;
    result.emplace(entry->path().string(), read_text_of(entry->path(), gate));
  }
  if (error) listing_error = path.string() + ": " + error.message();
  return result;
}

std::size_t bytes_of(const FileTexts& files) {
  std::size_t bytes = 0;
  for (const auto& [path, text] : files) bytes += text ? text->size() : 0;
  return bytes;
}

}  // namespace

FileSource::FileSource(boost::asio::io_context& loop, std::string name, FileSourceConfig config,
                       std::shared_ptr<MemoryGate> gate)
    : loop_(loop),
      name_(name),
      config_(std::move(config)),
      gate_(std::move(gate)),
      files_(std::move(name), gate_),
      events_(loop),
      soon_timer_(loop),
      rescan_timer_(loop),
      memory_timer_(loop) {
  // "catalog.d/" has itself for a parent.
  while (config_.path.size() > 1 && config_.path.back() == '/') config_.path.pop_back();
  status_.name = name_;
  status_.kind = FileSourceConfig::kKind;
  status_.asked = config_.path;
}

FileSource::~FileSource() = default;

// A handler may be queued, without an error, when its timer is cancelled and its owner gone.
template <class Act>
auto FileSource::while_running(Act act) {
  return [act, running = std::weak_ptr<bool>(running_)](const boost::system::error_code& error) {
    if (!error && !running.expired()) act();
  };
}

void FileSource::start(Sink sink) {
  sink_ = std::move(sink);
  running_ = std::make_shared<bool>(true);
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  // Without a watch (the limit of instances is reached) the slow scan still follows.
  if (fd >= 0) {
    events_.assign(fd);
    watch();
    wait_for_event();
  }
  rescan_later();
  soon_timer_.expires_after(0ms);
  soon_timer_.async_wait(while_running([this] { read_all(); }));
}

void FileSource::stop() {
  running_.reset();
  boost::system::error_code ignored;
  if (events_.is_open()) events_.close(ignored);
  soon_timer_.cancel();
  rescan_timer_.cancel();
  memory_timer_.cancel();
  watched_.clear();
  being_written_.clear();
  read_due_ = again_ = whatever_ = false;
  undecided_.reset();
  if (!worker_.joinable()) return;
  worker_.request_stop();
  worker_.join();
}

SourceStatus FileSource::status() const {
  return status_;
}

// Told on the next reading: whoever calls this is in the middle of an update.
void FileSource::heard(const Feedback& feedback) {
  if (!running_) return;
  if (worker_.joinable())
    undecided_ = feedback.undecided;
  else if (files_.forget_vanished(feedback.undecided))
    read_soon();
}

// Watches the directory, never the file: a replaced file has a new inode. And what is above it, for
// the day the directory itself is replaced, or made at all. Adding a watch that exists changes
// nothing.
void FileSource::watch() {
  if (!events_.is_open()) return;
  std::error_code error;
  const fs::path path(config_.path);
  std::set<fs::path> directories;
  const bool directory = fs::is_directory(path, error);
  if (directory) directories.insert(path);
  fs::path above = path.parent_path();
  directories.insert(above);
  if (!directory) directories.insert(above.parent_path());
  while (!fs::exists(above, error) && above.has_relative_path()) {
    above = above.parent_path();
    directories.insert(above);
  }
  // What is written into files matters in the catalog's own directory alone: a log in the one above
  // it would keep us reading for ever.
  constexpr std::uint32_t kNames = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                   IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;
  const fs::path own = directory ? path : path.parent_path();
  for (const fs::path& one : directories) {
    const std::uint32_t mask = one == own ? kNames | IN_CLOSE_WRITE | IN_MODIFY : kNames;
    const int descriptor = ::inotify_add_watch(events_.native_handle(), one.c_str(), mask);
    if (descriptor >= 0) watched_[descriptor] = one;
  }
}

void FileSource::wait_for_event() {
  events_.async_wait(boost::asio::posix::stream_descriptor::wait_read, while_running([this] {
                       take_events();
                       read_soon();
                       wait_for_event();
                     }));
}

bool FileSource::is_ours(const fs::path& path) const {
  return path == config_.path || (path.parent_path() == config_.path && is_catalog(path));
}

// Notes which files are open and half-written: a half that parses and is not empty would explain
// the removal of the other half.
FileSource::Seen FileSource::take_events() {
  Seen seen;
  alignas(inotify_event) std::array<char, 16384> buffer;
  ssize_t size = 0;
  while (events_.is_open() &&
         (size = ::read(events_.native_handle(), buffer.data(), buffer.size())) > 0) {
    for (const char* at = buffer.data(); at < buffer.data() + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof *event + event->len;
      seen.any = true;
      const auto directory = watched_.find(event->wd);
      if ((event->mask & IN_Q_OVERFLOW) || directory == watched_.end() || event->len == 0) {
        being_written_.clear();  // not known any more; an end may have been missed
        continue;
      }
      const fs::path path = directory->second / event->name;
      if ((event->mask & IN_MODIFY) && is_ours(path)) {
        being_written_.insert(path);
        seen.write = true;
      }
      if (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE))
        being_written_.erase(path);
    }
  }
  return seen;
}

// One timer for a burst, not set anew by each event: constant change is followed all the same.
void FileSource::read_soon() {
  if (read_due_) return;
  read_due_ = true;
  soon_timer_.expires_after(kTogether);
  soon_timer_.async_wait(while_running([this] {
    read_due_ = false;
    if (being_written_.empty()) read_all();  // else its close is an event that comes here again
  }));
}

// Also the end of waiting for a writer that never closes.
void FileSource::rescan_later() {
  rescan_timer_.expires_after(kRescan);
  rescan_timer_.async_wait(while_running([this] {
    being_written_.clear();
    read_all(true);
    rescan_later();
  }));
}

// `work` on a thread of its own, then `then` with what came of it on the loop, unless stopped
// meanwhile. Without a thread the loop does it: late is better than never.
template <class Work, class Then>
void FileSource::beside(Work work, Then then) {
  using Made = decltype(work(std::stop_token()));
  struct Outcome {
    std::optional<Made> made;
    std::exception_ptr error;
  };
  auto job = [this, work, then, running = std::weak_ptr<bool>(running_)](std::stop_token stop) {
    auto outcome = std::make_shared<Outcome>();
    try {
      outcome->made = work(stop);
    } catch (
        ...) {  // no memory, or a bug: the loop's end is the daemon's, whose maps go on serving
      outcome->error = std::current_exception();
    }
    boost::asio::post(loop_, [this, then, running, outcome] {
      if (running.expired()) return;
      if (worker_.joinable()) worker_.join();
      if (outcome->error) std::rethrow_exception(outcome->error);
      then(std::move(*outcome->made));
    });
  };
  try {
    worker_ = std::jthread(job);
  } catch (const std::system_error&) {
    job(std::stop_token());
  }
}

void FileSource::read_all(bool whatever) {
  if (worker_.joinable()) {
    again_ = true;
    whatever_ = whatever_ || whatever;
    return;
  }
  watch();
  beside(
      [path = fs::path(config_.path), gate = gate_](const std::stop_token&) {
        Contents contents;
        contents.files = read_files(path, contents.listing_error, gate.get());
        return contents;
      },
      [this, whatever](Contents contents) {
        const Seen meanwhile = take_events();
        if (meanwhile.any) read_soon();
        if (meanwhile.write && !whatever) return idle();  // what was read may be half of it
        understand(std::move(contents));
      });
}

void FileSource::understand(Contents contents) {
  const std::string listing_error = contents.listing_error;
  auto shared = std::make_shared<Contents>(std::move(contents));
  if (gate_) gate_->begin(name_);
  beside(
      [this, shared](const std::stop_token& stop) {
        constexpr std::size_t kSmall = std::size_t{1} << 20;
        const bool large = bytes_of(shared->files) > kSmall;
        auto update = files_.observe(std::move(shared->files), shared->listing_error, stop);
        if (large && update) give_back_memory();
        return update;
      },
      [this, listing_error](std::optional<SourceUpdate> update) {
        tell(std::move(update), listing_error);
        idle();
      });
}

void FileSource::tell(std::optional<SourceUpdate> update, const std::string& listing_error) {
  if (!files_.doubtful()) status_.last_confirmed = std::chrono::system_clock::now();
  status_.counters = {{"memory_refusals", files_.refusals()}};
  needed_memory_ = files_.needed_memory();
  wait_for_memory();
  if (!update) return;
  status_.last_error.clear();
  for (const Doubt& doubt : update->doubts) {
    status_.last_error = (doubt.origin.empty() ? "" : doubt.origin + ": ") + doubt.reason;
  }
  status_.state = !listing_error.empty() ? SourceState::failed
                  : files_.doubtful()    ? SourceState::degraded
                                         : SourceState::current;
  status_.cause = files_.refused_for_memory() ? "memory" : "";
  undecided_.reset();  // of what was said before
  sink_(std::move(*update));
}

// A pod's limit may be raised in place, and others of its cgroup may leave. The kernel tells
// nobody.
void FileSource::wait_for_memory() {
  if (!gate_ || !needed_memory_) return;
  memory_timer_.expires_after(kMemory);
  memory_timer_.async_wait(while_running([this] {
    if (needed_memory_ && fits(gate_->room(), *needed_memory_)) read_all();
    wait_for_memory();
  }));
}

// What came up during a reading.
void FileSource::idle() {
  if (!running_) return;  // the sink may have stopped us
  if (undecided_ && files_.forget_vanished(*std::exchange(undecided_, std::nullopt))) again_ = true;
  if (!std::exchange(again_, false)) return;
  if (std::exchange(whatever_, false)) return read_all(true);
  read_soon();
}

std::unique_ptr<Source> FileSourceConfig::make(const std::string& name,
                                               const SourceSurroundings& with) const {
  return std::make_unique<FileSource>(with.loop, name, *this, with.memory);
}

}  // namespace holdfast
