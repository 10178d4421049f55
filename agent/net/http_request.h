// SPDX-License-Identifier: Apache-2.0
// A request as the bytes that are sent.
#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/net/http_stream.h"

namespace holdfast::net {

// Errors (invalid): a target or header that would break out of its line.
Result<std::string> to_text(const Request& request, const Server& server);

}  // namespace holdfast::net
