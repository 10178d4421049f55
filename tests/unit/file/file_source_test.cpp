// SPDX-License-Identifier: Apache-2.0
// The file source over real files and inotify: every way in which files are replaced in practice.
#include "agent/sources/file/file_source.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "tests/unit/file/catalogs.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using test::kImage;
using test::kSong;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

class Source : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "holdfast_source_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    directory_ = root_ / "catalog.d";
    fs::create_directory(directory_);
  }
  void TearDown() override {
    source_.reset();
    loop_.restart();
    loop_.poll();  // what is left of it must not be touched
    fs::remove_all(root_);
  }
  void start(const fs::path& path) {
    source_ = std::make_unique<FileSource>(loop_, "file", FileSourceConfig{path.string()});
    source_->start([this](SourceUpdate update) {
      ++updates_;
      told_.take(update);
      if (!told_.lists("song")) ++without_song_;
      last_ = std::move(update);
    });
  }
  // Runs the loop until it is so; gives up (false) well before the slow scan would find it.
  bool until(const std::function<bool()>& so) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!so() && std::chrono::steady_clock::now() < end) {
      loop_.restart();
      loop_.run_for(std::chrono::milliseconds(5));
    }
    return so();
  }
  bool until_endpoints(const std::string& service, std::size_t count) {
    return until([&] { return told_.endpoints(service) == count; });
  }
  // Two more readings: what was to be seen before them has been seen.
  void let_pass() {
    for (int one = 0; one < 2; ++one) {
      const std::string name = "image" + std::to_string(++passes_);
      write(root_ / "beside", test::service(name, "10.96.1." + std::to_string(passes_)));
      fs::rename(root_ / "beside", directory_ / (name + ".yaml"));
      ASSERT_TRUE(until([&] { return told_.lists(name); }));
    }
  }

  fs::path root_, directory_;
  boost::asio::io_context loop_;
  std::unique_ptr<FileSource> source_;
  test::Told told_;
  SourceUpdate last_;
  int updates_ = 0, without_song_ = 0, passes_ = 0;
};

const std::string kOne = test::service("song", "10.96.0.10") + test::slice("song", {"10.1.0.1"});

TEST_F(Source, ReadsADirectoryAndFollowsIt) {
  write(directory_ / "a.yaml", kSong);
  write(directory_ / "notes.txt", "no: [catalog");
  write(directory_ / ".hidden.yaml", "no: [catalog");
  start(directory_);
  EXPECT_EQ(source_->status().state, SourceState::starting);
  ASSERT_TRUE(until_endpoints("song", 2));
  EXPECT_EQ(source_->status().state, SourceState::current);
  EXPECT_EQ(source_->status().kind, "file");
  EXPECT_TRUE(source_->status().last_confirmed);
  EXPECT_TRUE(last_.complete);
  write(directory_ / "b.json",
        R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "j"},)"
        R"( "spec": {"clusterIP": "10.96.0.12", "ports": [{"port": 80}]}})");
  ASSERT_TRUE(until([&] { return told_.services().size() == 2; }));
  write(directory_ / "a.yaml", kOne);
  ASSERT_TRUE(until_endpoints("song", 1));
  EXPECT_THAT(last_.doubts, testing::IsEmpty());
}

TEST_F(Source, FollowsOneFileAndItsReplacementByRename) {
  const fs::path file = directory_ / "catalog.yaml";
  write(file, kSong);
  start(file);
  ASSERT_TRUE(until_endpoints("song", 2));
  for (const auto& [text, count] : {std::pair(kOne, 1u), std::pair(kSong, 2u)}) {
    write(directory_ / ".catalog.yaml.swp", text);  // as editors do
    fs::rename(directory_ / ".catalog.yaml.swp", file);
    ASSERT_TRUE(until_endpoints("song", count));
  }
  fs::rename(file, directory_ / "catalog.yaml~");  // and others
  write(file, kOne);
  ASSERT_TRUE(until_endpoints("song", 1));
}

// As kubelet writes: a new directory, a link beside, and one rename over `..data`.
void mount(const fs::path& directory, const std::string& version, const std::string& text) {
  fs::create_directory(directory / version);
  write(directory / version / "catalog.yaml", text);
  fs::create_symlink(version, directory / "..data_tmp");
  const bool first = !fs::exists(fs::symlink_status(directory / "..data"));
  const fs::path before = first ? fs::path() : fs::read_symlink(directory / "..data");
  fs::rename(directory / "..data_tmp", directory / "..data");
  if (first) fs::create_symlink("..data/catalog.yaml", directory / "catalog.yaml");
  if (!first) fs::remove_all(directory / before);
}

class ConfigMap : public Source, public testing::WithParamInterface<const char*> {};

TEST_P(ConfigMap, IsFollowedThroughItsSwap) {
  mount(directory_, "..2022_03_08_1", kSong);
  start(directory_ / GetParam());
  ASSERT_TRUE(until_endpoints("song", 2));
  mount(directory_, "..2022_03_08_2", kOne);
  ASSERT_TRUE(until_endpoints("song", 1));
  mount(directory_, "..2022_03_08_3", kSong);
  ASSERT_TRUE(until_endpoints("song", 2));
  EXPECT_EQ(without_song_, 0);
  EXPECT_EQ(source_->status().state, SourceState::current);
}

INSTANTIATE_TEST_SUITE_P(AsDirectoryAndAsFile, ConfigMap, testing::Values("", "catalog.yaml"));

TEST_F(Source, FollowsADirectoryThatIsReplaced) {
  write(directory_ / "a.yaml", kSong);
  start(directory_);
  ASSERT_TRUE(until_endpoints("song", 2));
  fs::create_directory(root_ / "new");
  write(root_ / "new" / "a.yaml", kOne);
  fs::rename(directory_, root_ / "old");
  fs::rename(root_ / "new", directory_);
  ASSERT_TRUE(until_endpoints("song", 1));
  write(directory_ / "a.yaml", kSong);
  ASSERT_TRUE(until_endpoints("song", 2)) << "the new one is watched";
}

TEST_F(Source, FollowsALinkToADirectoryThatIsSwapped) {
  fs::create_directory(root_ / "v1");
  write(root_ / "v1" / "a.yaml", kSong);
  fs::create_directory(root_ / "v2");
  write(root_ / "v2" / "a.yaml", kOne);
  fs::create_directory_symlink("v1", root_ / "current");
  start(root_ / "current");
  ASSERT_TRUE(until_endpoints("song", 2));
  fs::create_directory_symlink("v2", root_ / "next");
  fs::rename(root_ / "next", root_ / "current");
  ASSERT_TRUE(until_endpoints("song", 1));
  write(root_ / "v2" / "a.yaml", kSong);
  ASSERT_TRUE(until_endpoints("song", 2));
}

TEST_F(Source, WaitsForADirectoryThatIsNotThereYet) {
  const fs::path path = root_ / "later" / "deep" / "catalog.d";
  start(path);
  ASSERT_TRUE(until([&] { return updates_ == 1; }));
  EXPECT_FALSE(last_.complete);
  EXPECT_EQ(source_->status().state, SourceState::failed);
  EXPECT_THAT(source_->status().last_error,
              HasSubstr(path.string() + ": no such file or directory"));
  EXPECT_FALSE(source_->status().last_confirmed);
  fs::create_directories(path);
  write(path / "a.yaml", kSong);
  ASSERT_TRUE(until_endpoints("song", 2));
  EXPECT_EQ(source_->status().state, SourceState::current);
  EXPECT_EQ(source_->status().last_error, "");
}

TEST_F(Source, DoubtsAreInTheStatusUntilTheyAreOver) {
  write(directory_ / "a.yaml", kSong);
  start(directory_);
  ASSERT_TRUE(until_endpoints("song", 2));
  write(directory_ / "a.yaml", kSong + "a: [");
  ASSERT_TRUE(until([&] { return source_->status().state == SourceState::degraded; }));
  EXPECT_THAT(source_->status().last_error, HasSubstr("a.yaml: line 14, column 1"));
  EXPECT_EQ(told_.endpoints("song"), 2u);
  write(directory_ / "a.yaml", "");
  ASSERT_TRUE(until(
      [&] { return source_->status().last_error.find("lists nothing") != std::string::npos; }));
  write(directory_ / "a.yaml", kSong);
  ASSERT_TRUE(until([&] { return source_->status().state == SourceState::current; }));
  fs::remove(directory_ / "a.yaml");
  ASSERT_TRUE(until([&] { return source_->status().state == SourceState::degraded; }));
  EXPECT_THAT(last_.confirmed_origins, Not(Contains((directory_ / "a.yaml").string())));
}

TEST_F(Source, AFileThatIsStillBeingWrittenIsNotRead) {
  write(directory_ / "a.yaml", kImage + kSong);
  start(directory_);
  ASSERT_TRUE(until_endpoints("song", 2));
  std::ofstream writer(directory_ / "a.yaml");  // as `kubectl get -o yaml > a.yaml` does
  writer << kImage << std::flush;               // parses, and is not empty
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < end) {  // many times the settling: it would be read
    loop_.restart();
    loop_.run_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(without_song_, 0) << "half a file would have explained that the rest is gone";
  writer << kOne << std::flush;
  writer.close();
  ASSERT_TRUE(until_endpoints("song", 1));
  EXPECT_EQ(without_song_, 0);
  let_pass();
}

TEST_F(Source, AFileBesideThatIsNoCatalogMayBeWrittenForEver) {
  write(directory_ / "a.yaml", kSong);
  std::ofstream log(directory_ / "some.log"), beside(root_ / "other.yaml");
  start(directory_);
  ASSERT_TRUE(until_endpoints("song", 2));
  log << "words" << std::flush;
  beside << "words" << std::flush;
  write(directory_ / "a.yaml", kOne);
  ASSERT_TRUE(until_endpoints("song", 1));
}

// Read on the loop, it would turn once or twice meanwhile.
TEST_F(Source, TheLoopTurnsWhileALargeFileIsParsed) {
  std::string text;
  for (int one = 0; one < 2000; ++one)
    text += test::service("other" + std::to_string(one),
                          "10.97." + std::to_string(one / 250) + "." + std::to_string(one % 250));
  write(directory_ / "a.yaml", text + kSong);
  start(directory_);
  int turns = 0;
  std::function<void()> turn = [&] {
    ++turns;
    if (updates_ == 0) boost::asio::post(loop_, turn);
  };
  turn();
  EXPECT_TRUE(until_endpoints("song", 2));
  loop_.restart();
  loop_.poll();  // the last turn, while there is what it counts in
  EXPECT_GT(turns, 1000);
}

TEST_F(Source, SaysNothingAfterStopNorAfterItsEnd) {
  write(directory_ / "a.yaml", kSong);
  start(directory_);
  ASSERT_TRUE(until_endpoints("song", 2));
  const int before = updates_;
  write(directory_ / "a.yaml", kOne);
  loop_.restart();
  loop_.run_for(std::chrono::milliseconds(1));  // the event is taken, and settling
  source_->stop();
  loop_.restart();
  loop_.run_for(std::chrono::milliseconds(60));
  EXPECT_EQ(updates_, before);
  start(directory_);
  ASSERT_TRUE(until_endpoints("song", 1));
  write(directory_ / "a.yaml", kSong);
  loop_.restart();
  loop_.run_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(40));  // its timer has expired, unseen
  source_.reset();
  loop_.restart();
  loop_.run_for(std::chrono::milliseconds(20));
}

}  // namespace
}  // namespace holdfast
