// SPDX-License-Identifier: Apache-2.0
// The wire: requests, events, pages, errors, as the API documents and real servers send them.
#include "agent/sources/kubernetes/api/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/sources/kubernetes/api/backoff.h"
#include "agent/sources/kubernetes/api/route.h"
#include "tests/unit/kubernetes/api/fixture.h"

namespace holdfast::kubernetes {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Targets, AreEncodedAndSelectOnTheServer) {
  EXPECT_EQ(
      list_target(Kind::service, "n1", 500, "", ""),
      "/api/v1/services?labelSelector=%21service.kubernetes.io%2Fservice-proxy-name&limit=500");
  EXPECT_EQ(list_target(Kind::slice, "n1", 250, "a+b/=", "7"),
            "/apis/discovery.k8s.io/v1/endpointslices?limit=250&continue=a%2Bb%2F%3D");
  EXPECT_EQ(list_target(Kind::node, "n1", 0, "", "0"),
            "/api/v1/nodes?fieldSelector=metadata.name%3Dn1&resourceVersion=0");
  EXPECT_EQ(watch_target(Kind::slice, "n1", "", true, 300s),
            "/apis/discovery.k8s.io/v1/endpointslices?watch=true&allowWatchBookmarks=true"
            "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=300");
  EXPECT_EQ(watch_target(Kind::slice, "n1", "42", false, 300s),
            "/apis/discovery.k8s.io/v1/endpointslices?watch=true&allowWatchBookmarks=true"
            "&resourceVersion=42&timeoutSeconds=300");
  EXPECT_EQ(object_target(Kind::slice, {"shop", "song-1"}),
            "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/song-1");
  EXPECT_EQ(object_target(Kind::node, {"", "n1"}), "/api/v1/nodes/n1");
}

TEST(Events, AreToldApart) {
  const Event added = event_of("ADDED", service_json("song", 7));
  EXPECT_EQ(added.type, EventType::added);
  EXPECT_EQ(added.version.number, 7u);
  const auto end = parse_event(
      R"({"type":"BOOKMARK","object":{"kind":"Service","metadata":{"resourceVersion":"900",)"
      R"("annotations":{"k8s.io/initial-events-end":"true"}},"spec":{},"status":{"loadBalancer":{}}}})");
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->initial_end);
  const auto bookmark = parse_event(
      R"({"type":"BOOKMARK","object":{"kind":"Service","metadata":{"resourceVersion":"901"}}})");
  ASSERT_TRUE(bookmark);
  EXPECT_FALSE(bookmark->initial_end);
  EXPECT_EQ(bookmark->version.text, "901");
}

TEST(Events, CarryTheServersErrors) {
  const auto expired = parse_event(
      R"({"type":"ERROR","object":{"kind":"Status","reason":"Expired","code":410,"message":"too old"}})");
  ASSERT_TRUE(expired);
  EXPECT_EQ(expired->status.code, 410u);
  const auto large = parse_event(
      R"({"type":"ERROR","object":{"kind":"Status","reason":"Timeout","code":504,"details":)"
      R"({"causes":[{"reason":"ResourceVersionTooLarge"}],"retryAfterSeconds":1}}})");
  ASSERT_TRUE(large);
  EXPECT_TRUE(large->status.version_too_large);
  EXPECT_EQ(large->status.retry_after, 1s);
}

TEST(Events, ThatAreNoneAreRefused) {
  for (const char* bad :
       {"", "{", "[]", "null", "7", R"({"type":"ADDED"})", R"({"type":"NEW","object":{}})",
        R"({"type":"ADDED","object":[]})", R"({"type":"ADDED","object":{"metadata":{}}})"}) {
    EXPECT_FALSE(parse_event(bad)) << bad;
  }
}

// A list cut anywhere is no list: nothing of it is ever applied.
TEST(Pages, CutAtEveryByteAreRefused) {
  const std::string page = R"({"kind":"ServiceList","apiVersion":"v1","metadata":)"
                           R"({"resourceVersion":"12","continue":"next"},"items":[)" +
                           service_json("song", 3) + "," + service_json("artist", 4) + "]}";
  const auto whole = parse_page(page);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->items.size(), 2u);
  EXPECT_EQ(whole->next, "next");
  for (std::size_t length = 0; length < page.size(); ++length) {
    EXPECT_FALSE(parse_page(page.substr(0, length))) << length;
  }
}

TEST(Versions, AreNumbersOrOpaque) {
  EXPECT_EQ(Version::parse("42").number, 42u);
  EXPECT_EQ(Version::parse("42a").number, 0u);
  EXPECT_EQ(Version::parse("").number, 0u);
  EXPECT_EQ(Version::parse("99999999999999999999").number, 0u);
}

TEST(Status, IsReadFromABodyOrMadeFromTheCode) {
  EXPECT_THAT(parse_status(403, R"({"kind":"Status","message":"services is forbidden"})").message,
              HasSubstr("forbidden"));
  EXPECT_EQ(parse_status(502, "<html>").message, "HTTP status 502");
}

TEST(LinesTest, ComeWholeHoweverTheyAreCut) {
  const std::string text = "one\ntwo\n\nthree\n";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    Lines lines;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < text.size(); at += size) {
      lines.add(text.substr(at, size));
      for (auto line = lines.next(); line && *line; line = lines.next()) got.push_back(**line);
    }
    EXPECT_THAT(got, testing::ElementsAre("one", "two", "", "three")) << size;
  }
}

TEST(LinesTest, AreBounded) {
  Lines lines;
  lines.add(std::string((16u << 20) + 1, 'x'));
  EXPECT_FALSE(lines.next());
}

TEST(BackoffTest, IsFullJitterWithinABoundThatDoubles) {
  std::mt19937_64 random(1);
  Backoff backoff;
  for (int attempt = 0; attempt < 200; ++attempt) {
    const auto bound = std::min(30'000ms, 500ms * (std::int64_t{1} << std::min(attempt, 16)));
    const auto delay = backoff.next(Ending::overloaded, std::nullopt, random);
    EXPECT_GE(delay, 0ms);
    EXPECT_LE(delay, bound) << attempt;
  }
  Backoff fresh;
  fresh.next(Ending::unreachable, std::nullopt, random);
  for (int attempt = 0; attempt < 50; ++attempt)
    EXPECT_LE(fresh.next(Ending::unreachable, std::nullopt, random), 2'000ms);
  EXPECT_LE(fresh.next(Ending::overloaded, std::nullopt, random), 500ms) << "counted apart";
}

TEST(BackoffTest, HonoursRetryAfterAndSpreadsIt) {
  std::mt19937_64 random(1);
  Backoff backoff;
  for (int attempt = 0; attempt < 50; ++attempt) {
    backoff.reset();
    const auto delay = backoff.next(Ending::overloaded, 8s, random);
    EXPECT_GE(delay, 8s);
    EXPECT_LE(delay, 10s);
  }
}

net::Server server(const char* url) {
  return *net::parse_server(url);
}

TEST(RouteTest, TriesTheConfiguredAndThenTheLearned) {
  Route route;
  EXPECT_FALSE(route.current());
  route.configure({server("https://a:1"), server("https://b:2")});
  route.learn({server("https://10.0.0.1:6443")});
  EXPECT_EQ(route.current()->server.host, "a");
  route.failed(server("https://b:2"));  // somebody else's news of one we are not on
  EXPECT_EQ(route.current()->server.host, "a");
  route.failed(server("https://a:1"));
  EXPECT_EQ(route.current()->server.host, "b");
  route.failed(server("https://b:2"));
  EXPECT_EQ(route.current()->server.host, "10.0.0.1");
  EXPECT_EQ(route.current()->server_name, "kubernetes.default.svc");
  route.learn({});  // an API that is away has none to tell
  EXPECT_EQ(route.current()->server.host, "10.0.0.1");
  route.learn({server("https://10.0.0.2:6443"), server("https://10.0.0.1:6443")});
  EXPECT_EQ(route.current()->server.host, "10.0.0.1") << "stays where it is";
}

TEST(RouteTest, IsRemembered) {
  const RouteMemory memory{"uid-1",
                           {server("https://10.0.0.1:6443"), server("https://[fd00::1]:6443")}};
  const auto again = RouteMemory::from_json(memory.to_json());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->cluster, "uid-1");
  EXPECT_EQ(again->servers, memory.servers);
  for (const char* bad : {"", "[]", "{", "7"}) EXPECT_FALSE(RouteMemory::from_json(bad)) << bad;
  EXPECT_TRUE(RouteMemory::from_json(R"({"servers":[7,"https://a/path"]})")->servers.empty());
}

}  // namespace
}  // namespace holdfast::kubernetes
