// SPDX-License-Identifier: Apache-2.0
// Watches operations go by, and says which rule of updating one breaks (design: rules of updating).
// It knows nothing of the planner: only what is published, and what was unpublished since the last
// grace period and may therefore still be in the hands of a running program.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/dataplane/image.h"
#include "tests/unit/plan/oracle.h"

namespace holdfast {

class Referee {
 public:
  // `scarce`: not everything fits, so that what is picked may be lacking, and others serve in its
  // place.
  explicit Referee(Image begin = {}, bool scarce = false)
      : image_(std::move(begin)), scarce_(scarce) {
    for (std::uint32_t id = 0; id < image_.pools.size(); ++id)
      ranges_[id] = range_of(id, image_.pools[id]);
  }

  // The generations between which the maps move: two, or more where some were never finished. An
  // address may lead to what its pool of any of them holds in any; it is missing, or empty, only
  // where it is so in one of them.
  using State = std::vector<CatalogChange>;
  void expect(const std::vector<State>& states);
  void expect(const State& before, const State& after) { expect(std::vector{before, after}); }
  void see(const Op& operation);
  void see(const Diff& diff) {
    for (const Op& one : diff.ops) see(one);
  }

  const Image& image() const { return image_; }
  const std::vector<std::string>& broken() const { return broken_; }

 private:
  void judge(const Op& operation);
  void check_answers();
  void complain(const std::string& rule) { broken_.push_back(rule); }
  std::set<std::uint32_t> reachable() const;  // endpoint ids that a program may hold

  struct Range {
    std::uint32_t first = 0, length = 0;
  };
  // Which slots are the pool's, those that only the CLI reads included; its name is written.
  Range range_of(std::uint32_t pool, const hf_pool& value) const;
  Range current(std::uint32_t pool) const;
  bool named(std::uint32_t pool, const hf_pool& value) const;
  bool among_its_own(const op::PutSlots& slots, std::uint32_t pool) const;

  Image image_;
  bool scarce_;
  std::map<std::string, std::set<std::string>> allowed_;  // endpoints, by frontend
  std::set<std::string> may_be_missing_, may_be_empty_;   // frontends
  std::map<std::uint32_t, Range> ranges_;                 // of the pools' words
  // Since the last grace period:
  std::vector<Range> left_ranges_;
  std::set<std::uint32_t> left_pools_;  // no frontend leads there any more
  std::set<std::uint32_t> zeroed_pools_;
  std::set<std::uint32_t> retired_;
  bool element_freed_ = false;  // of the frontends hash
  std::map<std::uint32_t, std::uint32_t> last_incarnation_;
  std::vector<std::string> broken_;
};

}  // namespace holdfast
