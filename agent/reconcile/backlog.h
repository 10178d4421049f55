// SPDX-License-Identifier: Apache-2.0
// What is desired and not applied yet, taken in pieces, so that no turn of the loop is long. Of a
// service the newest word alone waits: an older one never overtakes it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include "agent/catalog/catalog.h"
#include "agent/plan/planner.h"

namespace holdfast {

class Backlog {
 public:
  // Endpoints in a piece, more or less: some ten milliseconds of planning and writing.
  static constexpr std::size_t kMost = 8192;

  explicit Backlog(std::size_t most = kMost) : most_(most) {}

  void add(const Generation& generation);
  void clear();
  bool empty() const { return waiting_.empty(); }
  bool large() const { return weight_ > most_; }  // more than one piece

  struct Newcomers {
    std::size_t services = 0;
    std::size_t endpoints = 0;
  };
  // Services that wait and are not in the maps.
  Newcomers newcomers(const Planner& planner) const;

  // The next piece; all there is where that is no more than one. What moves an address from one
  // service to another comes first, and in one piece however much it is: between two pieces the
  // address would lead nowhere. Removals are next: what they leave is room. The last piece is
  // `whole`.
  Generation next(const Planner& planner);

 private:
  void take(std::map<ServiceKey, CatalogChange>::iterator& at, Generation& into);

  std::size_t most_;
  std::uint64_t number_ = 0;
  std::size_t weight_ = 0;
  std::map<ServiceKey, CatalogChange> waiting_;
  bool looked_ = false;  // for moves, since the last add()
};

}  // namespace holdfast
