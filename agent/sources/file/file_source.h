// SPDX-License-Identifier: Apache-2.0
// The file source: watches a file or a directory and says what it lists. The I/O around FileSet.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/config/config.h"
#include "agent/sources/file/file_set.h"
#include "agent/sources/source.h"

namespace holdfast {

class FileSource : public Source {
 public:
  FileSource(boost::asio::io_context& loop, std::string name, FileSourceConfig config,
             std::string node_name);
  ~FileSource() override;

  void start(Sink sink) override;
  void stop() override;
  SourceStatus status() const override;
  void undecided(const std::set<std::string>& origins) override;
  void remember(const std::vector<ServicePtr>& services) override { files_.remember(services); }

 private:
  template <class Act>
  auto while_running(Act act);
  void read_all(bool whatever = false);  // true: also while a file is being written
  void watch();
  void wait_for_event();
  struct Seen {
    bool any = false;
    bool write = false;  // to one of our files
  };
  Seen take_events();
  bool is_ours(const std::filesystem::path& path) const;
  void settle();
  void rescan_later();
  std::map<std::string, Result<std::string>> read_files(std::string& listing_error) const;

  std::string name_;
  FileSourceConfig config_;
  FileSet files_;
  Sink sink_;
  boost::asio::posix::stream_descriptor events_;
  boost::asio::steady_timer settle_timer_, rescan_timer_;
  std::map<int, std::filesystem::path> watched_;  // by watch descriptor
  std::set<std::filesystem::path> being_written_;
  bool settling_ = false;
  std::shared_ptr<bool> running_;  // handlers hold it weakly: none acts after stop() or the end
  SourceStatus status_;
};

}  // namespace holdfast
