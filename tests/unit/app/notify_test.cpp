// SPDX-License-Identifier: Apache-2.0
#include "agent/app/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>

#include "agent/base/fd.h"

namespace holdfast {
namespace {

// An abstract address needs no file; "@" stands for the leading zero byte (sd_notify(3)).
TEST(Notify, ReachesAnAbstractSocket) {
  const std::string name = "holdfast-notify-" + std::to_string(::getpid());
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  notify({"READY=1", "STATUS=serving\nMAINPID=1"});
  char buffer[64];
  const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  ::unsetenv("NOTIFY_SOCKET");
  ASSERT_GT(got, 0);
  EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(got)),
            "READY=1\nSTATUS=serving\\nMAINPID=1");
}

TEST(Notify, WatchdogIsHalfThePeriodAndForThisProcessOnly) {
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_FALSE(watchdog_period());
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(watchdog_period(), std::chrono::seconds(15));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(watchdog_period());
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}

}  // namespace
}  // namespace holdfast
