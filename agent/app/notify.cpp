// SPDX-License-Identifier: Apache-2.0
#include "agent/app/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "agent/base/fd.h"
#include "agent/base/text.h"

namespace holdfast {

void notify(const std::vector<std::string>& fields) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (!path || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  std::string message;
  for (const std::string& field : fields)
    message += (message.empty() ? "" : "\n") + printable(field, kCellLimit);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  (void)::sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&address), size);
}

std::optional<std::chrono::microseconds> watchdog_period() {
  const char* period = std::getenv("WATCHDOG_USEC");
  if (!period) return std::nullopt;
  const char* process = std::getenv("WATCHDOG_PID");
  if (process && std::strtol(process, nullptr, 10) != ::getpid()) return std::nullopt;
  const long long microseconds = std::strtoll(period, nullptr, 10);
  if (microseconds <= 0) return std::nullopt;
  return std::chrono::microseconds(microseconds / 2);
}

}  // namespace holdfast
