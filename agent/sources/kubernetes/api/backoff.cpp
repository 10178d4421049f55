// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/kubernetes/api/backoff.h"

#include <algorithm>

namespace holdfast::kubernetes {
namespace {

struct Row {
  std::chrono::milliseconds base, most;
};

// A refused connect costs the API nothing, and its return must be seen soon: 2 s at most. What the
// server has to work for waits up to 30 s.
constexpr Row kRows[kEndings] = {
    {std::chrono::milliseconds(20), std::chrono::milliseconds(5'000)},      // clean
    {std::chrono::milliseconds(50), std::chrono::milliseconds(30'000)},     // expired
    {std::chrono::milliseconds(50), std::chrono::milliseconds(10'000)},     // silent
    {std::chrono::milliseconds(100), std::chrono::milliseconds(2'000)},     // unreachable
    {std::chrono::milliseconds(100), std::chrono::milliseconds(10'000)},    // broken
    {std::chrono::milliseconds(500), std::chrono::milliseconds(30'000)},    // overloaded
    {std::chrono::milliseconds(500), std::chrono::milliseconds(10'000)},    // denied
    {std::chrono::milliseconds(2'000), std::chrono::milliseconds(5'000)},   // older
    {std::chrono::milliseconds(1'000), std::chrono::milliseconds(30'000)},  // foreign
    {std::chrono::milliseconds(200), std::chrono::milliseconds(30'000)},    // brief
};

constexpr const char* kWords[kEndings] = {"clean",   "expired",    "silent", "unreachable",
                                          "broken",  "overloaded", "denied", "older",
                                          "foreign", "brief"};

}  // namespace

const char* to_string(Ending ending) {
  return kWords[static_cast<std::size_t>(ending)];
}

std::chrono::milliseconds Backoff::next(Ending ending,
                                        std::optional<std::chrono::seconds> retry_after,
                                        std::mt19937_64& random) {
  const auto index = static_cast<std::size_t>(ending);
  const Row& row = kRows[index];
  const unsigned doublings = std::min(tries_[index]++, 16u);
  const auto bound = std::min(row.most, row.base * (std::int64_t{1} << doublings));
  const auto upto = [&random](Milliseconds most) {
    return Milliseconds(std::uniform_int_distribution<std::int64_t>(0, most.count())(random));
  };
  if (!retry_after) return upto(bound);
  const Milliseconds least = *retry_after;
  return std::max(least + upto(least / 4), upto(bound));
}

}  // namespace holdfast::kubernetes
