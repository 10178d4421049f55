// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/model.h"

#include <variant>

#include "holdfast/abi/pins.h"

namespace holdfast::scenario {

class ModelTimers::One : public Timer {
 public:
  explicit One(ModelTimers& timers) : timers_(timers) {}
  ~One() override { cancel(); }
  void after(std::chrono::steady_clock::duration delay, std::function<void()> work) override {
    cancel();
    timers_.queue_[{timers_.now_ + delay, timers_.order_++}] = {this, std::move(work)};
  }
  void cancel() override {
    std::erase_if(timers_.queue_, [this](const auto& due) { return due.second.first == this; });
  }

 private:
  ModelTimers& timers_;
};

std::unique_ptr<Timer> ModelTimers::timer() {
  return std::make_unique<One>(*this);
}

void ModelTimers::pass(std::chrono::steady_clock::duration duration) {
  const auto end = now_ + duration;
  while (!queue_.empty() && queue_.begin()->first.first <= end) {
    const auto first = queue_.begin();
    now_ = std::max(now_, first->first.first);
    const auto work = std::move(first->second.second);
    queue_.erase(first);
    work();
  }
  now_ = end;
}

namespace {

// As in agent/dataplane/image.h, in the order of the variant.
constexpr const char* kOperations[] = {
    "PutString",      "PutServiceName", "PutPoolName", "PutEndpoint",    "PutEndpointName",
    "RetireEndpoint", "PutSlots",       "StorePool",   "InsertFrontend", "UpdateFrontend",
    "DeleteFrontend", "Grace",          "PutMeta"};
static_assert(std::size(kOperations) == std::variant_size_v<Op>);

}  // namespace

Result<> ModelMaps::apply(const Diff& diff) {
  if (broken && !diff.empty()) return fail(Errc::unavailable, "the maps are broken");
  for (const Op& operation : diff.ops) {
    const std::string kind = kOperations[operation.index()];
    if (operations.empty() || operations.back() != kind) operations.push_back(kind);
  }
  return MemoryDataplane::apply(diff);
}

std::vector<ProgramStatus> ModelHooks::programs() {
  std::vector<ProgramStatus> rows;
#define HF_ROW(object, name, section) rows.push_back({#name, attached, attached, ""});
  HF_PROGRAMS(HF_ROW)
#undef HF_ROW
  return rows;
}

SourceStatus ModelSource::status() const {
  SourceStatus status;
  status.name = name_;
  status.kind = "model";
  status.state = said_ ? SourceState::current : SourceState::starting;
  status.last_confirmed = said_;
  return status;
}

void ModelSource::say(SourceUpdate update) {
  said_ = timers_.date();
  update.source = name_;
  update.received = timers_.now();
  if (sink_) sink_(std::move(update));
}

}  // namespace holdfast::scenario
