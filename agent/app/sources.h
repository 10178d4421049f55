// SPDX-License-Identifier: Apache-2.0
// From a configured source to a running one: one row per kind.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "agent/config/config.h"
#include "agent/sources/allowance.h"
#include "agent/sources/source.h"

namespace holdfast {

std::string kind_of(const SourceConfig& config);  // "file", "kubernetes"

// What a source is made of, beside its configuration.
struct SourceSurroundings {
  boost::asio::io_context& loop;
  std::string node_name;
  std::function<void(int fd)> prepare_socket;  // before one of the agent's own sockets connects
  std::shared_ptr<MemoryGate> memory = nullptr;
};
std::unique_ptr<Source> make_source(const SourceConfig& config,
                                    const SourceSurroundings& surroundings);

}  // namespace holdfast
