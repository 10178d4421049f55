// SPDX-License-Identifier: Apache-2.0
// Every interleaving of one look-up (bpf/lib/lookup.h itself) with the steps of a writer.
//
// It has loads of its own, not those of agent/dataplane/lookup.h: an image stands still, and here
// each load has its own moment, an element of the hash is an object that is recycled, and an
// endpoint is copied in three loads, as the kernel does it.
//
// The writer is a list of primitive stores made from the planner's diffs; the memory after each is
// kept. A look-up is a sequence of loads, each at a position not before the last one's. Two rules
// of the kernel are modelled: a hash element is recycled at once, also under a reader that found
// it; and a grace period is not passed by a reader that began before it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/dataplane/image.h"
#include "bpf/lib/outcome.h"

namespace holdfast::interleaving {

struct Memory {
  struct Element {
    hf_frontend_key key{};
    std::uint32_t word = 0;
  };
  std::vector<Element> elements;
  std::map<std::string, std::size_t> table;  // key bytes -> element
  std::vector<std::size_t> free;             // last freed, first reused
  std::vector<hf_pool> pools = std::vector<hf_pool>(12);
  std::vector<std::uint32_t> slots = std::vector<std::uint32_t>(64);
  std::vector<hf_endpoint> endpoints = std::vector<hf_endpoint>(12);

  void set(const hf_frontend_key& key, std::uint32_t word);
  void store(const hf_frontend_key& key, std::uint32_t word);  // into the element that is there
  void erase(const hf_frontend_key& key);
};

struct Step {
  std::function<void(Memory&)> store;
  bool grace = false;
  std::size_t diff = 0;  // which of the diffs it belongs to
};

// How an address moves: by a store into its element; by another element and a grace period, where
// the kernel has no program for it; or by the latter without the grace period, which is wrong.
enum class Moves { stored, replaced, careless };

// The primitive stores of one diff, word by word where the kernel's writer is not atomic.
void append_steps(const Diff& diff, std::size_t number, Moves moves, std::vector<Step>& steps);
// [n]: after the first n steps.
std::vector<Memory> run_writer(const std::vector<Step>& steps);

// What a look-up got: "ip:port", "miss", "refuse", or "counter N" for a fault; and between which
// positions of the writer it ran.
struct Outcome {
  std::string answer;
  std::size_t first = 0;
  std::size_t last = 0;
  hf_socket socket{};  // the handle a program would store
  hf_endpoint target{};
};

struct Reader {
  // Breaks a rule of reading on purpose: first slot and count each at its own moment.
  bool torn_pool_word = false;
  // The endpoint of the first slot is left out, and another slot chosen.
  bool chooses_twice = false;
  // Also the positions at which a load finds what it found at an earlier one. Such a schedule gets
  // the same answer in a longer time, so by default only the earliest of equals is run.
  bool every_position = false;
};

// Runs every schedule of a look-up of `key`; returns how many there were.
std::uint64_t explore(const std::vector<Step>& steps, const std::vector<Memory>& memories,
                      const hf_frontend_key& key, const Reader& reader,
                      const std::function<void(const Outcome&)>& judge);

}  // namespace holdfast::interleaving
