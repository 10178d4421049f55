// SPDX-License-Identifier: Apache-2.0
// The service manager's notification protocol, sd_notify(3): one datagram a message to
// $NOTIFY_SOCKET, abstract addresses ("@...") included. Without the variable: nothing happens.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

// "READY=1", "STATUS=...": what stands behind the first '=' may come from anybody, and cannot begin
// another field. Best effort: the service manager's absence is no reason to fail.
void notify(const std::vector<std::string>& fields);

// Half of $WATCHDOG_USEC, if the watchdog is set for this process (sd_watchdog_enabled(3)).
std::optional<std::chrono::microseconds> watchdog_period();

}  // namespace holdfast
