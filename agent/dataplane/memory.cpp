// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/memory.h"

#include "agent/dataplane/apply.h"

namespace holdfast {

Result<> MemoryDataplane::apply(const Diff& diff) {
  for (const Op& operation : diff.ops) {
    if (const auto* insert = std::get_if<op::InsertFrontend>(&operation)) {
      if (image_.frontends.size() >= capacity_.frontends &&
          !image_.frontends.contains(insert->key)) {
        return fail(Errc::exhausted, "map 'frontends' is full");
      }
    }
    apply_to(image_, operation);
    if (watcher_) watcher_(operation, image_);
  }
  return {};
}

Result<> MemoryDataplane::grow(const Capacity& room) {
  carry_stats(image_, image_);
  image_.stats = begin_stats(image_);
  capacity_ = room;
  ++set_;
  return {};
}

Result<hf_endpoint_stats> MemoryDataplane::stats(std::uint32_t endpoint) {
  if (endpoint >= capacity_.endpoints) return fail(Errc::invalid, "endpoint id out of range");
  return endpoint < image_.stats.size() ? image_.stats[endpoint] : hf_endpoint_stats{};
}

bool FaultyDataplane::strikes() {
  state_ ^= state_ << 13;  // xorshift32: the same faults for the same seed, on every machine
  state_ ^= state_ >> 17;
  state_ ^= state_ << 5;
  if (state_ % 100 >= percent_) return false;
  ++faults_;
  return true;
}

Result<Image> FaultyDataplane::observe() {
  if (strikes()) return fail(Errc::unavailable, "observe: a fault on purpose");
  return inner_.observe();
}

Result<> FaultyDataplane::grow(const Capacity& room) {
  if (strikes()) return fail(Errc::unavailable, "grow: a fault on purpose");
  return inner_.grow(room);
}

Result<> FaultyDataplane::apply(const Diff& diff) {
  for (const Op& operation : diff.ops) {
    if (strikes()) return fail(Errc::unavailable, "a fault on purpose, before the operation");
    if (auto applied = inner_.apply(Diff{{operation}}); !applied) return applied;
    if (strikes()) return fail(Errc::unavailable, "a fault on purpose, after the operation");
  }
  return {};
}

}  // namespace holdfast
