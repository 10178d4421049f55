// SPDX-License-Identifier: Apache-2.0
// The rules of updating, proved over a family of small catalogs; and each rule broken on purpose.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <numeric>

#include "tests/unit/bpf/story.h"

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
    runs = explore(story.steps, story.memories, key_of(kSong), {false, every_position},
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
  expect_seen("no grace period", [](Diff& diff) { std::erase_if(diff.ops, is_op<op::Grace>()); });
}

TEST(InterleavingSabotage, DeletesBeforeInserts) {
  expect_seen("deletes before inserts", [](Diff& diff) {
    std::stable_partition(diff.ops.begin(), diff.ops.end(), is_op<op::DeleteFrontend>());
  });
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
