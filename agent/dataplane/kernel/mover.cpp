// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/mover.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <memory>

#include "agent/dataplane/kernel/programs.h"
#include "holdfast/abi/socket.h"
// clang-format off: the skeleton needs the types
#include "move.skel.h"
// clang-format on

namespace holdfast::kernel {
namespace {

using Mover = std::unique_ptr<move, decltype(&move__destroy)>;

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

// The program runs for every socket while the iterator is read, and writes nothing to the reader.
Result<> run_through(const bpf_program* program, int map) {
  bpf_iter_link_info info{};
  info.map.map_fd = static_cast<__u32>(map);
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof info);
  const std::unique_ptr<bpf_link, int (*)(bpf_link*)> link(
      bpf_program__attach_iter(program, &options), bpf_link__destroy);
  if (!link) return load_failure(errno, "attach the copier of sockets");
  const Fd reader(::bpf_iter_create(bpf_link__fd(link.get())));
  if (!reader) return fail_errno(errno, "run the copier of sockets");
  char nothing[64];
  ssize_t status = 0;
  do {
    status = ::read(reader.get(), nothing, sizeof nothing);
  } while (status > 0 || (status < 0 && (errno == EAGAIN || errno == EINTR)));
  return status == 0 ? Result<>{} : fail_errno(errno, "run the copier of sockets");
}

}  // namespace

Result<> move_sockets(const Maps& from, const Maps& to) {
  Mover mover(move__open(), move__destroy);
  if (!mover) return load_failure(errno, "open the copier of sockets");
  auto rows = set_rows(mover, from.schema.of("sockets"), to.schema.of("sockets"));
  if (!rows) return rows;
  if (const int status = bpf_map__reuse_fd(mover->maps.move_to, to.fd("sockets")); status != 0) {
    return fail_errno(-status, "reuse map 'sockets'");
  }
  if (const int status = move__load(mover.get()); status != 0) {
    return load_failure(-status, "load the copier of sockets");
  }
  return run_through(mover->progs.hf_move_sockets, from.fd("sockets"));
}

}  // namespace holdfast::kernel
