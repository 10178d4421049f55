// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/store.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "holdfast/abi/store.h"

// clang-format off: the skeleton needs the types
#include "store.skel.h"
// clang-format on

namespace holdfast::kernel {

void FrontendStore::Unload::operator()(hf_store_bpf* skeleton) const {
  hf_store_bpf__destroy(skeleton);
}

void FrontendStore::load() {
  tried_ = true;
  std::unique_ptr<hf_store_bpf, Unload> skeleton(hf_store_bpf__open());
  if (!skeleton || bpf_map__reuse_fd(skeleton->maps.frontends, map_) != 0) return;
  if (hf_store_bpf__load(skeleton.get()) == 0) skeleton_ = std::move(skeleton);
}

bool FrontendStore::set(const hf_frontend_key& key, std::uint32_t word) {
  if (!tried_) load();
  if (!skeleton_) return false;
  hf_frontend_store order{key, word};
  LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &order, .ctx_size_in = sizeof order);
  const int program = bpf_program__fd(skeleton_->progs.hf_store_frontend);
  return ::bpf_prog_test_run_opts(program, &options) == 0 && options.retval == 0;
}

}  // namespace holdfast::kernel
