// SPDX-License-Identifier: Apache-2.0
// The file source: watches a file or a directory and says what it lists. The I/O around FileSet.
// Files are read, and what changed in them is parsed, on a thread beside the loop, one reading at a
// time; the loop gets finished values. While one is in progress the FileSet is the thread's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "agent/sources/file/file_set.h"
#include "agent/sources/file/settings.h"
#include "agent/sources/source.h"

namespace holdfast {

class FileSource : public Source {
 public:
  FileSource(boost::asio::io_context& loop, std::string name, FileSourceConfig config,
             std::shared_ptr<MemoryGate> gate = nullptr);
  ~FileSource() override;

  void start(Sink sink) override;
  void stop() override;
  SourceStatus status() const override;
  void heard(const Feedback& feedback) override;
  void remember(const std::vector<ServicePtr>& services,
                const std::map<std::string, Node>& nodes) override {
    files_.remember(services, nodes);
  }

 private:
  template <class Act>
  auto while_running(Act act);
  struct Contents {
    FileTexts files;
    std::string listing_error;
  };
  template <class Work, class Then>
  void beside(Work work, Then then);
  void read_all(bool whatever = false);  // true: also while a file is being written
  void understand(Contents contents);
  void tell(std::optional<SourceUpdate> update, const std::string& listing_error);
  void idle();
  void watch();
  void wait_for_event();
  struct Seen {
    bool any = false;
    bool write = false;  // to one of our files
  };
  Seen take_events();
  bool is_ours(const std::filesystem::path& path) const;
  void read_soon();
  void rescan_later();
  void wait_for_memory();

  boost::asio::io_context& loop_;
  std::string name_;
  FileSourceConfig config_;
  std::shared_ptr<MemoryGate> gate_;  // nullptr: whatever there is fits
  FileSet files_;
  Sink sink_;
  boost::asio::posix::stream_descriptor events_;
  boost::asio::steady_timer soon_timer_, rescan_timer_, memory_timer_;
  std::map<int, std::filesystem::path> watched_;  // by watch descriptor
  std::set<std::filesystem::path> being_written_;
  bool read_due_ = false;
  bool again_ = false, whatever_ = false;           // read once more after this reading; so
  std::optional<std::set<std::string>> undecided_;  // told while the thread had the FileSet
  std::shared_ptr<bool> running_;  // handlers hold it weakly: none acts after stop() or the end
  std::optional<std::uint64_t> needed_memory_;  // for what did not fit
  SourceStatus status_;
  std::jthread worker_;  // joinable: a reading is in progress. Last: it ends before all else
};

}  // namespace holdfast
