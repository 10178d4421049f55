// SPDX-License-Identifier: Apache-2.0
// The file source: watches a file or a directory and says what it lists. The I/O around FileSet.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
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

 private:
  void read_all();
  void watch();
  void wait_for_event();
  void settle();
  void rescan_later();
  std::map<std::string, Result<std::string>> read_files(std::string& listing_error) const;

  std::string name_;
  FileSourceConfig config_;
  FileSet files_;
  Sink sink_;
  boost::asio::posix::stream_descriptor events_;
  boost::asio::steady_timer settle_timer_, rescan_timer_;
  alignas(8) std::array<char, 16384> buffer_{};
  bool settling_ = false;
  SourceStatus status_;
};

}  // namespace holdfast
