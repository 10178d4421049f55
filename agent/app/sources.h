// SPDX-License-Identifier: Apache-2.0
// From a configured source to a running one: one row per kind.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "agent/config/config.h"
#include "agent/sources/source.h"

namespace holdfast {

std::string kind_of(const SourceConfig& config);  // "file"
std::unique_ptr<Source> make_source(const SourceConfig& config, boost::asio::io_context& loop,
                                    const std::string& node_name);

}  // namespace holdfast
