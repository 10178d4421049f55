// SPDX-License-Identifier: Apache-2.0
// What a pipeline is given in place of the loop, the kernel, the prober and a source.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/app/timers.h"
#include "agent/dataplane/hooks.h"
#include "agent/dataplane/memory.h"
#include "agent/health/probes.h"
#include "agent/sources/source.h"

namespace holdfast::scenario {

// Time that passes when it is told to: what falls due meanwhile is done in its order.
class ModelTimers : public Timers {
 public:
  std::chrono::steady_clock::time_point now() const override { return now_; }
  std::chrono::system_clock::time_point date() const override {
    return std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000)) +
           (now_ - kBegin);
  }
  std::unique_ptr<Timer> timer() override;
  void pass(std::chrono::steady_clock::duration duration);

 private:
  class One;
  static constexpr std::chrono::steady_clock::time_point kBegin{std::chrono::hours(1000)};

  std::chrono::steady_clock::time_point now_ = kBegin;
  std::uint64_t order_ = 0;
  using Due = std::pair<std::chrono::steady_clock::time_point, std::uint64_t>;
  std::map<Due, std::pair<One*, std::function<void()>>> queue_;
};

// Maps in memory that a script may break, and that remember which operations came.
class ModelMaps : public MemoryDataplane {
 public:
  using MemoryDataplane::MemoryDataplane;
  Result<> apply(const Diff& diff) override;

  bool broken = false;
  std::vector<std::string> operations;  // kinds, in order, each once for a row of them
};

class ModelHooks : public Hooks {
 public:
  Result<> attach() override {
    attached = true;
    return {};
  }
  Watched watch() override { return {}; }
  Result<> bypass(int /*socket_fd*/) override { return {}; }
  std::vector<ProgramStatus> programs() override;
  bool took_over() const override { return life > 1; }
  std::string unreadable() const override { return ""; }
  std::string cgroup_path() const override { return "/model"; }
  const std::vector<std::string>& warnings() const override { return none_; }
  std::string_view grace() const override { return "model"; }

  bool attached = false;
  int life = 0;

 private:
  std::vector<std::string> none_;
};

class ModelProbes : public Probes {
 public:
  void set_targets(const std::vector<ProbeTarget>& now) override { targets = now; }
  void set_controls(const std::vector<ProbeTarget>& /*outside*/) override {}
  void doubt_network() override {}
  Reach reach(bool /*v4*/) const override { return {}; }

  std::vector<ProbeTarget> targets;
};

// Says what the script has it say.
class ModelSource : public Source {
 public:
  ModelSource(std::string name, const Timers& timers) : name_(std::move(name)), timers_(timers) {}
  void start(Sink sink) override { sink_ = std::move(sink); }
  void stop() override { sink_ = nullptr; }
  SourceStatus status() const override;
  void heard(const Feedback& feedback) override { feedbacks.push_back(feedback); }
  std::string memory() const override { return "the way"; }
  std::string cluster() const override { return "a cluster"; }
  void restore(const std::string& memory) override { restored = memory; }
  void say(SourceUpdate update);

  std::vector<Feedback> feedbacks;
  std::string restored;

 private:
  std::string name_;
  const Timers& timers_;
  Sink sink_;
  std::optional<std::chrono::system_clock::time_point> said_;
};

}  // namespace holdfast::scenario
