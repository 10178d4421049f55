// SPDX-License-Identifier: Apache-2.0
// Stores into elements of the frontends' hash. Private to this folder.
#pragma once

#include <cstdint>
#include <memory>

#include "holdfast/abi/frontend.h"

struct hf_store_bpf;  // the skeleton

namespace holdfast::kernel {

class FrontendStore {
 public:
  explicit FrontendStore(int frontends) : map_(frontends) {}

  // false: nothing is stored. The key is not there, or the kernel (before 5.14) has no programs of
  // the kind. Loads the program at the first call: most lives never move an address.
  bool set(const hf_frontend_key& key, std::uint32_t word);

 private:
  void load();

  struct Unload {
    void operator()(hf_store_bpf* skeleton) const;
  };
  int map_;
  bool tried_ = false;
  std::unique_ptr<hf_store_bpf, Unload> skeleton_;
};

}  // namespace holdfast::kernel
