// SPDX-License-Identifier: Apache-2.0
// A catalog, a reconciler and maps of a kind, with the referee beside them.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/dataplane/memory.h"
#include "agent/reconcile/reconciler.h"
#include "tests/unit/builders.h"
#include "tests/unit/plan/oracle.h"
#include "tests/unit/plan/referee.h"

namespace holdfast {

inline constexpr Capacity kReconcileRoom{64, 16, 40, 512, 80, 200};

// What waits is "unknown", or "empty", and no rule is broken by it: the referee knows no limits.
inline bool about_room(const std::string& rule) {
  return rule.find("is unknown for a moment") != std::string::npos ||
         rule.find("is empty for a moment") != std::string::npos;
}

template <class Maps>
class ReconcileFixture : public testing::Test {
 protected:
  void begin(Capacity capacity, Capacity limit) {
    catalog_.emplace(std::vector<SourceRank>{{"file"}}, 0);
    maps_.emplace(capacity, limit);
    referee_ = Referee();
    maps_->watch([this](const Op& operation, const Image&) { referee_.see(operation); });
    start();
  }
  void begin(Capacity capacity) { begin(capacity, capacity); }

  void start() {
    reconciler_.emplace(*maps_, [this] { return catalog_->all(); });
    ASSERT_TRUE(reconciler_->start());
  }

  Result<> say(const std::vector<ServicePtr>& now, const std::vector<std::string>& gone = {}) {
    std::vector<Admitted> admitted;
    for (const ServicePtr& one : now) admitted.push_back({one->key, one, false});
    for (const std::string& name : gone) admitted.push_back({{"default", name}, nullptr, true});
    const auto before = catalog_->all();
    const Generation generation = catalog_->apply("file", admitted);
    referee_.expect(before, catalog_->all());
    return reconciler_->apply(generation);
  }

  std::string serving() { return text(answered(maps_->image())); }
  std::string desired() const { return text(wanted(catalog_->all())); }

  std::optional<Catalog> catalog_;
  std::optional<Maps> maps_;
  std::optional<Reconciler> reconciler_;
  Referee referee_;
};

}  // namespace holdfast
