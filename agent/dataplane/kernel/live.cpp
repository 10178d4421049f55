// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/live.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <memory>

#include "agent/dataplane/kernel/iterate.h"
#include "agent/dataplane/kernel/programs.h"
#include "holdfast/abi/live.h"
// clang-format off: the skeleton needs the types
#include "live.skel.h"
// clang-format on

namespace holdfast::kernel {

Result<std::vector<std::uint32_t>> count_live(const Maps& maps,
                                              const std::vector<EndpointHandle>& endpoints) {
  if (const auto& may = may_iterate(); !may) return tl::unexpected(may.error());
  const std::unique_ptr<hf_live_bpf, decltype(&hf_live_bpf__destroy)> counter(
      hf_live_bpf__open_and_load(), hf_live_bpf__destroy);
  if (!counter) return load_failure(errno, "load the counter of sockets");
  const int asked = bpf_map__fd(counter->maps.asked);
  for (const EndpointHandle& one : endpoints) {
    const hf_live question{one.incarnation, 0};
    if (::bpf_map_update_elem(asked, &one.id, &question, BPF_ANY) != 0)
      return fail_errno(errno, "write the question of the counter of sockets");
  }
  if (auto run =
          run_for_sockets(counter->progs.hf_count_live, maps.fd("sockets"), "counter of sockets");
      !run)
    return tl::unexpected(run.error());
  std::vector<std::uint32_t> sockets;
  sockets.reserve(endpoints.size());
  for (const EndpointHandle& one : endpoints) {
    hf_live answer{};
    if (::bpf_map_lookup_elem(asked, &one.id, &answer) != 0)
      return fail_errno(errno, "read the answer of the counter of sockets");
    sockets.push_back(answer.sockets);
  }
  return sockets;
}

}  // namespace holdfast::kernel
