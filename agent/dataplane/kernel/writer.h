// SPDX-License-Identifier: Apache-2.0
// Performs operations on the kernel maps: the one place that writes them. Private to this folder.
#pragma once

#include "agent/dataplane/image.h"
#include "agent/dataplane/kernel/grace.h"
#include "agent/dataplane/kernel/maps.h"
#include "agent/dataplane/kernel/store.h"

namespace holdfast::kernel {

class Writer {
 public:
  // `maps` must outlive the writer.
  static Result<Writer> open(const Maps& maps, const Capacity& capacity,
                             std::uint64_t netns_cookie);
  Result<> apply(const Diff& diff);
  // Everything of an image but its stats, of which only what was seen last; into maps that are
  // empty and that nothing reads.
  Result<> fill(const Image& image);
  Result<> grace() { return grace_.wait(); }
  hf_grace_mode grace_mode() const { return grace_.mode(); }

 private:
  friend struct Perform;
  // The content of a map.
  template <class T>
  Result<> copy(const char* map, const std::vector<T>& elements);
  Result<> copy(const char* map, const std::string& cells);
  Result<> copy(const char* map, const FrontendMap& frontends);
  Result<> copy(const char* map, const hf_meta& meta);
  Writer(const Maps& maps, const Capacity& capacity, std::uint64_t netns_cookie, Mappings mappings,
         Grace grace);

  const Maps* maps_;
  Capacity capacity_;
  std::uint64_t netns_cookie_;
  Mappings mappings_;
  Grace grace_;
  FrontendStore stores_;
};

}  // namespace holdfast::kernel
