// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/host.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "agent/base/fd.h"
#include "agent/dataplane/kernel/grace.h"
#include "agent/dataplane/kernel/kernel.h"
#include "agent/dataplane/kernel/links.h"
#include "agent/dataplane/kernel/pins.h"
#include "agent/dataplane/kernel/programs.h"
#include "agent/host/system.h"
#include "holdfast/abi/base.h"
#include "holdfast/abi/names.h"

namespace holdfast {

using namespace kernel;
using host::Answer;

namespace {

int silent(libbpf_print_level, const char*, va_list) {
  return 0;
}

struct Hook {
  bpf_prog_type type;
  bpf_attach_type attach;
};

Hook hook_of(const ProgramRow& row) {
  Hook hook{};
  (void)::libbpf_prog_type_by_name(row.section.c_str(), &hook.type, &hook.attach);
  return hook;
}

// Loads "return 1" for the hook: EINVAL is a kernel that does not know it.
Answer offers(const Hook& hook) {
  const bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 1},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = hook.attach);
  const Fd fd(::bpf_prog_load(hook.type, "hf_probe", "GPL", program, 2, &options));
  if (fd) return Answer::yes;
  return errno == EPERM || errno == EACCES ? Answer::unknown : Answer::no;
}

// Bad descriptors on purpose: a kernel that has the command complains of them (EBADF).
Answer has_links() {
  if (::bpf_link_create(-1, -1, BPF_CGROUP_INET4_CONNECT, nullptr) >= 0) return Answer::unknown;
  if (errno == EBADF) return Answer::yes;
  return errno == EPERM ? Answer::unknown : Answer::no;
}

Answer has_set_retval(Answer programs) {
  if (programs != Answer::yes) return programs;
  const int found =
      ::libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval, nullptr);
  return found < 0 ? Answer::unknown : found == 1 ? Answer::yes : Answer::no;
}

std::string program_name(std::uint32_t id) {
  const Fd fd(::bpf_prog_get_fd_by_id(id));
  bpf_prog_info info{};
  __u32 length = sizeof info;
  if (!fd || ::bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) return "";
  return info.name;
}

struct Query {
  std::vector<std::uint32_t> ids;
  std::uint32_t flags = 0;  // BPF_F_ALLOW_*
  int error = 0;
};

Query query(int cgroup, bpf_attach_type attach, std::uint32_t how) {
  Query result;
  result.ids.resize(64);  // BPF_CGROUP_MAX_PROGS
  auto count = static_cast<__u32>(result.ids.size());
  if (::bpf_prog_query(cgroup, attach, how, &result.flags, result.ids.data(), &count) != 0) {
    result.error = errno;
    count = 0;
  }
  result.ids.resize(std::min<std::size_t>(count, result.ids.size()));
  return result;
}

std::set<std::uint32_t> own_programs(const Pins& pins) {
  std::set<std::uint32_t> ids;
  for (const ProgramRow& row : linked_rows()) {
    const Fd fd(::bpf_obj_get(pins.link(row.name).c_str()));
    bpf_link_info info{};
    __u32 length = sizeof info;
    if (fd && ::bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0) ids.insert(info.prog_id);
  }
  return ids;
}

// Attached so that the kernel refuses ours beside it (hierarchy_allows_attach): here without
// ALLOW_MULTI, or above with neither flag.
bool exclusive_above(const std::string& cgroup, bpf_attach_type attach) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::uint32_t allowing = BPF_F_ALLOW_MULTI;
  for (fs::path at = fs::canonical(cgroup, error); !error && at.has_relative_path();
       at = at.parent_path(), allowing = BPF_F_ALLOW_MULTI | BPF_F_ALLOW_OVERRIDE) {
    struct statfs info {};
    if (::statfs(at.c_str(), &info) != 0 ||
        static_cast<unsigned long>(info.f_type) != CGROUP2_SUPER_MAGIC)
      return false;
    const Fd fd(::open(at.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const Query direct = query(fd.get(), attach, 0);
    if (!direct.ids.empty()) return !(direct.flags & allowing);
  }
  return false;
}

void read_foreign(const Pins& pins, host::CgroupFacts& facts) {
  const Fd cgroup(::open(facts.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::set<std::uint32_t> own = own_programs(pins);
  for (const ProgramRow& row : linked_rows()) {
    const Hook hook = hook_of(row);
    const Query effective = query(cgroup.get(), hook.attach, BPF_F_QUERY_EFFECTIVE);
    if (effective.error == EINVAL) continue;  // the hook is not offered: told elsewhere
    if (effective.error != 0) {
      facts.query_problem = std::strerror(effective.error);
      return;
    }
    const bool exclusive = effective.ids.size() == 1 && exclusive_above(facts.path, hook.attach);
    const auto ours = std::find_if(effective.ids.begin(), effective.ids.end(),
                                   [&](std::uint32_t id) { return own.contains(id); });
    for (auto one = effective.ids.begin(); one != effective.ids.end(); ++one) {
      if (own.contains(*one)) continue;
      facts.foreign.push_back({row.section, *one, program_name(*one), exclusive,
                               ours != effective.ids.end() && one < ours});
    }
  }
}

void read_meta(const std::string& path, host::PinFacts& facts) {
  const Fd fd(::bpf_obj_get(path.c_str()));
  if (!fd) {
    facts.problem = path + ": " + std::strerror(errno);
    return;
  }
  bpf_map_info info{};
  __u32 length = sizeof info;
  if (::bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) return;
  // Another version's may be longer; what is read stands first in all.
  std::vector<char> value(std::max<std::size_t>(info.value_size, sizeof(hf_meta)));
  const __u32 key = 0;
  if (::bpf_map_lookup_elem(fd.get(), &key, value.data()) != 0) return;
  hf_meta meta{};
  std::memcpy(&meta, value.data(), sizeof meta);
  facts.layout = meta.abi_version;
  facts.complete = meta.complete != 0;
  if (meta.grace_mode == HF_GRACE_MEMBARRIER || meta.grace_mode == HF_GRACE_MAP_IN_MAP) {
    facts.grace = to_string(static_cast<hf_grace_mode>(meta.grace_mode));
  }
}

}  // namespace

host::KernelFacts read_kernel_facts() {
  ::libbpf_set_print(silent);
  host::KernelFacts facts;
  utsname name{};
  if (::uname(&name) == 0) facts.release = name.release;
  host::parse_release(facts.release, facts.major, facts.minor);
  facts.btf = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0 ? Answer::yes : Answer::no;
  facts.links = has_links();
  Answer programs = Answer::unknown;
  for (const ProgramRow& row : linked_rows()) {
    const Answer offered = offers(hook_of(row));
    facts.hooks.push_back({row.name, row.section, offered, row.optional});
    if (row.name == "hf_connect4") programs = offered;
  }
  facts.set_retval = has_set_retval(programs);
  facts.membarrier = Grace::membarrier_waits() ? Answer::yes : Answer::no;
  const HostNetns netns = host_netns();
  facts.netns_cookie = netns.cookie ? Answer::yes : Answer::no;
  facts.initial_netns = netns.initial;
  return facts;
}

host::CgroupFacts read_cgroup_facts(const std::string& configured, const std::string& bpffs) {
  host::CgroupFacts facts;
  facts.configured = configured;
  const auto path = resolve_cgroup(configured);
  if (!path) {
    facts.problem = path.error().what;
    return facts;
  }
  facts.path = *path;
  read_foreign(Pins{bpffs}, facts);
  return facts;
}

host::PinFacts read_pin_facts(const std::string& bpffs, const std::string& cgroup) {
  host::PinFacts facts;
  facts.bpffs = bpffs;
  facts.parent = std::filesystem::path(bpffs).parent_path().string();
  facts.layout_expected = HF_ABI_VERSION;
  struct statfs info {};
  facts.parent_is_bpffs = ::statfs(facts.parent.c_str(), &info) == 0 &&
                          static_cast<unsigned long>(info.f_type) == BPF_FS_MAGIC;
  const Pins pins{bpffs};
  if (::access(bpffs.c_str(), X_OK) != 0 && errno == EACCES) {
    facts.problem = bpffs + ": " + std::strerror(errno);
    return facts;
  }
  facts.present = pins.current_set() != 0;
  if (!facts.present) return facts;
  std::error_code error;
  facts.set = std::filesystem::read_symlink(pins.current(), error).string();
  read_meta(pins.map(pins.set(pins.current_set()), "meta"), facts);
  struct stat at {};  // the inode of a cgroup's directory is its id
  const bool there = !cgroup.empty() && ::stat(cgroup.c_str(), &at) == 0;
  for (const ProgramStatus& link : link_status(pins, there ? at.st_ino : 0)) {
    facts.links.push_back({link.name, link.pinned, link.attached, !link.left_out.empty()});
  }
  return facts;
}

}  // namespace holdfast
