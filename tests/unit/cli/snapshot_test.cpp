// SPDX-License-Identifier: Apache-2.0
// `snapshot`: no daemon is asked, nothing is lost, and what is not this node's own is imported on
// purpose only.
#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "agent/base/file.h"
#include "tests/unit/cli/fixture.h"
#include "tests/unit/cli/state.h"

namespace holdfast::cli::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class SnapshotCommands : public testing::Test {
 protected:
  void SetUp() override {
    host_.daemon = false;
    fill_state(state());
  }
  std::string state() const { return host_.directory.file("state"); }
  Outcome run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--state-dir", state(), "--node-name", "node-1"});
    if (!config_.empty()) arguments.insert(arguments.begin(), {"--config", config_});
    return host_.run(arguments);
  }
  void name_sources() {
    host_.hermetic = false;
    config_ = host_.directory.write("config.yaml",
                                    "sources: [{name: kube, kubernetes: {}},"
                                    " {name: file, file: {path: /nonexistent}}]\n");
  }
  std::string seed(const Snapshot& snapshot) const {
    write_snapshot(host_.directory.file("seed.snap"), snapshot);
    return host_.directory.file("seed.snap");
  }
  std::optional<Snapshot> newest() const {
    std::vector<std::string> notes;
    return *SnapshotStore(state(), "node-1").load(notes);
  }

  Host host_;
  std::string config_;
};

TEST_F(SnapshotCommands, ListTellsOfEachWhetherItIsTrusted) {
  const Outcome listed = run({"snapshot", "list"});
  EXPECT_EQ(listed.code, kOk) << listed.err;
  for (const char* text :
       {"GENERATION", "4711", "good", "2023-11-14T22:13:21Z", "foreign",
        "of another node: node-2, and this is node-1", "future", "format 4.0", "damaged"})
    EXPECT_THAT(listed.out, HasSubstr(text));
  EXPECT_THAT(host_.requests, IsEmpty());
  const Outcome names = run({"snapshot", "list", "-o", "name"});
  EXPECT_EQ(names.out, snapshot_name(4713) + "\n" + snapshot_name(4712) + "\n" +
                           snapshot_name(4711) + "\n" + snapshot_name(4700) + "\n" +
                           snapshot_name(4699) + ".corrupt\n");
}

TEST_F(SnapshotCommands, ServiceListHasThePortsThatAreNotServed) {
  const Outcome json = run({"service", "list", "-n", "shop", "-o", "json"});
  EXPECT_EQ(json.code, kOk) << json.err;
  for (const char* text : {"\"fd96::1\"", "\"served\": false",
                           "\"reason\": \"UDP is not served in this version: it passes through\""})
    EXPECT_THAT(json.out, HasSubstr(text));
  EXPECT_THAT(run({"service", "list"}).out, HasSubstr("[fd96::1]:80/UDP(not served)"));
  EXPECT_THAT(run({"service", "show", "shop/song"}).out, HasSubstr("false"));
  fs::remove_all(state());
  EXPECT_THAT(run({"service", "list"}).out, Not(HasSubstr("fd96::1"))) << "the maps alone";
}

TEST_F(SnapshotCommands, WithoutADirectoryItIsSaid) {
  fs::remove_all(state());
  for (const char* verb : {"list", "show"}) {
    const Outcome outcome = run({"snapshot", verb});
    EXPECT_EQ(outcome.code, kFailed);
    EXPECT_THAT(outcome.err, HasSubstr(state()));
  }
}

TEST_F(SnapshotCommands, ShowTakesTheNewestGoodOneOrWhatIsNamed) {
  EXPECT_THAT(run({"snapshot", "show"}).out, HasSubstr("generation  4711"));
  EXPECT_THAT(run({"snapshot", "show", "4700"}).out, HasSubstr("generation  4700"));
  const Outcome foreign = run({"snapshot", "show", snapshot_name(4712)});
  EXPECT_EQ(foreign.code, kOk) << "to look at is not to trust";
  EXPECT_THAT(foreign.out, HasSubstr("of another node: node-2"));
  const Outcome file = run({"snapshot", "show", seed(snapshot_of("node-1", 9))});
  EXPECT_THAT(file.out, HasSubstr("generation  9"));
  for (const char* text : {"shop", "song", "10.96.0.1:80", "kube", "7f0c6e0e"})
    EXPECT_THAT(file.out, HasSubstr(text));
}

TEST_F(SnapshotCommands, ShowRefusesWhatCannotBeRead) {
  for (const auto& [argument, words] : {std::pair<std::string, const char*>{"4713", "format 4.0"},
                                        {"12", "no snapshot of generation 12"},
                                        {snapshot_name(4699) + ".corrupt", "damaged"},
                                        {host_.directory.file("none"), "No such file"}}) {
    const Outcome outcome = run({"snapshot", "show", argument, "-o", "json"});
    EXPECT_EQ(outcome.code, kFailed) << argument;
    EXPECT_THAT(outcome.err, HasSubstr(words));
    EXPECT_THAT(outcome.out, HasSubstr("\"error\""));
  }
}

TEST_F(SnapshotCommands, ExportCopiesAVerifiedOneAndOverwritesNothing) {
  const std::string to = host_.directory.file("copy.snap");
  EXPECT_EQ(run({"snapshot", "export", to}).code, kOk);
  EXPECT_EQ(*read_file(to, 1 << 20), encode(snapshot_of("node-1", 4711)));
  const Outcome again = run({"snapshot", "export", to, "--generation", "4700"});
  EXPECT_EQ(again.code, kFailed);
  EXPECT_THAT(again.err, HasSubstr("exists"));
  EXPECT_EQ(*read_file(to, 1 << 20), encode(snapshot_of("node-1", 4711)));
  EXPECT_EQ(run({"snapshot", "export", "-", "--generation", "4700"}).out,
            encode(snapshot_of("node-1", 4700)));
  EXPECT_EQ(run({"snapshot", "export", host_.directory.file("x"), "--generation", "4713"}).code,
            kFailed);
  EXPECT_FALSE(fs::exists(host_.directory.file("x")));
}

TEST_F(SnapshotCommands, ImportIsNewerThanFilesAndMaps) {
  host_.maps->image.meta.generation = 9000;
  const Outcome imported = run({"snapshot", "import", seed(snapshot_of("node-1", 5))});
  EXPECT_EQ(imported.code, kOk) << imported.err;
  EXPECT_EQ(imported.out, "imported as generation 9001; holdfastd starts from it\n");
  ASSERT_TRUE(newest());
  EXPECT_EQ(newest()->generation, 9001u);
  EXPECT_EQ(newest()->written_at, 1700000001) << "its age is that of what it says";
  EXPECT_EQ(newest()->imported_from, "");
  host_.maps.reset();
  EXPECT_THAT(run({"snapshot", "import", seed(snapshot_of("node-1", 5))}).out, HasSubstr("9002"));
}

TEST_F(SnapshotCommands, AnotherNodesIsASeedOnPurposeOnly) {
  const std::string file = seed(snapshot_of("node-7", 5));
  name_sources();
  const Outcome refused = run({"snapshot", "import", file});
  EXPECT_EQ(refused.code, kFailed);
  EXPECT_THAT(refused.err, HasSubstr("of another node: node-7"));
  EXPECT_THAT(refused.err, HasSubstr("--force-identity"));
  const Outcome forced = run({"snapshot", "import", file, "--force-identity", "-o", "json"});
  EXPECT_EQ(forced.code, kOk) << forced.err;
  EXPECT_THAT(forced.out, HasSubstr("\"imported_from\": \"node-7\""));
  ASSERT_TRUE(newest()) << "trusted from now on";
  EXPECT_EQ(newest()->node, "node-1");
  EXPECT_EQ(newest()->imported_from, "node-7");
  EXPECT_EQ(newest()->sources[0].source_memory, kGoldenWay)
      << "the way to the control plane comes along";
}

TEST_F(SnapshotCommands, ANewNodeHasNoStateDirectoryYet) {
  fs::remove_all(state());
  name_sources();
  EXPECT_EQ(run({"snapshot", "import", seed(snapshot_of("node-7", 5)), "--force-identity"}).code,
            kOk);
  EXPECT_EQ(newest()->sources.size(), 2u);
}

// What another node knew of a source that this node does not have never served here.
TEST_F(SnapshotCommands, OfASeedOnlyConfiguredSourcesAreTaken) {
  const Outcome imported =
      run({"snapshot", "import", seed(snapshot_of("node-7", 5)), "--force-identity"});
  EXPECT_EQ(imported.code, kOk);
  EXPECT_THAT(imported.err, HasSubstr("not used, since no source has this name: kube"));
  ASSERT_EQ(newest()->sources.size(), 1u);
  EXPECT_EQ(newest()->sources[0].name, "file");
}

TEST_F(SnapshotCommands, AnotherClustersIsRefused) {
  Snapshot other = snapshot_of("node-1", 5);
  other.sources[0].cluster = "another";
  const Outcome refused = run({"snapshot", "import", seed(other)});
  EXPECT_EQ(refused.code, kFailed);
  EXPECT_THAT(refused.err, HasSubstr("of cluster another, and here of 7f0c6e0e"));
  EXPECT_EQ(run({"snapshot", "import", seed(other), "--force-identity"}).code, kOk);
}

TEST_F(SnapshotCommands, WhatWouldNotBeUsedIsRefused) {
  host_.hermetic = false;
  const auto import = [&](const char* name) {
    const std::string config = host_.directory.write(
        "c.yaml", std::string("sources: [{name: ") + name + ", file: {path: /nowhere}}]\n");
    return run({"--config", config, "snapshot", "import", seed(snapshot_of("node-1", 5))});
  };
  const Outcome none = import("other");
  EXPECT_EQ(none.code, kFailed);
  EXPECT_THAT(none.err, HasSubstr("(kube, file)"));
  const Outcome some = import("file");
  EXPECT_EQ(some.code, kOk);
  EXPECT_THAT(some.err, HasSubstr("kube"));
}

TEST_F(SnapshotCommands, ADamagedOneIsNeverImported) {
  std::string bytes = encode(snapshot_of("node-1", 5));
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  const std::string file = host_.directory.write("bad.snap", bytes);
  for (const std::string& path :
       {file, state() + "/" + snapshot_name(4713), host_.directory.file("none")}) {
    EXPECT_EQ(run({"snapshot", "import", path, "--force-identity"}).code, kFailed) << path;
  }
  EXPECT_EQ(newest()->generation, 4711u);
}

TEST_F(SnapshotCommands, BesideADaemonItIsRefusedWithWhatToDo) {
  SnapshotStore daemon(state(), "node-1");
  ASSERT_TRUE(daemon.lock());
  const Outcome refused = run({"snapshot", "import", seed(snapshot_of("node-1", 5))});
  EXPECT_EQ(refused.code, kFailed);
  EXPECT_THAT(refused.err, HasSubstr("stop it, import, start it again"));
  EXPECT_EQ(run({"snapshot", "list"}).code, kOk) << "reading takes no lock";
}

}  // namespace
}  // namespace holdfast::cli::test
