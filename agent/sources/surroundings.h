// SPDX-License-Identifier: Apache-2.0
// What a source is made of, beside its settings.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/sources/allowance.h"

namespace boost::asio {
class io_context;
}

namespace holdfast {

struct SourceSurroundings {
  boost::asio::io_context& loop;  // outlives the source
  std::string node_name;
  std::function<void(int fd)> prepare_socket;  // before one of the agent's own sockets connects
  std::shared_ptr<MemoryGate> memory = nullptr;
};

}  // namespace holdfast
