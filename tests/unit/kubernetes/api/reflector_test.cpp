// SPDX-License-Identifier: Apache-2.0
// A reflector and a comparer against an API server that keeps what the API promises, and against
// such that do not: what is known follows all the same, and is called confirmed current only when
// the server said so.
#include "agent/sources/kubernetes/api/reflector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "agent/sources/kubernetes/api/comparer.h"
#include "tests/unit/kubernetes/api/fake_api.h"
#include "tests/unit/kubernetes/api/fixture.h"

namespace holdfast::kubernetes {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::StartsWith;

// The deadline of what is waited for; far from being reached.
constexpr auto kPatience = 30s;

class ReflectorTest : public testing::Test {
 protected:
  ReflectorTest() {
    std::string pattern = (fs::temp_directory_path() / "holdfast_reflector_XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    std::ofstream(directory_ / "kubeconfig")
        << "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
           "contexts: [{name: here, context: {cluster: c, user: u}}]\n"
           "clusters: [{name: c, cluster: {server: '"
        << api_.url() << "'}}]\nusers: [{name: u, user: {token: t}}]\n";
    for (const Kind kind : {Kind::slice, Kind::node}) store_.skip(kind);
    api_.put("song");
    api_.put("page");
  }
  ~ReflectorTest() override {
    if (reflector_) reflector_->stop();
    if (comparer_) comparer_->stop();
    loop_.run_for(100ms);
    fs::remove_all(directory_);
  }

  void start() {
    access_.emplace(CredentialsOrigin{(directory_ / "kubeconfig").string()},
                    std::vector<std::string>());
    ReflectorSettings settings;
    settings.node_name = "n1";
    settings.first_event = settings.next_object = 100ms;
    settings.silence = silence_;
    const auto flush = [this](TimePoint) { take(); };
    reflector_.emplace(
        loop_.get_executor(), Kind::service, settings, *access_, store_, [](int) {}, flush,
        [this] { comparer_->soon(); }, [](TimePoint) {});
    ComparerSettings compare;
    compare.soon_least = compare.soon_most = compare.on_its_way = 20ms;
    Comparer::Hooks hooks;
    hooks.flush = flush;
    hooks.relist = [this](Kind, std::string reason) { reflector_->relist(std::move(reason)); };
    hooks.behind = [this](Kind, const Version& theirs) { reflector_->recheck(theirs); };
    hooks.confirmed = [this](Kind kind) {
      if (kind == Kind::service) reflector_->confirm();
    };
    comparer_.emplace(
        loop_.get_executor(), compare, *access_, store_, [](int) {}, hooks);
    asio::co_spawn(loop_, reflector_->run(), asio::detached);
    if (comparing_) asio::co_spawn(loop_, comparer_->run(), asio::detached);
  }

  void take() {
    const auto update = store_.take();
    if (!update) return;
    for (const ServiceChange& change : update->changes) {
      if (change.now) {
        services_.insert(change.key.name);
      } else {
        services_.erase(change.key.name);
      }
    }
  }

  // Runs the loop until then; notes what errors are told meanwhile.
  template <class Condition>
  void run_until(const char* what, Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << what;
      loop_.run_for(2ms);
      if (const std::string error = status().error; !error.empty()) errors_.insert(error);
    }
  }
  void run_until_known(const std::set<std::string>& names) {
    run_until("the services to be known", [&] { return services_ == names; });
  }
  void run_until_watching() {
    run_until("a watch", [this] { return api_.held_streams && status().current; });
  }
  // A watch that goes on from the version known, in place of the stream in hand, which said
  // something and ended well.
  void resume(Watching how) {
    run_until_watching();
    const auto confirmed = status().confirmed;
    api_.bookmark();
    run_until("a bookmark", [&] { return status().confirmed != confirmed; });
    const std::size_t before = watches();
    api_.watching = how;
    api_.close_streams();
    run_until("the watch to be asked for again", [&] { return watches() > before; });
  }
  ReflectorStatus status() const { return reflector_->status(); }
  std::size_t streaming_lists() { return api_.asked("sendInitialEvents"); }
  std::size_t watches() { return api_.asked("watch=true") - streaming_lists(); }

  fs::path directory_;
  FakeApi api_;
  asio::io_context loop_;
  Store store_{"kube"};
  std::optional<Access> access_;
  std::optional<Reflector> reflector_;
  std::optional<Comparer> comparer_;
  std::chrono::milliseconds silence_ = 60s;
  bool comparing_ = true;
  std::set<std::string> services_, errors_;
};

TEST_F(ReflectorTest, AListAndAWatch) {
  start();
  run_until_known({"page", "song"});
  api_.put("artist");
  api_.remove("page");
  run_until_known({"artist", "song"});
  EXPECT_TRUE(status().current);
  EXPECT_EQ(status().lists, 1u);
  EXPECT_EQ(api_.asked("limit="), 0u);
}

// Half of an object may be managedFields. A server of an older version ignores what it does not
// know, and one that refuses it has the plain type to choose.
TEST_F(ReflectorTest, AsksForObjectsWithoutTheirManagedFields) {
  start();
  resume(Watching::failed);
  api_.watching = Watching::held;
  run_until("a compare", [this] { return comparer_->status().compares > 0; });
  EXPECT_THAT(api_.accepted(), Each(StartsWith("application/json;")));
  EXPECT_THAT(api_.accepted(), Contains(StartsWith("application/json;drop=metadata.managedFields, "
                                                   "application/json")));
  EXPECT_THAT(api_.accepted(),
              Contains(HasSubstr("as=PartialObjectMetadataList;g=meta.k8s.io;v=v1;drop=")));
}

struct Endless {
  const char* name;
  StreamedList how;
};

class ListWithoutItsEnd : public ReflectorTest, public testing::WithParamInterface<Endless> {};

TEST_P(ListWithoutItsEnd, IsAskedForInPages) {
  api_.streamed = GetParam().how;
  start();
  run_until_known({"page", "song"});
  EXPECT_GT(api_.asked("limit=500"), 0u);
  EXPECT_THAT(errors_, Contains(HasSubstr("came to no end mark")));
  EXPECT_THAT(status().last_list_reason, HasSubstr("in pages"));
  run_until_watching();
  api_.put("artist");
  run_until_known({"artist", "page", "song"});
  // Not one more until the next hour.
  const std::size_t asked = streaming_lists();
  reflector_->relist("by the test");
  run_until("another list", [this] { return status().lists == 2; });
  EXPECT_EQ(streaming_lists(), asked);
}

// Of none at all there is no object to go by.
TEST_P(ListWithoutItsEnd, IsAskedForInPagesThoughItIsEmpty) {
  api_.remove("song");
  api_.remove("page");
  api_.streamed = GetParam().how;
  start();
  run_until("a list", [this] { return status().lists == 1; });
  api_.put("artist");
  run_until_known({"artist"});
}

// The node goes on with what it knows, and says since when.
TEST_P(ListWithoutItsEnd, ConfirmsNothing) {
  start();
  run_until_watching();
  api_.streamed = GetParam().how;
  api_.lists = false;
  const auto confirmed = status().confirmed;
  reflector_->relist("by the test");
  run_until("pages", [this] { return api_.asked("limit=500") > 0; });
  EXPECT_EQ(status().confirmed, confirmed);
  EXPECT_FALSE(status().current);
  EXPECT_THAT(services_, testing::SizeIs(2));
}

INSTANTIATE_TEST_SUITE_P(All, ListWithoutItsEnd,
                         testing::Values(Endless{"Silent", StreamedList::silent},
                                         Endless{"Bookmarks", StreamedList::bookmarks},
                                         Endless{"Closed", StreamedList::closed}),
                         [](const auto& one) { return std::string(one.param.name); });

// Without etcd a server has its cache: it serves, and is no word that it is so now.
TEST_F(ReflectorTest, AListFromTheCacheServesAndConfirmsNothing) {
  api_.cache_only = true;
  api_.lists = false;
  start();
  run_until_known({"page", "song"});
  run_until("a watch", [this] { return bool(api_.held_streams); });
  EXPECT_GT(api_.asked("resourceVersion=0"), 0u);
  EXPECT_FALSE(status().confirmed);
  EXPECT_FALSE(status().current);
  api_.bookmark();
  run_until("the bookmark", [this] { return status().current; });
  EXPECT_TRUE(status().confirmed);
}

// A token lives for minutes; what was read with it before is not the list.
TEST_F(ReflectorTest, AListWhoseTokenIsTooOldBeginsAnewAndIsWhole) {
  for (const char* name : {"a", "b", "c"}) api_.put(name);
  api_.streamed = StreamedList::refused;
  api_.page = 2;
  api_.old_tokens = 1;
  start();
  run_until("a list", [this] { return status().lists == 1; });
  EXPECT_THAT(services_, testing::UnorderedElementsAre("a", "b", "c", "page", "song"));
}

TEST_F(ReflectorTest, AListWhosePagesGoInACircleEndsWithAnError) {
  for (const char* name : {"a", "b", "c", "d"}) api_.put(name);
  api_.streamed = StreamedList::refused;
  api_.page = 2;
  api_.circles = true;
  start();
  run_until("the error", [this] { return !status().error.empty(); });
  EXPECT_THAT(status().error, HasSubstr("names itself as next"));
  EXPECT_EQ(status().lists, 0u);
  EXPECT_LE(api_.asked("continue="), 2u);
  api_.circles = false;
  run_until("a list", [this] { return status().lists == 1; });
  EXPECT_EQ(services_.size(), 6u);
}

TEST_F(ReflectorTest, AWatchThatEndsAtOnceIsListedAnew) {
  start();
  resume(Watching::brief);
  api_.put("artist");
  run_until_known({"artist", "page", "song"});
  api_.remove("page");
  run_until_known({"artist", "song"});
  EXPECT_GT(status().lists, 1u);
  EXPECT_THAT(errors_, Contains(HasSubstr("said nothing")));
  api_.watching = Watching::held;
  run_until_watching();
}

TEST_F(ReflectorTest, AWatchThatEndsAtOnceConfirmsNothing) {
  comparing_ = false;
  start();
  run_until_watching();
  api_.streamed = StreamedList::silent;
  const std::size_t lists = streaming_lists();
  resume(Watching::brief);
  const auto confirmed = status().confirmed;
  run_until("another list", [&] { return streaming_lists() > lists; });
  EXPECT_GE(watches(), 2u);
  EXPECT_EQ(status().confirmed, confirmed);
  EXPECT_FALSE(status().current);
}

// Nor does one that is open, and says nothing.
TEST_F(ReflectorTest, AWatchIsConfirmedByWhatItSays) {
  comparing_ = false;
  start();
  resume(Watching::held);
  const auto confirmed = status().confirmed;
  run_until("the watch", [this] { return bool(api_.held_streams); });
  EXPECT_TRUE(status().current);
  EXPECT_EQ(status().confirmed, confirmed);
  api_.bookmark();
  run_until("the bookmark", [&] { return status().confirmed != confirmed; });
}

// A path that ends every stream before its first bookmark: each watch ended well, and nobody knows.
TEST_F(ReflectorTest, WatchesThatSayNothingForLongAreListedAnew) {
  silence_ = 2s;
  comparing_ = false;
  start();
  run_until_watching();
  for (int time = 0; time < 3 && status().lists == 1; ++time) {
    loop_.run_for(1200ms);  // more than a brief watch, and no silence
    api_.close_streams();
  }
  run_until("a list", [this] { return status().lists > 1; });
  EXPECT_THAT(status().last_list_reason, HasSubstr("no watch said anything"));
}

// A server that lost what it had sent says everything again, but what was deleted unseen.
TEST_F(ReflectorTest, WhatAReplayedWatchLeavesOutIsCompared) {
  start();
  run_until_watching();
  api_.lose("page");
  resume(Watching::replay);
  run_until_known({"song"});
  EXPECT_EQ(comparer_->status().corrected, 1u);
  EXPECT_EQ(status().lists, 1u);
}

// Deleted before the version known: an older history has it again, and no event brings it back.
TEST_F(ReflectorTest, AReplayedWatchBringsBackNothingThatWasDeleted) {
  start();
  run_until_watching();
  api_.remove("page");
  run_until_known({"song"});
  api_.recall("page", 50);
  comparing_ = false;
  const auto compares = comparer_->status().compares;
  resume(Watching::replay);
  api_.put("artist");
  run_until("the event after it", [this] { return services_.contains("artist"); });
  EXPECT_FALSE(services_.contains("page") && comparer_->status().compares == compares);
}

// Its complete list is from before what is known: whether that is still the same history is asked,
// and the older one taken as one whose absences explain nothing.
TEST_F(ReflectorTest, AServerThatWentBackUnderAnOpenWatchIsNoticed) {
  start();
  run_until_watching();
  for (int more = 0; more < 5; ++more) api_.put("artist");
  run_until_known({"artist", "page", "song"});
  api_.watching = Watching::replay;
  api_.rewind(50);
  api_.close_streams();
  run_until("the older state to be told",
            [this] { return status().error.find("restored from an older") != std::string::npos; });
}

}  // namespace
}  // namespace holdfast::kubernetes
