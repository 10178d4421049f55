// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/mover.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <iterator>
#include <memory>

#include "agent/dataplane/kernel/iterate.h"
#include "agent/dataplane/kernel/programs.h"
#include "holdfast/abi/socket.h"
// clang-format off: the skeleton needs the types
#include "move.skel.h"
// clang-format on

namespace holdfast::kernel {
namespace {

using Mover = std::unique_ptr<hf_move_bpf, decltype(&hf_move_bpf__destroy)>;

// Programs have no loops here that the verifier could not count: rows, sizes and states are
// bounded.
constexpr std::uint32_t kLargestField = 16, kLargestState = 128;

Result<> set_rows(Mover& mover, const ElementLayout& from, const ElementLayout& to) {
  auto& rows = mover->rodata->hf_rows;
  std::size_t count = 0;
  for (const Field& field : to.fields) {
    const Field* theirs = from.find(field.name);
    if (!theirs) continue;
    if (count == std::size(rows) || field.size > kLargestField || to.size > kLargestState) {
      return fail(Errc::incompatible, "the state of sockets is too large to be moved");
    }
    rows[count].from = theirs->offset;
    rows[count].to = field.offset;
    rows[count++].size = field.size;
  }
  return {};
}

}  // namespace

Result<> move_sockets(const Maps& from, const Maps& to, const std::string& storage) {
  Mover mover(hf_move_bpf__open(), hf_move_bpf__destroy);
  if (!mover) return load_failure(errno, "open the copier of sockets");
  auto rows = set_rows(mover, from.schema.of(storage), to.schema.of(storage));
  if (!rows) return rows;
  if (const int status = bpf_map__reuse_fd(mover->maps.move_to, to.fd(storage)); status != 0) {
    return fail_errno(-status, "reuse map '" + storage + "'");
  }
  if (const int status = hf_move_bpf__load(mover.get()); status != 0) {
    return load_failure(-status, "load the copier of sockets");
  }
  return run_for_sockets(mover->progs.hf_move_sockets, from.fd(storage), "copier of sockets");
}

}  // namespace holdfast::kernel
