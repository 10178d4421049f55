// SPDX-License-Identifier: Apache-2.0
// Answers of a real API server (tests/fuzz/corpus/api), cut at each of 1,000 offsets: nothing of
// them is applied, and nothing of what was known is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "tests/unit/kubernetes/api/fixture.h"

namespace holdfast::kubernetes {
namespace {

constexpr std::size_t kCuts = 1000;

std::string captured(const std::string& name) {
  std::ifstream file(std::string(HOLDFAST_SOURCE_DIR) + "/tests/fuzz/corpus/api/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A store that knows all that a first reading of the two bodies says, and one service more.
class Known {
 public:
  Known() {
    list(Kind::service, captured("services-list.json"), service_json("own", 1));
    list(Kind::slice, captured("slices-list.json"), slice_json("own-1", "own", 1, {{"10.0.0.1"}}));
    store.skip(Kind::node);
    const auto update = store.take();
    for (const ServiceChange& change : update->changes) services[change.key] = change.now;
  }

  Store store{"kube"};
  std::map<ServiceKey, ServicePtr> services;

 private:
  void list(Kind kind, const std::string& body, const std::string& own) {
    const auto page = parse_page(body);
    ASSERT_TRUE(page) << page.error().what;
    store.begin_list(kind);
    for (const Value& item : page->items) store.list(kind, item);
    store.list(kind, value_of(own));
    store.end_list(kind, page->version, false);
  }
};

// true: the list came to its end, and was applied.
using Feed = std::function<bool(Store&, std::string_view)>;

bool feed_page(Kind kind, Store& store, std::string_view body) {
  store.begin_list(kind);
  const auto page = parse_page(body);
  if (!page) return false;
  for (const Value& item : page->items) store.list(kind, item);
  store.end_list(kind, page->version, false);
  return true;
}

bool feed_stream(Kind kind, Store& store, std::string_view body) {
  store.begin_list(kind);
  Lines lines;
  lines.add(body);
  for (auto line = lines.next(); line && *line; line = lines.next()) {
    const auto event = parse_event(**line);
    if (!event) return false;
    if (event->initial_end) {
      store.end_list(kind, event->version, false);
      return true;
    }
    store.list(kind, event->object);
  }
  return false;
}

// `length`: of the list itself, with its end.
void expect_all_or_nothing(std::string_view body, std::size_t length, const Feed& feed) {
  ASSERT_GT(length, kCuts);
  Known known;
  const std::size_t objects = known.store.objects(Kind::service) + known.store.objects(Kind::slice);
  for (std::size_t cut = 0; cut < kCuts; ++cut) {
    const std::size_t offset = cut * length / kCuts;
    ASSERT_FALSE(feed(known.store, body.substr(0, offset))) << "cut at " << offset;
    ASSERT_FALSE(known.store.take()) << "cut at " << offset;
    ASSERT_EQ(known.store.objects(Kind::service) + known.store.objects(Kind::slice), objects);
  }
  // The same body whole is applied: the one service it does not list goes, and no other.
  ASSERT_TRUE(feed(known.store, body.substr(0, length)));
  const auto update = known.store.take();
  ASSERT_TRUE(update);
  for (const ServiceChange& change : update->changes) {
    EXPECT_EQ(change.key.to_string(), "default/own");
    EXPECT_FALSE(change.explained);
  }
  EXPECT_EQ(update->changes.size(), 1u);
}

std::size_t end_of_list(const std::string& body) {
  const auto mark = body.find("k8s.io/initial-events-end");
  return mark == std::string::npos ? 0 : body.find('\n', mark) + 1;
}

TEST(Cut, AListIsAppliedWholeOrNotAtAll) {
  for (const auto& [kind, name] : {std::pair(Kind::service, "services-list.json"),
                                   std::pair(Kind::slice, "slices-list.json")}) {
    const std::string body = captured(name);
    // The server ends a list with a newline, which is no part of the document.
    const std::size_t length = body.find_last_not_of('\n') + 1;
    expect_all_or_nothing(body, length, [kind = kind](Store& store, std::string_view part) {
      return feed_page(kind, store, part);
    });
  }
}

TEST(Cut, AStreamingListIsAppliedWholeOrNotAtAll) {
  for (const auto& [kind, name] : {std::pair(Kind::service, "services-streaming-list.json"),
                                   std::pair(Kind::slice, "slices-streaming-list.json")}) {
    const std::string body = captured(name);
    expect_all_or_nothing(body, end_of_list(body),
                          [kind = kind](Store& store, std::string_view part) {
                            return feed_stream(kind, store, part);
                          });
  }
}

// The store goes on from the last whole event, whatever came of the next.
TEST(Cut, AWatchAppliesWholeEventsOnly) {
  const std::string body = captured("slices-watch.json");
  const std::size_t length = body.rfind('\n') + 1;
  ASSERT_GT(length, kCuts);
  for (std::size_t cut = 0; cut < kCuts; ++cut) {
    const std::string_view part = std::string_view(body).substr(0, cut * length / kCuts);
    Lines lines;
    lines.add(part);
    std::size_t whole = 0;
    for (auto line = lines.next(); line && *line; line = lines.next()) {
      ASSERT_TRUE(parse_event(**line)) << **line;
      ++whole;
    }
    EXPECT_EQ(whole, static_cast<std::size_t>(std::count(part.begin(), part.end(), '\n')));
  }
}

}  // namespace
}  // namespace holdfast::kubernetes
