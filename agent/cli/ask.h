// SPDX-License-Identifier: Apache-2.0
// What a command asks the daemon, over the admin socket.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "agent/cli/command.h"

namespace holdfast::cli {

// What the daemon answers over its admin socket. Errors: unavailable (it does not), and what it
// says itself.
Result<boost::json::value> ask(const Env& env, const Options& options, const std::string& method,
                               const std::string& path);

// Frontends that two services claim, or the answer's error. A daemon that hangs is waited for one
// second: what asks is a command that answers without it.
Result<boost::json::array> ask_conflicts(const Env& env, const Options& options);

}  // namespace holdfast::cli
