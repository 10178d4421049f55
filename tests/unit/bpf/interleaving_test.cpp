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

  void add(const Story& story, const std::string& address, const Outcome& outcome) {
    if (story.right(address, outcome) || wrong++ != 0) return;
    first = address + " got " + outcome.answer + " between steps " + std::to_string(outcome.first) +
            " and " + std::to_string(outcome.last) + " of " + std::to_string(story.steps.size());
  }
};

void print(const char* what, const Tally& tally) {
  std::cout << "interleavings, " << what << ": " << tally.runs << ", wrong " << tally.wrong
            << (tally.first.empty() ? "" : "; first: " + tally.first) << "\n";
}

void no_sabotage(Diff&) {}

// All ordered pairs of the family, each followed by a third catalog that reuses what was given up.
Tally explore_family(const std::vector<std::size_t>& thirds, const Sabotage& sabotage,
                     const Reader& reader = {}) {
  const auto catalogs = family();
  Tally total;
  const auto tell = [&](const Story& story, const std::string& where) {
    for (const char* address : {kSong, kImage}) {
      const bool clean = total.wrong == 0;
      total.runs += explore(story.steps, story.memories, key_of(address), reader,
                            [&](const Outcome& outcome) { total.add(story, address, outcome); });
      if (clean && total.wrong) total.first += where;
    }
  };
  for (std::size_t first = 0; first < catalogs.size(); ++first) {
    for (std::size_t second = 0; second < catalogs.size(); ++second) {
      for (const std::size_t third : thirds) {
        tell(Story({catalogs[first], catalogs[second], catalogs[third]}, sabotage),
             ", catalogs " + std::to_string(first) + " -> " + std::to_string(second) + " -> " +
                 std::to_string(third));
      }
    }
  }
  return total;
}

TEST(Interleaving, NoLookUpEverFindsAWrongPeerOrAMissingSlot) {
  std::vector<std::size_t> all(family().size());
  std::iota(all.begin(), all.end(), 0);
  const Tally tally = explore_family(all, no_sabotage);
  print("as planned", tally);
  EXPECT_GT(tally.runs, 200'000u);
  EXPECT_EQ(tally.wrong, 0u) << tally.first;
}

// The shortcut of running only the earliest of equal positions loses no answer.
TEST(Interleaving, EarliestOfEqualPositionsStandsForTheRest) {
  const Story story({{{kSong}, {1}, {}, {}}, {{kSong}, {2}, {}, {}}}, no_sabotage);
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
  const Tally tally = explore_family({5, 8}, sabotage, reader);
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
  expect_seen("pool word read in parts", no_sabotage, {.torn_pool_word = true});
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
      const Story story({first, second, catalogs[5]}, no_sabotage);
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
