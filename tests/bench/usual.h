// SPDX-License-Identifier: Apache-2.0
// The usual layout's side: tests/bench/bpf/usual.bpf.c and how its maps are filled. Also the empty
// hooks.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>

#include "tests/bench/catalog.h"

namespace holdfast::bench {

class Usual {
 public:
  explicit Usual(Size size);
  ~Usual();

  // Fills the LRU with sockets that are gone: after a day on a node it is always full, and a write
  // takes an old element's place.
  void age();
  // One system call for each element, or 64k elements a call where the kernel can.
  void fill(bool batch, std::uint16_t endpoint_port);
  std::uint64_t memory() const;  // of the maps that are filled, without the LRU

  bpf_program* lookups() const;
  bpf_program* lookups_and_lru() const;
  bpf_program* empty4() const;
  bpf_program* empty6() const;

 private:
  struct Skeleton;
  Size size_;
  std::unique_ptr<Skeleton> skeleton_;
};

}  // namespace holdfast::bench
