// SPDX-License-Identifier: Apache-2.0
// A planner whose every diff passes the referee and the oracle.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/plan/planner.h"
#include "tests/unit/builders.h"
#include "tests/unit/plan/oracle.h"
#include "tests/unit/plan/referee.h"

namespace holdfast {

inline constexpr Capacity kRoomy{64, 16, 40, 4096, 80, 200};

// The kinds in their order, repeats as one: "names endpoints slots pool insert meta".
inline std::string kinds(const Diff& diff) {
  static constexpr const char* kKinds[] = {"string", "service", "poolname", "endpoint", "name",
                                           "retire", "slots",   "pool",     "insert",   "update",
                                           "delete", "grace",   "meta"};
  std::string result;
  std::size_t last = std::variant_npos;
  for (const Op& operation : diff.ops) {
    if (operation.index() != last)
      result += std::string(result.empty() ? "" : " ") + kKinds[operation.index()];
    last = operation.index();
  }
  return result;
}

template <class T>
std::vector<T> all_of(const Diff& diff) {
  std::vector<T> result;
  for (const Op& operation : diff.ops) {
    if (const auto* one = std::get_if<T>(&operation)) result.push_back(*one);
  }
  return result;
}

class PlannerTest : public testing::Test {
 protected:
  void SetUp() override { start(kRoomy); }

  void start(Capacity capacity) {
    planner_.emplace(*Planner::adopt(Image{}, capacity));
    referee_ = Referee();
    services_.clear();
    number_ = 0;
  }

  // nullptr by name: gone.
  Result<Diff> change(const std::vector<ServicePtr>& now,
                      const std::vector<std::string>& gone = {}) {
    const auto before = services_;
    Generation generation{++number_, {}};
    for (const ServicePtr& one : now) generation.changes.push_back({one->key, one, "file"});
    for (const std::string& name : gone)
      generation.changes.push_back({{"default", name}, nullptr, "file"});
    auto diff = planner_->plan(generation);
    if (!diff) return diff;
    for (const CatalogChange& one : generation.changes) {
      std::erase_if(services_, [&](const CatalogChange& known) { return known.key == one.key; });
      if (one.now) services_.push_back(one);
    }
    referee_.expect(before, services_);
    referee_.see(*diff);
    EXPECT_THAT(referee_.broken(), testing::IsEmpty());
    EXPECT_EQ(text(answered(referee_.image())), text(wanted(services_)));
    return diff;
  }

  Diff collect(bool idle) {
    hf_endpoint_stats stats{};
    stats.connects = idle ? 0 : 1;
    Diff diff = planner_->collect([&](std::uint32_t) { return stats; });
    referee_.see(diff);
    return diff;
  }

  std::uint32_t id_of(const std::string& address) const {
    const auto& endpoints = referee_.image().endpoints;
    for (std::uint32_t id = 1; id < endpoints.size(); ++id) {
      if (endpoints[id].incarnation &&
          IpAddress::from_abi(endpoints[id].addr).to_string() == address)
        return id;
    }
    return 0;
  }

  std::optional<Planner> planner_;
  Referee referee_;
  std::vector<CatalogChange> services_;
  std::uint64_t number_ = 0;
};

inline ServicePtr song(std::vector<std::string> endpoints) {
  return build::service("song", {"10.96.0.1"}, std::move(endpoints));
}

}  // namespace holdfast
