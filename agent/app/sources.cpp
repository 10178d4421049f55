// SPDX-License-Identifier: Apache-2.0
#include "agent/app/sources.h"

#include "agent/sources/file/file_source.h"

namespace holdfast {
namespace {

struct Make {
  const std::string& name;
  boost::asio::io_context& loop;
  const std::string& node_name;

  std::unique_ptr<Source> operator()(const FileSourceConfig& file) const {
    return std::make_unique<FileSource>(loop, name, file, node_name);
  }
};

struct Kind {
  std::string operator()(const FileSourceConfig&) const { return "file"; }
};

}  // namespace

std::string kind_of(const SourceConfig& config) {
  return std::visit(Kind{}, config.kind);
}

std::unique_ptr<Source> make_source(const SourceConfig& config, boost::asio::io_context& loop,
                                    const std::string& node_name) {
  return std::visit(Make{config.name, loop, node_name}, config.kind);
}

}  // namespace holdfast
