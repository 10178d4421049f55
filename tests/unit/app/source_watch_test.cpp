// SPDX-License-Identifier: Apache-2.0
#include "agent/app/source_watch.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

class SourceWatchTest : public testing::Test {
 protected:
  // "": nothing was said.
  std::string look(SourceState state, const std::string& cause = "",
                   const std::string& error = "") {
    SourceStatus status;
    status.name = "kube";
    status.asked = "https://10.0.0.1:6443";
    status.state = state;
    status.cause = cause;
    status.last_error = error;
    now_ += 1s;
    const auto line = watch_.look(status, now_);
    if (!line) return "";
    EXPECT_EQ(line->current, state == SourceState::current);
    return line->text;
  }

  TimePoint now_{1h};
  SourceWatch watch_;
};

TEST_F(SourceWatchTest, AStartIsOneLine) {
  EXPECT_EQ(look(SourceState::starting), "");
  EXPECT_EQ(look(SourceState::current),
            "source kube (https://10.0.0.1:6443) is current; it was starting for 1 s");
  EXPECT_EQ(look(SourceState::current), "");
}

TEST_F(SourceWatchTest, AChangeIsSaidOnceWithItsReason) {
  look(SourceState::current);
  now_ += 3h;
  const std::string error = "services: 403: forbidden";
  EXPECT_EQ(look(SourceState::degraded, "denied", error),
            "source kube (https://10.0.0.1:6443) is degraded; it was current for 3 h: " + error);
  for (int retry = 0; retry < 100; ++retry)
    EXPECT_EQ(look(SourceState::degraded, "denied", error), "");
  EXPECT_EQ(look(SourceState::current),
            "source kube (https://10.0.0.1:6443) is current; it was degraded for 101 s");
}

// Its words change with each try; what it is about does not.
TEST_F(SourceWatchTest, AnotherReasonIsSaidAnotherWordingIsNot) {
  look(SourceState::failed, "unreachable", "services: connect 10.0.0.1:6443: refused, after 3 ms");
  EXPECT_EQ(look(SourceState::failed, "unreachable",
                 "services: connect 10.0.0.1:6443: refused, after 4 ms"),
            "");
  EXPECT_EQ(look(SourceState::failed, "denied", "services: 401: Unauthorized"),
            "source kube (https://10.0.0.1:6443) is failed; as it has been for 2 s, and now: "
            "services: 401: Unauthorized");
}

TEST_F(SourceWatchTest, OneThatComesAndGoesIsSummedUp) {
  int lines = 0;
  std::string last;
  for (int second = 0; second < 3600; ++second) {
    const std::string text =
        second % 2 ? look(SourceState::degraded, "broken", "cut") : look(SourceState::current);
    lines += !text.empty();
    if (!text.empty()) last = text;
  }
  EXPECT_GE(lines, 12);
  EXPECT_LE(lines, 6 + 12);
  EXPECT_EQ(last.substr(0, last.find(';')), "source kube (https://10.0.0.1:6443) is current");
  EXPECT_NE(last.find("300 changes since the last line, the last 0 s ago"), std::string::npos)
      << last;
}

// What it is in the end is said, though nothing changes any more.
TEST_F(SourceWatchTest, TheLastWordIsOfTheStateThatStays) {
  for (int change = 0; change < 40; ++change) {
    look(SourceState::degraded, "broken", "cut");
    look(SourceState::current);
  }
  std::string said;
  for (int second = 0; second < 301; ++second) said += look(SourceState::failed, "denied", "401");
  EXPECT_NE(said.find("is failed"), std::string::npos) << said;
}

}  // namespace
}  // namespace holdfast
