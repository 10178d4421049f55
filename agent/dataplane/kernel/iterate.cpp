// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/iterate.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "agent/base/fd.h"
#include "agent/dataplane/kernel/programs.h"
#include "holdfast/abi/live.h"
#include "holdfast/abi/socket.h"
// clang-format off: the skeleton needs the types
#include "live.skel.h"
// clang-format on

namespace holdfast::kernel {

namespace {

Result<> try_one() {
  const std::unique_ptr<hf_live_bpf, decltype(&hf_live_bpf__destroy)> one(
      hf_live_bpf__open_and_load(), hf_live_bpf__destroy);
  if (one || errno != EPERM) return {};
  return fail(Errc::denied,
              "this kernel refuses programs that walk the states of sockets "
              "(iter/bpf_sk_storage_map: EPERM)");
}

}  // namespace

const Result<>& may_iterate() {
  static const Result<> answer = try_one();
  return answer;
}

Result<> run_for_sockets(const bpf_program* program, int map, const std::string& name) {
  bpf_iter_link_info info{};
  info.map.map_fd = static_cast<__u32>(map);
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof info);
  const std::unique_ptr<bpf_link, int (*)(bpf_link*)> link(
      bpf_program__attach_iter(program, &options), bpf_link__destroy);
  if (!link) return load_failure(errno, "attach the " + name);
  const Fd reader(::bpf_iter_create(bpf_link__fd(link.get())));
  if (!reader) return fail_errno(errno, "run the " + name);
  char nothing[64];
  ssize_t status = 0;
  do {
    status = ::read(reader.get(), nothing, sizeof nothing);
  } while (status > 0 || (status < 0 && (errno == EAGAIN || errno == EINTR)));
  return status == 0 ? Result<>{} : fail_errno(errno, "run the " + name);
}

}  // namespace holdfast::kernel
