// SPDX-License-Identifier: Apache-2.0
// The maps and programs, behind an interface with three implementations: the kernel
// (dataplane/kernel/), memory (no root), and a wrapper that fails on purpose.
// Used from one thread, but for Growth::run(). Every operation is idempotent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/dataplane/image.h"

namespace holdfast {

struct MapStatus {
  std::string name;
  std::uint64_t used = 0;
  std::uint64_t capacity = 0;
};

struct CounterValue {
  std::string name;  // as in include/holdfast/abi/counters.h
  std::uint64_t value = 0;
};

struct EndpointHandle {
  std::uint32_t id = 0;
  std::uint32_t incarnation = 0;
};

// A move to a larger set of maps with the same content. Ids keep their meaning, the counters of the
// stats begin anew and the bases in the names with them. It must not outlive the dataplane.
class Growth {
 public:
  virtual ~Growth() = default;
  // All of the move: what the larger set holds. May be called on another thread: meanwhile the maps
  // may be read, and nothing is applied, nor attached.
  virtual Result<Image> run() = 0;
  // Once it has run, on the dataplane's thread, also after an error: from here on the dataplane is
  // that of the set that serves, the larger one or (after an error before it did) the old one.
  virtual void finish() = 0;
};

class Dataplane {
 public:
  virtual ~Dataplane() = default;
  virtual Capacity capacity() const = 0;
  virtual Capacity limit() const = 0;     // how far growth() may go; may be below capacity()
  virtual std::uint32_t set() const = 0;  // the number of the set that serves
  // Nothing of `room` is below capacity(). One at a time.
  virtual std::unique_ptr<Growth> growth(const Capacity& room) = 0;
  Result<> grow(const Capacity& room) {  // at once
    const auto larger = growth(room);
    const auto moved = larger->run();
    larger->finish();
    return moved ? Result<>{} : tl::unexpected(moved.error());
  }
  // Reads the maps by system call, never through the writer's own mmap.
  virtual Result<Image> observe() = 0;
  // The same in parts. Elements [first, first + count) as far as there is room for them, and the
  // vectors of the image begin with `first`.
  virtual Result<Image> observe(Part part, std::uint32_t first, std::uint32_t count) = 0;
  // A cursor of "" begins. What changes between two pages may be missed, or be on both.
  virtual Result<FrontendPage> frontends(const std::string& cursor) = 0;
  virtual Result<std::optional<std::uint32_t>> frontend(const hf_frontend_key& key) = 0;
  // Performs the operations in order; stops at the first failure, and says which.
  virtual Result<> apply(const Diff& diff) = 0;
  virtual Result<hf_endpoint_stats> stats(std::uint32_t endpoint) = 0;
  // How many sockets are connected to each, by walking all that are redirected, in one system
  // call for up to a million; for up to HF_LIVE_MOST endpoints that no pool names any more. A grace
  // period comes after the walk: a close that it did not see is in the stats that are read next, if
  // it is counted at all.
  virtual Result<std::vector<std::uint32_t>> live(const std::vector<EndpointHandle>& endpoints) = 0;
  virtual Result<std::vector<CounterValue>> counters() = 0;
};

}  // namespace holdfast
