// SPDX-License-Identifier: Apache-2.0
// One format and the next: what older versions wrote is read, what a newer one adds is skipped, and
// what cannot be understood is told apart from what is damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/base/file.h"
#include "agent/snapshot/snapshot.h"
#include "tests/unit/snapshot/golden.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

std::string data(const std::string& name) {
  const std::string path = HOLDFAST_SOURCE_DIR "/tests/unit/snapshot/data/" + name;
  const auto bytes = read_file(path, 1 << 20);
  EXPECT_TRUE(bytes) << bytes.error().what;
  return bytes ? *bytes : "";
}

Snapshot golden(bool way, bool identity) {
  Snapshot snapshot = golden_snapshot();
  if (way) snapshot.sources[0].source_memory = kGoldenWay;
  if (identity) {
    snapshot.node = "node-1";
    snapshot.imported_from = "node-2";
    snapshot.sources[0].cluster = "7f0c6e0e-6d0a-4c39-9b59-000000000001";
  }
  return snapshot;
}

Snapshot with_gone() {
  Snapshot snapshot = golden(true, true);
  snapshot.gone = {{"file", 321}};
  return snapshot;
}

void expect_same(const Snapshot& a, const Snapshot& b) {
  // The encoder is deterministic and leaves nothing out, which snapshot_test.cpp shows.
  EXPECT_EQ(encode(a), encode(b));
  ASSERT_EQ(a.sources.size(), b.sources.size());
  for (std::size_t at = 0; at < a.sources.size(); ++at) {
    EXPECT_EQ(a.sources[at].source_memory, b.sources[at].source_memory);
    EXPECT_EQ(a.sources[at].memory.nodes, b.sources[at].memory.nodes);
    ASSERT_EQ(a.sources[at].memory.services.size(), b.sources[at].memory.services.size());
    for (std::size_t one = 0; one < a.sources[at].memory.services.size(); ++one) {
      EXPECT_EQ(*a.sources[at].memory.services[one].admitted,
                *b.sources[at].memory.services[one].admitted);
    }
  }
}

TEST(Format, FilesOfEveryEarlierFormatAreRead) {
  const std::pair<const char*, Snapshot> files[] = {
      {"format-1.snap", golden(false, false)},   {"format-2.snap", golden(true, false)},
      {"format-3.snap", golden(true, true)},     {"format-3.1.snap", with_gone()},
      {"placed-3.1.snap", golden_placed(false)}, {"format-3.2.snap", golden_placed()}};
  for (const auto& [name, expected] : files) {
    const auto snapshot = decode(data(name));
    ASSERT_TRUE(snapshot) << name << ": " << snapshot.error().what;
    expect_same(*snapshot, expected);
  }
}

TEST(Format, WhatIsWrittenTodayIsTheGoldenFile) {
  EXPECT_EQ(encode(golden_placed()), data("format-3.2.snap"))
      << "a change of the format needs a new minor, or major, and a golden file of its own";
}

// Made by hand (data/newer.py): every record and every array has something more at its end, and
// there is a section more, before those that are known.
TEST(Format, ANewerMinorFormatIsReadAndItsAdditionsSkipped) {
  const std::string bytes = data("format-3.9.snap");
  EXPECT_EQ(format_of(bytes).to_string(), "3.9");
  const auto snapshot = decode(bytes);
  ASSERT_TRUE(snapshot) << snapshot.error().what;
  expect_same(*snapshot, golden(true, true));
}

TEST(Format, WhatIsLeftOfAGraceIsKept) {
  const auto snapshot = decode(encode(with_gone()));
  ASSERT_TRUE(snapshot);
  ASSERT_EQ(snapshot->gone.size(), 1u);
  EXPECT_EQ(snapshot->gone[0].source, "file");
  EXPECT_EQ(snapshot->gone[0].seconds_left, 321);
  EXPECT_TRUE(decode(data("format-3.snap"))->gone.empty());
}

TEST(Format, ANewerMajorFormatIsNotDamaged) {
  const auto snapshot = decode(data("format-4.snap"));
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().code, Errc::incompatible);
  EXPECT_THAT(snapshot.error().what, HasSubstr("format 4.0, this version reads 1 to 3"));
}

TEST(Format, OfWhatIsNoSnapshotNothingIsTold) {
  EXPECT_EQ(format_of("").major, 0);
  EXPECT_EQ(format_of(std::string(100, 'x')).major, 0);
  EXPECT_EQ(format_of("HOLDFAST").major, 0);
}

}  // namespace
}  // namespace holdfast
