// SPDX-License-Identifier: Apache-2.0
#include "agent/reconcile/backlog.h"

#include <algorithm>

#include "agent/model/ready.h"

namespace holdfast {
namespace {

// A service costs something without endpoints, too; of one that goes it is not known how many.
constexpr std::size_t kService = 4, kRemoval = 16;

std::size_t weight_of(const CatalogChange& change) {
  return change.now ? kService + endpoint_count(*change.now) : kRemoval;
}

}  // namespace

void Backlog::add(const Generation& generation) {
  number_ = generation.number;
  looked_ = false;
  for (const CatalogChange& change : generation.changes) {
    const auto [at, added] = waiting_.try_emplace(change.key, change);
    if (!added) {
      weight_ -= weight_of(at->second);
      at->second = change;
    }
    weight_ += weight_of(change);
  }
}

void Backlog::clear() {
  waiting_.clear();
  weight_ = 0;
}

Backlog::Newcomers Backlog::newcomers(const Planner& planner) const {
  Newcomers result;
  for (const auto& [key, change] : waiting_) {
    if (!change.now || planner.knows(key)) continue;
    ++result.services;
    result.endpoints += endpoint_count(*change.now);
  }
  return result;
}

void Backlog::take(std::map<ServiceKey, CatalogChange>::iterator& at, Generation& into) {
  weight_ -= weight_of(at->second);
  into.changes.push_back(std::move(at->second));
  at = waiting_.erase(at);
}

Generation Backlog::next(const Planner& planner) {
  Generation piece{number_, {}};
  const std::size_t all = weight_;
  const bool at_once = all <= most_ || planner.strays();
  const auto enough = [&] { return !at_once && all - weight_ >= most_; };
  if (!at_once && !looked_) {
    for (const ServiceKey& key : planner.moving(waiting_)) {
      auto at = waiting_.find(key);
      take(at, piece);
    }
    looked_ = true;
  }
  for (const bool removals : {true, false}) {
    for (auto at = waiting_.begin(); at != waiting_.end() && !enough();) {
      if (removals == !at->second.now) {
        take(at, piece);
      } else {
        ++at;
      }
    }
  }
  piece.whole = waiting_.empty();
  std::sort(piece.changes.begin(), piece.changes.end(),
            [](const CatalogChange& a, const CatalogChange& b) { return a.key < b.key; });
  return piece;
}

}  // namespace holdfast
