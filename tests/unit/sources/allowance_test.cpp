// SPDX-License-Identifier: Apache-2.0
// What fits into the memory that is left, and how a reading that does not ends.
#include "agent/sources/allowance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// A process with a limit, whose memory grows as the objects are made.
struct Machine {
  std::uint64_t limit = 100 * kMiB, used = 30 * kMiB;
  std::size_t looks = 0;
  MapsRoom maps{4096, 65536, 16 * kMiB};
  MemoryGate gate{[this]() -> std::optional<MemoryRoom> {
                    ++looks;
                    if (limit == 0) return std::nullopt;
                    return MemoryRoom{limit, used, "/sys/fs/cgroup/memory.max"};
                  },
                  [this] { return maps; }};

  Machine() { gate.begin("file"); }

  // Reads `pieces` of a service each. False: refused.
  bool read(Allowance& allowance, std::size_t pieces, const Amount& before = {},
            std::size_t of = 0) {
    allowance.begin(std::max(of, pieces) * 500, before);
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      if (!allowance.may_parse(500)) return false;
      used += cost_of_objects({1, 1, 0});
      allowance.parsed(500, {1, 1, 0});
    }
    return allowance.may_end();
  }
};

TEST(Fits, WithoutALimitAlways) {
  EXPECT_TRUE(fits(std::nullopt, std::uint64_t{1} << 50));
}

TEST(Fits, WithSomethingLeftOver) {
  EXPECT_FALSE(fits(MemoryRoom{100 * kMiB, 40 * kMiB}, 60 * kMiB));
  EXPECT_TRUE(fits(MemoryRoom{100 * kMiB, 40 * kMiB}, 50 * kMiB));
  EXPECT_FALSE(fits(MemoryRoom{100 * kMiB, 140 * kMiB}, 0));
}

TEST(Cost, OfMapsThatHaveRoomIsNone) {
  const MapsRoom room{1000, 10'000, 10 * kMiB};
  EXPECT_EQ(cost_to_come({}, room, {1000, 1000, 10'000}), 0u);
  // The old ones and the new ones at once.
  EXPECT_GT(cost_to_come({}, room, {1001, 1001, 10'000}), 10 * kMiB);
  EXPECT_GT(cost_to_come({}, room, {1000, 1000, 10'001}), 10 * kMiB);
  // Maps that are yet to be made have a least size.
  EXPECT_GT(cost_to_come({}, {}, {}), 16 * kMiB);
}

TEST(Reading, ThatFitsIsTaken) {
  Machine machine;
  Allowance allowance(&machine.gate, "file", {});
  EXPECT_TRUE(machine.read(allowance, 4000));
  EXPECT_LT(machine.looks, 100u);  // and not one for each piece
}

TEST(Reading, ThatDoesNotFitEndsBeforeItIsTooLate) {
  Machine machine;
  Allowance allowance(&machine.gate, "file", {});
  EXPECT_FALSE(machine.read(allowance, 20'000));
  EXPECT_LT(machine.used, 60 * kMiB);
  const Refusal refusal = allowance.give_up();
  // What all of it needs, not what was read of it.
  EXPECT_GT(refusal.needed, 80 * kMiB);
  EXPECT_LT(refusal.needed, 140 * kMiB);
  EXPECT_THAT(refusal.words, HasSubstr("not read, for lack of memory"));
  EXPECT_THAT(refusal.words, HasSubstr("70 MiB are left below the limit of 100 MiB "
                                       "(/sys/fs/cgroup/memory.max)"));
  EXPECT_THAT(refusal.words, HasSubstr("(limits.memory of the pod) to at least 1"));
}

TEST(Reading, WithoutALimitOrAGateIsTaken) {
  Machine machine;
  machine.limit = 0;
  Allowance limitless(&machine.gate, "file", {});
  EXPECT_TRUE(machine.read(limitless, 100'000));
  Allowance gateless(nullptr, "file", {});
  EXPECT_TRUE(machine.read(gateless, 100'000));
}

TEST(Reading, OfManySmallTextsCountsThemAll) {
  Machine machine;
  Allowance allowance(&machine.gate, "file", {});
  std::size_t taken = 0;
  while (taken < 1000 && machine.read(allowance, 100)) {
    allowance.accept();
    ++taken;
  }
  EXPECT_GT(taken, 50u);
  EXPECT_LT(taken, 200u);
}

// Each reading adds little; together they are a large one.
TEST(Reading, ThatGrowsALittleEachTimeEndsToo) {
  Machine machine;
  std::size_t taken = 0;
  for (Amount kept; taken < 1000; ++taken) {
    Allowance allowance(&machine.gate, "file", kept);
    if (!machine.read(allowance, 100)) break;
    allowance.accept();
    machine.used += cost_to_come({100, 100, 0}, {1'000'000, 1'000'000, 0}, {});
    machine.gate.begin("file");
    kept += {100, 100, 0};
  }
  EXPECT_LT(taken, 200u);
  EXPECT_LT(machine.used, machine.limit);
}

TEST(Reading, OfASmallChangePassesHoweverLittleIsLeft) {
  Machine machine;
  machine.used = machine.limit;
  Allowance allowance(&machine.gate, "file", {1000, 1000, 0});
  allowance.begin(500'000, {1000, 1000, 0});
  allowance.taken_over(499'500, {999, 999, 0});
  EXPECT_TRUE(allowance.may_parse(500));
  allowance.parsed(500, {1, 1, 0});
  EXPECT_TRUE(allowance.may_end());
  // One more than before is growth.
  allowance.parsed(500, {1, 1, 0});
  EXPECT_FALSE(allowance.may_end());
}

TEST(Reading, AsksBeforeALargePieceIsParsed) {
  Machine machine;
  Allowance allowance(&machine.gate, "file", {});
  allowance.begin(50 * kMiB, {});
  EXPECT_FALSE(allowance.may_parse(50 * kMiB));
  EXPECT_GT(allowance.give_up().needed, 1000 * kMiB);
}

TEST(Reading, CountsWhatOtherSourcesHaveYetToPay) {
  Machine machine;
  machine.maps = {100'000, 100'000, 16 * kMiB};
  machine.gate.begin("one");
  Allowance one(&machine.gate, "one", {}), two(&machine.gate, "two", {});
  ASSERT_TRUE(machine.read(one, 4000));
  one.accept();
  machine.used = 30 * kMiB;
  machine.limit = 60 * kMiB;
  EXPECT_FALSE(machine.read(two, 4000));
  // Of itself it would fit, so it is worth another try at any time.
  const Refusal refusal = two.give_up();
  machine.used = 30 * kMiB;
  EXPECT_TRUE(two.worth_another_try(refusal));
  machine.gate.begin("one");
  EXPECT_TRUE(machine.read(two, 4000));
}

TEST(Another, TryIsWorthItWithSoMuchLeft) {
  Machine machine;
  Allowance allowance(&machine.gate, "file", {});
  ASSERT_FALSE(machine.read(allowance, 20'000));
  const Refusal refusal = allowance.give_up();
  machine.used = 30 * kMiB;
  EXPECT_FALSE(allowance.worth_another_try(refusal));
  machine.limit = 250 * kMiB;
  EXPECT_TRUE(allowance.worth_another_try(refusal));
  EXPECT_TRUE(machine.read(allowance, 20'000));
}

// So that a wrong estimate does not try for ever.
TEST(Another, TryThatFailedNeedsMoreThanWasLeft) {
  const MemoryRoom room{100 * kMiB, 30 * kMiB, "limit"};
  const Refusal refusal = refuse(room, 10 * kMiB, true);
  EXPECT_FALSE(fits(room, refusal.needed));
  EXPECT_TRUE(fits(MemoryRoom{110 * kMiB, 30 * kMiB, "limit"}, refusal.needed));
}

TEST(Text, ThatDoesNotFitIsNotReadAtAll) {
  EXPECT_TRUE(may_read(std::nullopt, 200 * kMiB));
  EXPECT_TRUE(may_read(MemoryRoom{300 * kMiB, 0}, 200 * kMiB));
  const auto may = may_read(MemoryRoom{100 * kMiB, 30 * kMiB, "limit"}, 200 * kMiB);
  ASSERT_FALSE(may);
  EXPECT_EQ(may.error().sys, ENOMEM);
  EXPECT_THAT(may.error().what, HasSubstr("for its text alone"));
}

}  // namespace
}  // namespace holdfast
