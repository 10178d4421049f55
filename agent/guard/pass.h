// SPDX-License-Identifier: Apache-2.0
// An update's way through a guard, stage by stage and in steps. Private to agent/guard.
#pragma once

#include <cstddef>
#include <limits>
#include <set>
#include <vector>

#include "agent/guard/guard.h"
#include "agent/guard/state.h"

namespace holdfast {

class GuardPass {
 public:
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

  // Both are borrowed.
  GuardPass(Guard::State& state, const SourceUpdate& update, TimePoint now);
  // Without the source's word, for judge() and thresholds() alone.
  GuardPass(Guard::State& state, TimePoint now) : state_(state), now_(now) {}

  // Goes on with about `share` services and endpoints; false: all stages are done.
  bool step(std::size_t share);
  // What changed by it.
  std::vector<Admitted> take() { return std::move(result_); }

  void judge(const ServiceKey& key, const ServicePtr& said, const Grounds& grounds);
  void thresholds();

 private:
  // A stage gathers its items, and then looks at each.
  struct Stage {
    void (GuardPass::*begin)();
    void (GuardPass::*look)(std::size_t index);
  };
  static const std::vector<Stage>& stages();

  void every_change();
  void claim(std::size_t index);
  void every_change_again();
  void judge_change(std::size_t index);
  void contested();
  void judge_contested(std::size_t index);
  void held_in_parts();
  void judge_in_parts(std::size_t index);
  void restored();
  void judge_restored(std::size_t index);
  void accidents();
  void newcomers();
  void confirm(std::size_t index);
  void absent_from_list();
  void count_absence(std::size_t index);
  void sweep();

  bool undoubted_list() const { return update_->list && update_->doubts.empty(); }
  bool in_parts() const { return !update_->confirmed_origins.empty(); }
  void judge_again(const ServiceKey& key, const Grounds& grounds);
  void take(std::optional<Admitted> admitted);

  Guard::State& state_;
  const SourceUpdate* update_ = nullptr;
  TimePoint now_;
  std::vector<Admitted> result_;
  std::vector<ServicePtr> to_judge_;  // of each change, what is judged now
  std::set<ServiceKey> judged_;
  std::set<IpAddress> contested_;
  // Of the stage in hand.
  std::size_t stage_ = 0, at_ = 0, count_ = 0;
  std::vector<ServiceKey> keys_;
  std::size_t spent_ = 0;  // of the step's share
  bool begun_ = false;
};

}  // namespace holdfast
