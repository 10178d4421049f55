// SPDX-License-Identifier: Apache-2.0
// The file rules of design.md 4.1: what explains a removal and what does not, without any file.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/unit/file/catalogs.h"

namespace holdfast {
namespace {

using test::Files;
using test::kImage;
using test::kSong;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

struct Set {
  FileSet set{"file"};
  test::Told told;

  // An update that says nothing when there was none.
  SourceUpdate observe(const Files& files, const std::string& listing_error = "") {
    const auto update = set.observe(FileTexts(files), listing_error);
    news = update.has_value();
    if (news) told.take(*update);
    return update.value_or(SourceUpdate{});
  }
  bool news = false;
};

std::vector<std::string> doubts(const SourceUpdate& update) {
  std::vector<std::string> result;
  for (const Doubt& one : update.doubts) result.push_back(one.origin + ": " + one.reason);
  return result;
}

TEST(First, SaysAllThereIs) {
  Set set;
  const SourceUpdate update = set.observe({{"a.yaml", kSong}, {"b.yaml", kImage}});
  EXPECT_EQ(update.source, "file");
  EXPECT_TRUE(update.complete);
  EXPECT_THAT(update.confirmed_origins, ElementsAre("a.yaml", "b.yaml"));
  EXPECT_THAT(update.doubts, IsEmpty());
  EXPECT_THAT(update.problems, IsEmpty());
  EXPECT_THAT(set.told.services(), ElementsAre("image", "song"));
  EXPECT_FALSE(set.set.doubtful());
}

TEST(First, WithoutAnyFileIsSaidToo) {
  Set set;
  const SourceUpdate update = set.observe({});
  EXPECT_TRUE(set.news);
  EXPECT_TRUE(update.complete);
  EXPECT_THAT(update.changes, IsEmpty());
}

TEST(First, OneBadFileDoesNotKeepTheGoodOnesBack) {
  Set set;
  SourceUpdate update = set.observe({{"a.yaml", kSong}, {"b.yaml", "a: [1\n"}});
  EXPECT_THAT(set.told.services(), ElementsAre("song"));
  EXPECT_FALSE(update.complete) << "what b.yaml lists is not known: nothing is pruned";
  ASSERT_THAT(update.problems, SizeIs(1));
  EXPECT_THAT(update.problems[0].to_string(), StartsWith("b.yaml:2:1: "));
  EXPECT_THAT(update.confirmed_origins, ElementsAre("a.yaml"));
  update = set.observe({{"a.yaml", kSong}, {"b.yaml", kImage}});
  EXPECT_TRUE(update.complete);
  EXPECT_THAT(update.problems, IsEmpty());
  EXPECT_THAT(set.told.services(), ElementsAre("image", "song"));
}

// A service whose endpoints may be in the file that cannot be read is not known to be empty.
TEST(First, WhatABadFileMayHoldIsNotRefused) {
  Set set;
  const std::string lonely = test::service("lonely", "10.96.0.12");
  SourceUpdate update = set.observe({{"a.yaml", kSong + lonely}, {"b.yaml", "replicaCount: 1\n"}});
  const auto answer = [&](const std::string& name) -> std::optional<hf_no_endpoints> {
    for (const ServiceChange& change : update.changes) {
      if (change.key.name == name) return change.now->policy.no_endpoints;
    }
    return std::nullopt;
  };
  EXPECT_EQ(answer("lonely"), HF_EMPTY_PASS);
  EXPECT_EQ(answer("song"), HF_EMPTY_REFUSE) << "it has endpoints";
  update = set.observe({{"a.yaml", kSong + lonely}, {"b.yaml", kImage}});
  EXPECT_EQ(answer("lonely"), HF_EMPTY_REFUSE) << "confirmed empty now";
  EXPECT_EQ(answer("song"), std::nullopt);
  update = set.observe({{"a.yaml", kSong + lonely}, {"b.yaml", kImage}, {"c.yaml", "a: 1\n"}});
  EXPECT_EQ(answer("lonely"), std::nullopt) << "a bad file that comes later takes nothing back";
}

TEST(Change, IsTheServicesThatDiffer) {
  Set set;
  set.observe({{"a.yaml", kSong + kImage}});
  EXPECT_THAT(set.observe({{"a.yaml", kSong + kImage}}).changes, IsEmpty());
  EXPECT_FALSE(set.news) << "the same bytes are no news";
  const SourceUpdate update =
      set.observe({{"a.yaml", "# a comment\n" + test::service("song", "10.96.0.10") +
                                  test::slice("song", {"10.1.0.1"}) + kImage}});
  ASSERT_THAT(update.changes, SizeIs(1));
  EXPECT_EQ(update.changes[0].key.name, "song");
  EXPECT_EQ(set.told.endpoints("song"), 1u);
  EXPECT_THAT(update.confirmed_origins, Contains("a.yaml")) << "which explains it";
}

TEST(Explained, AnObjectTakenOutOfAFileThatParsesAndIsNotEmpty) {
  Set set;
  set.observe({{"a.yaml", kSong + kImage}});
  const SourceUpdate update = set.observe({{"a.yaml", kSong}});
  EXPECT_THAT(set.told.services(), ElementsAre("song"));
  EXPECT_THAT(update.confirmed_origins, ElementsAre("a.yaml"));
  EXPECT_THAT(update.doubts, IsEmpty());
}

struct Gone {
  const char* name;
  Files files;
  const char* doubt;
};

class InDoubt : public testing::TestWithParam<Gone> {};

TEST_P(InDoubt, WhatIsGoneIsNotExplained) {
  Set set;
  set.observe({{"a.yaml", kSong}, {"b.yaml", kImage}});
  SourceUpdate update = set.observe(GetParam().files);
  EXPECT_THAT(doubts(update), ElementsAre(HasSubstr(GetParam().doubt)));
  EXPECT_THAT(update.confirmed_origins, ElementsAre("b.yaml"));
  EXPECT_TRUE(set.set.doubtful());
  set.observe(GetParam().files);
  EXPECT_FALSE(set.news) << "said once";
  update = set.observe({{"a.yaml", kSong}, {"b.yaml", kImage}});
  EXPECT_THAT(doubts(update), IsEmpty()) << "and over when the file is back";
  EXPECT_THAT(set.told.services(), ElementsAre("image", "song"));
}

INSTANTIATE_TEST_SUITE_P(
    Files, InDoubt,
    testing::Values(
        Gone{"Emptied", {{"a.yaml", ""}, {"b.yaml", kImage}}, "a.yaml: the file lists nothing"},
        Gone{"Comment", {{"a.yaml", "# x\n"}, {"b.yaml", kImage}}, "the file lists nothing"},
        Gone{"NoItems",
             {{"a.yaml", "kind: List\nitems: []\n"}, {"b.yaml", kImage}},
             "the file lists nothing"},
        Gone{"Vanished", {{"b.yaml", kImage}}, "a.yaml: the file vanished"}),
    [](const auto& one) { return one.param.name; });

TEST(Vanished, IsInDoubtWhileSomethingOfItIsUndecided) {
  Set set;
  set.observe({{"a.yaml", kSong}, {"b.yaml", kImage}});
  set.observe({{"b.yaml", kImage}});
  EXPECT_FALSE(set.set.forget_vanished({"a.yaml"}));
  EXPECT_FALSE(set.set.forget_vanished({""})) << "of a part that is not known any more";
  set.observe({{"b.yaml", kImage}});
  EXPECT_FALSE(set.news);
  EXPECT_TRUE(set.set.doubtful());
  EXPECT_TRUE(set.set.forget_vanished({"b.yaml"}));
  const SourceUpdate update = set.observe({{"b.yaml", kImage}});
  EXPECT_TRUE(set.news);
  EXPECT_THAT(update.doubts, IsEmpty());
  EXPECT_THAT(update.changes, IsEmpty());
  EXPECT_THAT(update.confirmed_origins, ElementsAre("b.yaml")) << "it explains nothing";
  EXPECT_FALSE(set.set.doubtful());
  EXPECT_FALSE(set.set.forget_vanished({}));
  set.observe({{"a.yaml", kSong}, {"b.yaml", kImage}});
  EXPECT_THAT(set.told.services(), ElementsAre("image", "song"));
}

class ChangesNothing : public testing::TestWithParam<std::pair<std::string, const char*>> {};

TEST_P(ChangesNothing, WhileTheOthersGoOn) {
  Set set;
  set.observe({{"a.yaml", kSong}});
  const SourceUpdate update = set.observe({{"a.yaml", GetParam().first}, {"b.yaml", kImage}});
  EXPECT_THAT(set.told.services(), ElementsAre("image", "song"));
  EXPECT_EQ(set.told.endpoints("song"), 2u);
  EXPECT_THAT(update.changes, SizeIs(1));
  ASSERT_THAT(update.problems, SizeIs(1));
  EXPECT_THAT(update.problems[0].to_string(), StartsWith(GetParam().second));
  EXPECT_THAT(update.confirmed_origins, ElementsAre("b.yaml"));
}

INSTANTIATE_TEST_SUITE_P(
    BadFiles, ChangesNothing,
    testing::Values(std::pair(kSong + "a: [", "a.yaml:14:1: the text ends"),
                    std::pair("a: 1\na: 2\n", "a.yaml:2:1: duplicate"),
                    std::pair(kSong.substr(0, kSong.find("labels")) + "\"", "a.yaml:"),
                    std::pair("just a text\n", "a.yaml:1:1: expected a Kubernetes object"),
                    std::pair("kind: List\nitems: {}\n", "a.yaml:2:8: items must be a list"),
                    std::pair(std::string(4096, '\0'), "a.yaml:1:1: control character 0")));

TEST(ChangesNothingEither, AFileThatCannotBeRead) {
  Set set;
  set.observe({{"a.yaml", kSong}});
  const Files denied = {{"a.yaml", fail(Errc::denied, "a.yaml: permission denied")}};
  const SourceUpdate update = set.observe(denied);
  EXPECT_THAT(update.changes, IsEmpty());
  EXPECT_THAT(doubts(update), ElementsAre("a.yaml: a.yaml: permission denied"));
  set.observe(denied);
  EXPECT_FALSE(set.news);
  EXPECT_THAT(doubts(set.observe({{"a.yaml", kSong}})), IsEmpty())
      << "the same bytes, readable again";
  EXPECT_TRUE(set.news);
}

TEST(ABadObject, StaysAsItWas) {
  Set set;
  set.observe({{"a.yaml", kSong + kImage}});
  const std::string bad =
      "apiVersion: v1\nkind: Service\nmetadata: {name: song}\nspec: {ports: 80}\n---\n" +
      test::slice("song", {"10.1.0.1"});
  SourceUpdate update = set.observe({{"a.yaml", bad + kImage}});
  EXPECT_THAT(set.told.services(), ElementsAre("image", "song"));
  EXPECT_EQ(set.told.endpoints("song"), 1u) << "what is good beside it applies";
  ASSERT_THAT(update.problems, SizeIs(1));
  EXPECT_THAT(update.problems[0].to_string(), StartsWith("a.yaml:4:15: Service default/song: "));
  EXPECT_THAT(update.confirmed_origins, ElementsAre("a.yaml")) << "other removals are explained";
  set.observe({{"a.yaml", "# again\n" + bad + kImage}});
  EXPECT_THAT(set.told.services(), ElementsAre("image", "song")) << "for as long as it is bad";
  set.observe({{"a.yaml", kImage}});
  EXPECT_THAT(set.told.services(), ElementsAre("image")) << "and goes when it is taken out";
}

// A field of the Service or of its slice, replaced.
struct Field {
  const char* of;
  const char* by;
};
class OneField : public testing::TestWithParam<Field> {
 protected:
  static std::string bad() {
    std::string text = kSong;
    const std::string of = GetParam().of;
    return text.replace(text.find(of), of.size(), GetParam().by);
  }
};

TEST_P(OneField, ThatCannotBeReadRemovesNothing) {
  Set set;
  set.observe({{"a.yaml", kSong + kImage}});
  const SourceUpdate update = set.observe({{"a.yaml", bad() + kImage}});
  EXPECT_THAT(update.changes, IsEmpty());
  ASSERT_FALSE(update.problems.empty());
  EXPECT_GT(update.problems[0].line, 0);
  EXPECT_THAT(update.confirmed_origins, ElementsAre("a.yaml"));
  set.observe({{"a.yaml", bad()}});
  EXPECT_THAT(set.told.services(), ElementsAre("song")) << "what is taken out beside it goes";
}

TEST_P(OneField, ThatCannotBeReadRemovesNothingOverARestart) {
  Set before;
  before.observe({{"a.yaml", kSong + kImage}});
  Set set;
  set.set.remember(before.told.values());
  set.observe({{"a.yaml", bad() + kImage}});
  ASSERT_THAT(set.told.services(), ElementsAre("image", "song"));
  for (std::size_t one = 0; one < 2; ++one)
    EXPECT_EQ(*set.told.values()[one], *before.told.values()[one]);
  set.observe({{"a.yaml", bad()}});
  EXPECT_THAT(set.told.services(), ElementsAre("song"));
  EXPECT_EQ(set.told.endpoints("song"), 2u);
  set.observe({{"a.yaml", kImage}});
  EXPECT_THAT(set.told.services(), ElementsAre("image")) << "and goes when it is taken out";
}

INSTANTIATE_TEST_SUITE_P(
    Of, OneField,
    testing::Values(Field{"port: 80}", "port: 0}"}, Field{"port: 80}", "port: 70000}"},
                    Field{"port: 80}", "port: http}"},
                    Field{"port: 80}", "port: 80, protocol: ICMP}"},
                    Field{"10.96.0.10", "10.96.300.1"},
                    Field{"{clusterIP", "{sessionAffinity: 7, clusterIP"},
                    Field{"port: 8080", "port: 0"}, Field{"port: 8080", "port: -1"},
                    Field{"addressType: IPv4", "addressType: IPv5"},
                    Field{"[10.1.0.2]}", "[10.1.0.2], conditions: {ready: maybe}}"},
                    Field{"[10.1.0.2]", "[10.1.0.299]"}));

TEST(ABadObject, OfASliceStaysAsItWas) {
  Set set;
  set.observe({{"a.yaml", kSong}});
  std::string bad = kSong;
  bad.replace(bad.find("[{addresses"), std::string::npos, "none\n");
  EXPECT_THAT(set.observe({{"a.yaml", bad}}).problems, SizeIs(1));
  EXPECT_EQ(set.told.endpoints("song"), 2u) << "mistyped is not empty";
}

TEST(ABadObject, ThatNobodyCanNamePutsAbsencesInDoubt) {
  Set set;
  set.observe({{"a.yaml", kSong + kImage}});
  const SourceUpdate update =
      set.observe({{"a.yaml", kImage + "apiVersion: v1\nkind: Service\nmetadata: {}\n"}});
  EXPECT_THAT(update.confirmed_origins, IsEmpty()) << "it may be the song that is missing";
  EXPECT_THAT(doubts(update), ElementsAre(StartsWith("a.yaml: line 15, column 11: metadata.name")));
}

TEST(Listing, ThatFailsIsADoubtOfTheWhole) {
  Set set;
  set.observe({{"a.yaml", kSong}});
  const SourceUpdate update = set.observe({}, "dir: input/output error");
  EXPECT_FALSE(update.complete);
  EXPECT_THAT(doubts(update), Contains(": dir: input/output error"));
  EXPECT_THAT(update.confirmed_origins, IsEmpty());
  EXPECT_THAT(doubts(set.observe({{"a.yaml", kSong}})), IsEmpty());
}

TEST(Duplicates, OfTwoFilesAreReportedAndTheFirstIsUsed) {
  Set set;
  const SourceUpdate update = set.observe({{"a.yaml", kSong}, {"b.yaml", kSong}});
  EXPECT_THAT(update.problems, SizeIs(2));
  EXPECT_EQ(update.problems.at(0).file, "b.yaml");
  EXPECT_EQ(set.told.endpoints("song"), 2u);
}

TEST(Duplicates, TheOtherIsUsedWhenTheFirstIsTakenOut) {
  Set set;
  const std::string other = test::slice("song", {"10.1.0.9"});
  set.observe({{"a.yaml", kSong}, {"b.yaml", other + kImage}});
  EXPECT_EQ(set.told.endpoints("song"), 2u);
  SourceUpdate update =
      set.observe({{"a.yaml", test::service("song", "10.96.0.10")}, {"b.yaml", other + kImage}});
  EXPECT_EQ(set.told.endpoints("song"), 1u);
  EXPECT_THAT(update.problems, IsEmpty());
  update = set.observe({{"a.yaml", "# word\n" + kSong}, {"b.yaml", other + kImage}});
  EXPECT_EQ(set.told.endpoints("song"), 2u);
  ASSERT_THAT(update.problems, SizeIs(1));
  EXPECT_EQ(
      update.problems[0].to_string(),
      "b.yaml:1:1: EndpointSlice default/song-1: is in a.yaml already, at line 7; that one is "
      "used");
  set.observe({{"b.yaml", other + kImage}});
  EXPECT_EQ(set.told.endpoints("song"), 0u) << "its Service vanished with its file";
  set.observe({{"a.yaml", test::service("song", "10.96.0.10")}, {"b.yaml", other + kImage}});
  EXPECT_EQ(set.told.endpoints("song"), 1u);
}

// Documents from which files are made up, some of them twice, some at odds with each other.
const std::vector<std::string> kDocuments = {
    test::service("song", "10.96.0.10"),
    test::service("song", "10.96.0.20"),
    test::service("image", "10.96.0.11"),
    test::slice("song", {"10.1.0.1", "10.1.0.2"}),
    test::slice("song", {"10.1.0.3"}),
    test::slice("image", {"10.96.0.10"}),  // a loop while the song's port is 8080
    "apiVersion: v1\nkind: Service\nmetadata: {name: loop, annotations: {holdfast.io/x: ''}}\n"
    "spec: {clusterIP: 10.96.0.10, ports: [{port: 8080}]}\n---\n",
    "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: InternalIP, "
    "address: 10.0.0.1}]}\n---\n",
    "apiVersion: v1\nkind: Service\nmetadata: {name: outside}\nspec: {clusterIP: 10.96.0.30, "
    "ports: "
    "[{port: 80, nodePort: 30080}]}\n---\n",
    "# a word\n"};

// Whatever files were before: what is told of them now is what a new life would tell.
RC_GTEST_PROP(AnyHistory, ComesToWhatAnewReadingSays, ()) {
  const auto any_file =
      rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(kDocuments));
  FileSet set("file");
  std::map<ServiceKey, ServicePtr> now;
  const auto take = [](const SourceUpdate& update, std::map<ServiceKey, ServicePtr>& into) {
    for (const ServiceChange& change : update.changes) {
      if (change.now)
        into[change.key] = change.now;
      else
        into.erase(change.key);
    }
    auto problems = update.problems;
    std::sort(problems.begin(), problems.end());
    return problems;
  };
  std::vector<Problem> told;
  const int steps = *rc::gen::inRange(1, 6);
  Files files;
  for (int step = 0; step < steps; ++step) {
    files.clear();
    for (const char* name : {"a.yaml", "b.yaml"}) {
      std::string text = "apiVersion: v1\nkind: Other\n---\n";  // never empty
      for (const std::string& document : *any_file) text += document;
      files.emplace(name, text);
    }
    if (const auto update = set.observe(FileTexts(files), "")) told = take(*update, now);
  }
  std::map<ServiceKey, ServicePtr> anew;
  const auto problems = take(*FileSet("file").observe(FileTexts(files), ""), anew);
  RC_ASSERT(told == problems);
  RC_ASSERT(now.size() == anew.size());
  for (const auto& [key, service] : anew) RC_ASSERT(now.contains(key) && *now[key] == *service);
}

// Whatever becomes of one file, the other's service is never touched.
RC_GTEST_PROP(AnyFile, LeavesTheOthersAlone, ()) {
  Set set;
  set.observe({{"a.yaml", kSong}, {"b.yaml", kImage}});
  const auto cuts =
      *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, kSong.size()));
  for (const std::size_t cut : cuts) {
    std::string text = kSong.substr(0, cut);
    if (*rc::gen::arbitrary<bool>()) text += *rc::gen::arbitrary<std::string>();
    set.observe({{"a.yaml", text}, {"b.yaml", kImage}});
    RC_ASSERT(set.told.endpoints("image") == 1u);
  }
  set.observe({{"a.yaml", kSong}, {"b.yaml", kImage}});
  RC_ASSERT(set.told.endpoints("song") == 2u);
}

}  // namespace
}  // namespace holdfast
