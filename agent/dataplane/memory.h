// SPDX-License-Identifier: Apache-2.0
// The dataplane in memory: the same operations without a kernel, for tests without root.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "agent/dataplane/dataplane.h"

namespace holdfast {

class MemoryDataplane : public Dataplane {
 public:
  explicit MemoryDataplane(Capacity capacity) : MemoryDataplane(capacity, capacity) {}
  MemoryDataplane(Capacity capacity, Capacity limit) : capacity_(capacity), limit_(limit) {}

  Capacity capacity() const override { return capacity_; }
  Capacity limit() const override { return limit_; }
  std::uint32_t set() const override { return set_; }
  std::unique_ptr<Growth> growth(const Capacity& room) override;
  Result<Image> observe() override { return image_; }
  Result<Image> observe(Part part, std::uint32_t first, std::uint32_t count) override;
  Result<FrontendPage> frontends(const std::string& cursor) override;
  Result<std::optional<std::uint32_t>> frontend(const hf_frontend_key& key) override;
  Result<> apply(const Diff& diff) override;
  Result<hf_endpoint_stats> stats(std::uint32_t endpoint) override;
  // As the stats say, without the closes that were lost on purpose.
  Result<std::vector<std::uint32_t>> live(const std::vector<EndpointHandle>& endpoints) override;
  void lose_close(std::uint32_t endpoint) { ++lost_[endpoint]; }
  Result<std::vector<CounterValue>> counters() override { return std::vector<CounterValue>{}; }

  Image& image() { return image_; }  // for a test to count connects in, or to break
  // Called after each operation.
  void watch(std::function<void(const Op&, const Image&)> watcher) {
    watcher_ = std::move(watcher);
  }

 private:
  class Larger;
  Capacity capacity_, limit_;
  std::uint32_t set_ = 1;
  Image image_;
  std::map<std::uint32_t, std::uint32_t> lost_;
  std::function<void(const Op&, const Image&)> watcher_;
};

class FailedGrowth : public Growth {
 public:
  explicit FailedGrowth(std::string why) : why_(std::move(why)) {}
  Result<Image> run() override { return fail(Errc::unavailable, why_); }
  void finish() override {}

 private:
  std::string why_;
};

// Fails operations on purpose, before or after performing them, with a seeded chance.
class FaultyDataplane : public Dataplane {
 public:
  FaultyDataplane(Dataplane& inner, std::uint32_t seed, unsigned percent)
      : inner_(inner), state_(seed | 1), percent_(percent) {}

  Capacity capacity() const override { return inner_.capacity(); }
  Capacity limit() const override { return inner_.limit(); }
  std::uint32_t set() const override { return inner_.set(); }
  std::unique_ptr<Growth> growth(const Capacity& room) override;
  Result<Image> observe() override;
  Result<Image> observe(Part part, std::uint32_t first, std::uint32_t count) override;
  Result<FrontendPage> frontends(const std::string& cursor) override;
  Result<std::optional<std::uint32_t>> frontend(const hf_frontend_key& key) override {
    return inner_.frontend(key);
  }
  Result<> apply(const Diff& diff) override;
  Result<hf_endpoint_stats> stats(std::uint32_t endpoint) override {
    return inner_.stats(endpoint);
  }
  Result<std::vector<std::uint32_t>> live(const std::vector<EndpointHandle>& endpoints) override;
  Result<std::vector<CounterValue>> counters() override { return inner_.counters(); }

  void set_percent(unsigned percent) { percent_ = percent; }
  std::uint64_t faults() const { return faults_; }

 private:
  bool strikes();

  Dataplane& inner_;
  std::uint32_t state_;
  unsigned percent_;
  std::uint64_t faults_ = 0;
};

}  // namespace holdfast
