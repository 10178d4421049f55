// SPDX-License-Identifier: Apache-2.0
// The rules of a source with parts: files (design.md 4.1).
#include <gtest/gtest.h>

#include "tests/unit/guard/fixture.h"

namespace holdfast::test {
namespace {

constexpr const char* kServices = "services.yaml";
constexpr const char* kSlices = "slices.yaml";

ServicePtr filed(const std::vector<std::string>& addresses, const std::string& slices = kSlices) {
  std::vector<Spec> specs;
  for (const std::string& address : addresses) {
    specs.push_back({address, "", true, false, 8080, "n1", slices});
  }
  return service("song", specs, kServices);
}

SourceUpdate files(const ServicePtr& now, std::set<std::string> confirmed,
                   std::vector<Doubt> doubts = {}) {
  SourceUpdate update;
  update.source = "file";
  update.complete = true;
  update.changes = {{key("song"), now, false, Basis::event, {}}};
  update.confirmed_origins = std::move(confirmed);
  update.doubts = std::move(doubts);
  return update;
}

class Files : public testing::Test {
 protected:
  void SetUp() override { world.admit(files(filed({"10.0.0.1"}), {kServices, kSlices})); }
  World world;
};

TEST_F(Files, AnObjectTakenOutOfAFileThatParsesIsExplained) {
  world.admit(files(filed({}), {kServices, kSlices}));
  EXPECT_EQ(world.shows(), "");
  world.admit(files(nullptr, {kServices, kSlices}));
  EXPECT_EQ(world.shows(), "gone");
}

TEST_F(Files, WhatWentWithAFileThatVanishedIsHeldUntilItIsBack) {
  world.admit(files(filed({}), {kServices}, {{kSlices, "the file vanished"}}));
  EXPECT_EQ(world.shows(), "10.0.0.1(held)");
  EXPECT_EQ(describe(world.guard.holds().at(0).cause), "slices.yaml: the file vanished");
  // Back, and without the endpoint: now its removal is explained.
  SourceUpdate back = files(nullptr, {kServices, kSlices});
  back.changes.clear();
  world.admit(back);
  EXPECT_EQ(world.shows(), "");
  EXPECT_EQ(world.guard.held_services(), 0u);
}

TEST_F(Files, AServiceWhoseFileWasEmptiedIsHeldWhole) {
  world.admit(files(nullptr, {kSlices}, {{kServices, "the file lists nothing"}}));
  EXPECT_EQ(world.shows(), "10.0.0.1(held)");
  EXPECT_TRUE(world.guard.holds().at(0).whole_service);
  EXPECT_EQ(describe(world.guard.holds().at(0).cause), "services.yaml: the file lists nothing");
  world.admit(files(filed({"10.0.0.1"}), {kServices, kSlices}));
  EXPECT_EQ(world.shows(), "10.0.0.1");
  EXPECT_EQ(world.guard.held_services(), 0u);
}

TEST_F(Files, AHoldIsUndecidedUntilAnOperatorSaysSoOrItEnds) {
  using Names = std::set<std::string>;
  EXPECT_EQ(world.guard.undecided_origins(), Names{});
  world.admit(files(filed({}), {kServices}, {{kSlices, "the file vanished"}}));
  EXPECT_EQ(world.guard.undecided_origins(), Names{kSlices});
  ASSERT_TRUE(world.guard.reject(world.guard.holds().at(0).id));
  EXPECT_EQ(world.guard.undecided_origins(), Names{});
  // The source forgets the file, and explains nothing by that.
  SourceUpdate forgotten = files(nullptr, {kServices});
  forgotten.changes.clear();
  world.admit(forgotten);
  EXPECT_EQ(world.shows(), "10.0.0.1(held)");
  world.accept();
  EXPECT_EQ(world.shows(), "");
  world.admit(files(nullptr, {kSlices}, {{kServices, "the file vanished"}}));
  world.admit(files(filed({"10.0.0.1"}), {kServices, kSlices}));
  world.admit(files(nullptr, {}, {{kServices, "it vanished"}, {kSlices, "it vanished"}}));
  EXPECT_EQ(world.guard.undecided_origins(), (Names{kServices, kSlices}));
}

TEST_F(Files, ReadyFalseWrittenInAFileIsAnEvent) {
  world.admit(
      files(service("song", {{"10.0.0.1", "", false, false, 8080, "n1", kSlices}}, kServices),
            {kServices, kSlices}));
  world.now += 2s;
  world.tick();
  EXPECT_EQ(world.shows(), "10.0.0.1(not ready)");
}

TEST_F(Files, AbsencesAreNeverCounted) {
  world.admit(files(filed({}), {kServices}, {{kSlices, "the file vanished"}}));
  for (int repeat = 0; repeat < 9; ++repeat) {
    world.now += 31s;
    SourceUpdate same = files(nullptr, {kServices}, {{kSlices, "the file vanished"}});
    same.changes.clear();
    world.admit(same);
  }
  EXPECT_EQ(world.shows(), "10.0.0.1(held)");
  EXPECT_EQ(world.guard.holds().at(0).absences, 0u);
}

TEST_F(Files, AHoldIsRestoredAndEndsAsInTheFirstLife) {
  world.admit(files(filed({}), {kServices}, {{kSlices, "the file vanished"}}));
  World again;
  again.carry(again.guard.restore(world.guard.memory(), again.now));
  EXPECT_EQ(again.shows(), "10.0.0.1(held)");
  again.admit(files(filed({}), {kServices}, {{kSlices, "the file vanished"}}));
  EXPECT_EQ(again.shows(), "10.0.0.1(held)");
  again.admit(files(filed({}), {kServices, kSlices}));
  EXPECT_EQ(again.shows(), "");
}

TEST_F(Files, WhatTheFirstAnswerOfALifeDoesNotHaveIsJudged) {
  const auto nothing_of_it = [](std::set<std::string> confirmed, std::vector<Doubt> doubts) {
    SourceUpdate update = files(nullptr, std::move(confirmed), std::move(doubts));
    update.changes.clear();
    return update;
  };
  World explained;
  explained.carry(explained.guard.restore(world.guard.memory(), explained.now));
  explained.admit(nothing_of_it({kServices, kSlices}, {}));
  EXPECT_EQ(explained.shows(), "gone");

  World held;
  held.carry(held.guard.restore(world.guard.memory(), held.now));
  SourceUpdate broken = nothing_of_it({kSlices}, {{kServices, "line 3, column 1: broken"}});
  broken.complete = false;
  held.admit(broken);
  EXPECT_EQ(held.shows(), "10.0.0.1(held)");
  EXPECT_EQ(describe(held.guard.holds().at(0).cause), "services.yaml: line 3, column 1: broken");
}

TEST_F(Files, AValueRestoredFromTheMapsHasLostItsOrigin) {
  GuardMemory memory;
  memory.services = {{song({"10.0.0.1"}), false, false}};
  World explained;
  explained.carry(explained.guard.restore(memory, explained.now));
  explained.admit(files(filed({}), {kServices, kSlices}));
  EXPECT_EQ(explained.shows(), "");

  World held;
  held.carry(held.guard.restore(memory, held.now));
  held.admit(files(filed({}), {kServices}, {{kSlices, "the file vanished"}}));
  EXPECT_EQ(held.shows(), "10.0.0.1(held)");
}

TEST_F(Files, WithTheGuardDisabledEverythingGoes) {
  GuardSettings off;
  off.enabled = false;
  World sabotaged(off);
  sabotaged.admit(files(filed({"10.0.0.1"}), {kServices, kSlices}));
  sabotaged.admit(files(filed({}), {kServices}, {{kSlices, "the file vanished"}}));
  EXPECT_EQ(sabotaged.shows(), "");
}

}  // namespace
}  // namespace holdfast::test
