// SPDX-License-Identifier: Apache-2.0
// A family of small catalogs, and what the planner makes of going from one to the next.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/plan/planner.h"
#include "tests/unit/bpf/interleaving.h"

namespace holdfast::interleaving {

inline constexpr const char* kSong = "10.96.0.1";
inline constexpr const char* kImage = "10.96.0.2";

// For each of two services: the addresses it owns (none: no such service) and the last byte of its
// endpoints.
struct Small {
  std::vector<std::string> song_frontends;
  std::vector<int> song;
  std::vector<std::string> image_frontends;
  std::vector<int> image;
  int weight = 100;  // of song's first endpoint
};

std::vector<Small> family();
hf_frontend_key key_of(const std::string& address);

using Sabotage = std::function<void(Diff&)>;

inline constexpr std::size_t kNever = ~std::size_t{0};

struct Conditions {
  Sabotage sabotage = [](Diff&) {};
  // The daemon dies once, after so many operations, and a new one takes over from the maps.
  std::size_t dies_after = kNever;
  // Endpoints that left are collected after each catalog as if nothing were in flight, the worst
  // case for the reuse of ids; with this, only after the last, so that they may come back first.
  bool in_flight = false;
  Moves moves = Moves::stored;
};

// The steps from nothing through the catalogs.
struct Story {
  explicit Story(std::vector<Small> catalogs, Conditions conditions = {});

  // May a look-up of `address` that ran between these positions of the writer get this? An
  // endpoint must be of a service that owned the address, both at some moment of the look-up;
  // a miss or a refusal needs a moment when the address was unknown or its service empty.
  bool right(const std::string& address, const Outcome& outcome) const;

  std::vector<Step> steps;
  std::vector<Memory> memories;
  std::size_t operations = 0;

 private:
  bool add(Diff diff, std::size_t before, std::size_t after);  // false: died in it
  void reach(std::size_t state);
  std::pair<std::size_t, std::size_t> states_between(std::size_t first, std::size_t last) const;

  Conditions conditions_;
  std::size_t reached_ = 0;  // the last state whose diff was finished
  Image image_;
  std::optional<Planner> planner_;
  std::vector<Small> states_;                               // [0]: nothing
  std::vector<std::pair<std::size_t, std::size_t>> spans_;  // of each diff: state before, after
};

}  // namespace holdfast::interleaving
