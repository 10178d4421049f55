// SPDX-License-Identifier: Apache-2.0
// The rules of updating, proved over a family of small catalogs; and each rule broken on purpose.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <numeric>

#include "tests/unit/bpf/story.h"
#include "tests/unit/builders.h"

namespace holdfast::interleaving {
namespace {

struct Tally {
  std::uint64_t runs = 0;
  std::uint64_t wrong = 0;
  std::string first;  // the first wrong one

  // Every look-up of both addresses beside the story's writer; `path` names it in a failure.
  void tell(const Story& story, const std::string& path, const Reader& reader = {}) {
    for (const char* address : {kSong, kImage}) {
      runs += explore(
          story.steps, story.memories, key_of(address), reader, [&](const Outcome& outcome) {
            if (story.right(address, outcome) || wrong++ != 0) return;
            first = std::string(address) + " got " + outcome.answer + " between steps " +
                    std::to_string(outcome.first) + " and " + std::to_string(outcome.last) +
                    " of " + std::to_string(story.steps.size()) + ", catalogs " + path;
          });
    }
  }
};

std::string path_name(const std::vector<std::size_t>& path) {
  std::string result;
  for (const std::size_t one : path) result += (result.empty() ? "" : " -> ") + std::to_string(one);
  return result;
}

void print(const char* what, const Tally& tally) {
  std::cout << "interleavings, " << what << ": " << tally.runs << ", wrong " << tally.wrong
            << (tally.first.empty() ? "" : "; first: " + tally.first) << "\n";
}

void nothing(Diff&) {}

std::vector<std::size_t> whole_family() {
  std::vector<std::size_t> all(family().size());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// All ordered triples of the family, the third to reuse what the second gave up.
Tally explore_family(const Sabotage& sabotage, const Reader& reader, bool until_wrong) {
  const auto catalogs = family();
  Tally tally;
  for (const std::size_t first : whole_family()) {
    for (const std::size_t second : whole_family()) {
      for (const std::size_t third : whole_family()) {
        tally.tell(Story({catalogs[first], catalogs[second], catalogs[third]}, {sabotage}),
                   path_name({first, second, third}), reader);
        if (until_wrong && tally.wrong) return tally;
      }
    }
  }
  return tally;
}

TEST(Interleaving, NoLookUpEverFindsAWrongPeerOrAMissingSlot) {
  const Tally tally = explore_family(nothing, {}, false);
  print("as planned", tally);
  EXPECT_GT(tally.runs, 400'000u);
  EXPECT_EQ(tally.wrong, 0u) << tally.first;
}

// The slots of a pool word, and their endpoints, are read more than once.
TEST(Interleaving, NorWhenASlotIsChosenTwice) {
  const auto catalogs = family();
  Tally tally;
  for (const std::size_t first : whole_family()) {
    for (const std::size_t second : whole_family()) {
      tally.tell(Story({catalogs[first], catalogs[second], catalogs[8]}),
                 path_name({first, second, 8}), {.chooses_twice = true});
    }
  }
  print("a slot chosen twice", tally);
  EXPECT_GT(tally.runs, 40'000u);
  EXPECT_EQ(tally.wrong, 0u) << tally.first;
}

// An endpoint leaves with connections in flight, and is back before it was collected.
TEST(Interleaving, NorWhenAnEndpointReturnsWhileItDrains) {
  const auto catalogs = family();
  Tally tally;
  for (const std::size_t first : whole_family()) {
    for (const std::size_t second : whole_family()) {
      tally.tell(Story({catalogs[first], catalogs[second], catalogs[first]}, {.in_flight = true}),
                 path_name({first, second, first}));
    }
  }
  print("with connections in flight", tally);
  EXPECT_GT(tally.runs, 30'000u);
  EXPECT_EQ(tally.wrong, 0u) << tally.first;
}

// Addresses that move, several in one diff: by stores into their elements, in any number; on a
// kernel without the program by other elements, with a grace period each.
Tally explore_moves(Moves moves) {
  const auto catalogs = family();
  Tally tally;
  for (const std::size_t first : whole_family()) {
    for (const std::size_t second : whole_family()) {
      tally.tell(Story({catalogs[first], catalogs[second]}, {.moves = moves}),
                 path_name({first, second}));
    }
  }
  return tally;
}

TEST(Interleaving, NorWhileAddressesMove) {
  for (const Moves moves : {Moves::stored, Moves::replaced}) {
    const Tally tally = explore_moves(moves);
    print(moves == Moves::stored ? "moves by a store" : "moves by another element", tally);
    EXPECT_GT(tally.runs, 10'000u);
    EXPECT_EQ(tally.wrong, 0u) << tally.first;
  }
}

// Three pools: one address goes where another comes from, and the element that the first gives up
// would be the second's next.
std::uint64_t wrong_while_addresses_follow(Moves moves) {
  Planner planner = *Planner::adopt(Image{}, {16, 8, 12, 64, 12, 64});
  const auto generation = [](std::vector<std::string> a, std::vector<std::string> b,
                             std::vector<std::string> c) {
    Generation result{1, {}};
    for (const auto& one :
         {build::service("a", a, {"10.1.0.1"}), build::service("b", b, {"10.1.0.2"}),
          build::service("c", c, {"10.1.0.3"})})
      result.changes.push_back({one->key, one, "file"});
    return result;
  };
  const std::string own_a = "10.96.0.11", own_b = "10.96.0.12", own_c = "10.96.0.13";
  std::vector<Step> steps;
  append_steps(*planner.plan(generation({own_a, kSong}, {own_b, kImage}, {own_c})), 0, moves,
               steps);
  const std::size_t filled = steps.size();
  append_steps(*planner.plan(generation({own_a}, {own_b, kSong}, {own_c, kImage})), 1, moves,
               steps);
  std::uint64_t wrong = 0;
  const auto look = [&](const char* address, const std::string& before, const std::string& after) {
    explore(steps, run_writer(steps), key_of(address), {}, [&](const Outcome& one) {
      const bool old = one.answer == before + ":8080" && one.first < steps.size();
      if (one.first >= filled && !old && one.answer != after + ":8080") ++wrong;
    });
  };
  look(kSong, "10.1.0.1", "10.1.0.2");
  look(kImage, "10.1.0.2", "10.1.0.3");
  return wrong;
}

TEST(Interleaving, NorWhileAddressesFollowEachOther) {
  EXPECT_EQ(wrong_while_addresses_follow(Moves::stored), 0u);
  EXPECT_EQ(wrong_while_addresses_follow(Moves::replaced), 0u);
}

TEST(InterleavingSabotage, AnElementReplacedWithoutAGracePeriod) {
  EXPECT_GT(wrong_while_addresses_follow(Moves::careless), 0u);
}

// Where no slot is free a pool shrinks in the range it has, by a store a slot; then what left it is
// retired. `careless`: without grace periods.
std::uint64_t wrong_while_written_over(bool careless, const Reader& reader = {}) {
  Planner planner = *Planner::adopt(Image{}, {16, 8, 12, 5, 12, 64});
  const auto song = [](std::vector<std::string> endpoints) {
    const auto one = build::service("song", {kSong}, std::move(endpoints));
    return Generation{1, {{one->key, one, "file"}}};
  };
  std::vector<Step> steps;
  const auto add = [&](Diff diff, std::size_t number) {
    if (careless)
      std::erase_if(diff.ops, [](const Op& one) { return std::holds_alternative<op::Grace>(one); });
    append_steps(diff, number, Moves::stored, steps);
  };
  add(*planner.plan(song({"10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4"})), 0);
  const std::size_t filled = steps.size();
  add(planner.fit(song({"10.1.0.1", "10.1.0.3"}), true).diff, 1);
  add(planner.collect([](std::uint32_t) { return hf_endpoint_stats{}; }), 2);
  std::uint64_t wrong = 0;
  explore(steps, run_writer(steps), key_of(kSong), reader, [&](const Outcome& one) {
    const bool stays = one.answer == "10.1.0.1:8080" || one.answer == "10.1.0.3:8080";
    const bool left = one.answer == "10.1.0.2:8080" || one.answer == "10.1.0.4:8080";
    if (one.first >= filled && !stays && !(left && one.first < steps.size())) ++wrong;
  });
  return wrong;
}

TEST(Interleaving, NorWhileARangeIsWrittenOver) {
  EXPECT_EQ(wrong_while_written_over(false), 0u);
  EXPECT_EQ(wrong_while_written_over(false, {.chooses_twice = true}), 0u);
}

TEST(InterleavingSabotage, ARangeWrittenOverWithoutAGracePeriod) {
  EXPECT_GT(wrong_while_written_over(true), 0u);
  EXPECT_GT(wrong_while_written_over(true, {.chooses_twice = true}), 0u);
}

// The daemon dies between any two operations, and the next one takes over from the maps.
TEST(Interleaving, NorWhenTheDaemonDiesInTheMiddle) {
  const auto catalogs = family();
  Tally tally;
  for (const std::size_t first : {3, 6, 7}) {
    for (const std::size_t second : whole_family()) {
      const std::vector<Small> path = {catalogs[first], catalogs[second], catalogs[8]};
      const std::size_t operations = Story(path).operations;
      for (std::size_t dies_after = 0; dies_after < operations; ++dies_after) {
        tally.tell(Story(path, {.dies_after = dies_after}),
                   path_name({first, second, 8}) + ", death after " + std::to_string(dies_after));
      }
    }
  }
  print("with a death after each operation", tally);
  EXPECT_GT(tally.runs, 500'000u);
  EXPECT_EQ(tally.wrong, 0u) << tally.first;
}

// The shortcut of running only the earliest of equal positions loses no answer.
TEST(Interleaving, EarliestOfEqualPositionsStandsForTheRest) {
  const Story story({{{kSong}, {1}, {}, {}}, {{kSong}, {2}, {}, {}}});
  const auto answers = [&](bool every_position, std::uint64_t& runs) {
    std::set<std::pair<std::size_t, std::string>> result;  // with the position it began at
    runs = explore(story.steps, story.memories, key_of(kSong), {.every_position = every_position},
                   [&](const Outcome& one) { result.emplace(one.first, one.answer); });
    return result;
  };
  std::uint64_t few = 0, all = 0;
  EXPECT_EQ(answers(false, few), answers(true, all));
  std::cout << "interleavings, one small diff: " << all << " schedules, " << few
            << " that differ\n";
  EXPECT_LT(few, all);
}

// --- a rule broken: the same exploration must see it --------------------------------------------

template <class One>
auto is_op() {
  return [](const Op& operation) { return std::holds_alternative<One>(operation); };
}

void expect_seen(const char* what, const Sabotage& sabotage, const Reader& reader = {}) {
  const Tally tally = explore_family(sabotage, reader, true);
  print(what, tally);
  EXPECT_GT(tally.wrong, 0u);
}

TEST(InterleavingSabotage, PoolWordBeforeSlots) {
  expect_seen("pool word before slots", [](Diff& diff) {
    std::stable_partition(diff.ops.begin(), diff.ops.end(), [](const Op& one) {
      const auto* store = std::get_if<op::StorePool>(&one);
      return store && store->value.word != 0;
    });
  });
}

TEST(InterleavingSabotage, FrontendsBeforePoolWord) {
  expect_seen("frontends before pool word", [](Diff& diff) {
    std::stable_partition(diff.ops.begin(), diff.ops.end(), is_op<op::InsertFrontend>());
  });
}

TEST(InterleavingSabotage, EndpointsAfterPoolWord) {
  expect_seen("endpoints after pool word", [](Diff& diff) {
    std::stable_partition(diff.ops.begin(), diff.ops.end(),
                          [](const Op& one) { return !is_op<op::PutEndpoint>()(one); });
  });
}

TEST(InterleavingSabotage, NoGracePeriod) {
  const auto none = [](Diff& diff) { std::erase_if(diff.ops, is_op<op::Grace>()); };
  expect_seen("no grace period", none);
  expect_seen("no grace period, a slot chosen twice", none, {.chooses_twice = true});
}

// One service goes and another comes: its address gets the element of the one that is deleted.
std::uint64_t wrong_while_one_follows_another(bool deletes_first) {
  Planner planner = *Planner::adopt(Image{}, {16, 8, 12, 64, 12, 64});
  const auto song = build::service("song", {kSong}, {"10.1.0.1"});
  const auto image = build::service("image", {kImage}, {"10.1.0.2"});
  std::vector<Step> steps;
  append_steps(*planner.plan({1, {{song->key, song, "file"}}}), 0, Moves::stored, steps);
  Diff diff = *planner.plan({2, {{image->key, image, "file"}, {song->key, nullptr, "file"}}});
  if (deletes_first)
    std::stable_partition(diff.ops.begin(), diff.ops.end(), is_op<op::DeleteFrontend>());
  append_steps(diff, 1, Moves::stored, steps);
  std::uint64_t wrong = 0;
  explore(steps, run_writer(steps), key_of(kSong), {}, [&](const Outcome& one) {
    wrong += one.answer != "10.1.0.1:8080" && one.answer != "miss";
  });
  return wrong;
}

TEST(InterleavingSabotage, DeletesBeforeInserts) {
  EXPECT_EQ(wrong_while_one_follows_another(false), 0u);
  EXPECT_GT(wrong_while_one_follows_another(true), 0u);
}

TEST(InterleavingSabotage, PoolWordReadInParts) {
  expect_seen("pool word read in parts", nothing, {.torn_pool_word = true});
}

// --- handles: what a socket keeps for as long as it likes ---------------------------------------

// Every handle that a look-up can get, met again at every later position: whatever is charged to it
// must be charged to the endpoint it was sent to, or to none.
Tally explore_handles(bool ignore_incarnation) {
  const auto catalogs = family();
  Tally tally;
  const auto meet = [&](const Story& story, const Outcome& outcome) {
    if (!outcome.socket.incarnation) return;
    for (std::size_t at = outcome.last; at < story.memories.size(); ++at) {
      const hf_endpoint& now = story.memories[at].endpoints[outcome.socket.endpoint];
      hf_socket socket = outcome.socket;
      if (ignore_incarnation) socket.incarnation = now.incarnation;
      ++tally.runs;
      if (hf_handle_valid(&socket, &now) && !hf_same_addr(&now.addr, &outcome.target.addr)) {
        ++tally.wrong;
      }
    }
  };
  for (const Small& first : catalogs) {
    for (const Small& second : catalogs) {
      const Story story({first, second, catalogs[5]});
      explore(story.steps, story.memories, key_of(kSong), {},
              [&](const Outcome& outcome) { meet(story, outcome); });
    }
  }
  return tally;
}

TEST(Handles, AnEventIsNeverChargedToAnotherEndpoint) {
  const Tally tally = explore_handles(false);
  print("handles met again", tally);
  EXPECT_GT(tally.runs, 100'000u);
  EXPECT_EQ(tally.wrong, 0u);
}

TEST(HandlesSabotage, IncarnationIgnored) {
  const Tally tally = explore_handles(true);
  print("handles, incarnation ignored", tally);
  EXPECT_GT(tally.wrong, 0u);
}

}  // namespace
}  // namespace holdfast::interleaving
