// SPDX-License-Identifier: Apache-2.0
// Reads the maps back in steps, each compared at once with what is desired by then. What a name
// names comes before it, so that repairs in this order never publish a half.
#pragma once

#include <cstdint>
#include <string>

#include "agent/base/result.h"
#include "agent/dataplane/dataplane.h"
#include "agent/plan/inspect.h"

namespace holdfast {

class Readback {
 public:
  explicit Readback(Dataplane& dataplane);

  // What the next few thousand elements differ in, and its repair.
  Result<Found> step(const Image& desired);
  bool done() const { return stage_ == kStages; }
  std::uint32_t set() const { return set_; }  // of which it is; its cursors mean nothing in another

 private:
  static constexpr std::uint32_t kElements = 16384;
  static constexpr std::size_t kArrays = 6, kPages = kArrays, kMissing = kArrays + 1,
                               kMeta = kArrays + 2, kStages = kArrays + 3;

  Result<Found> array_step(const Image& desired);
  Result<Found> page_step(const Image& desired);
  Result<Found> missing_step(const Image& desired);
  std::uint32_t room() const;  // of the array at hand
  void next_stage();

  Dataplane& dataplane_;
  std::uint32_t set_;
  std::size_t stage_ = 0;
  std::uint32_t next_ = 0;  // element of the array; bucket of the desired frontends
  std::string cursor_;
  std::size_t buckets_ = 0;
};

}  // namespace holdfast
