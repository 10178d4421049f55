// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/links.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "agent/base/fd.h"

namespace holdfast::kernel {
namespace {

Result<> switch_link(const std::string& path, int program) {
  Fd link(::bpf_obj_get(path.c_str()));
  if (!link) return fail_errno(errno, "open link " + path);
  if (::bpf_link_update(link.get(), program, nullptr) == 0) return {};
  return fail_errno(errno, "switch link " + path);
}

Result<> attach_link(const std::string& path, const std::string& cgroup, const ProgramRow& row,
                     int program) {
  const auto link = create_link(cgroup, row, program);
  if (!link) return tl::unexpected(link.error());
  if (::bpf_obj_pin(link->get(), path.c_str()) == 0) return {};
  return fail_errno(errno, "pin link " + path);
}

bool known(const std::string& program) {
  const auto& rows = linked_rows();
  return std::any_of(rows.begin(), rows.end(),
                     [&](const ProgramRow& row) { return row.name == program; });
}

}  // namespace

LinkState link_state(int link) {
  bpf_link_info info{};
  __u32 length = sizeof info;
  if (::bpf_obj_get_info_by_fd(link, &info, &length) != 0) return {};
  return {true, info.cgroup.cgroup_id, info.id, info.prog_id};
}

LinkState link_state(const std::string& pin) {
  const Fd fd(::bpf_obj_get(pin.c_str()));
  return fd ? link_state(fd.get()) : LinkState{};
}

Result<Fd> create_link(const std::string& cgroup, const ProgramRow& row, int program) {
  bpf_prog_type type{};
  bpf_attach_type attach{};
  if (::libbpf_prog_type_by_name(row.section.c_str(), &type, &attach) != 0) {
    return fail(Errc::internal, "no hook is called " + row.section);
  }
  const Fd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail_errno(errno, "open cgroup " + cgroup);
  Fd link(::bpf_link_create(program, directory.get(), attach, nullptr));
  if (!link) return fail_errno(errno, "attach " + row.name);
  return link;
}

Result<> check_links(const Pins& pins, std::uint64_t cgroup_id) {
  for (const ProgramRow& row : linked_rows()) {
    const LinkState link = link_state(pins.link(row.name));
    if (!link.exists || link.cgroup_id == 0 || link.cgroup_id == cgroup_id) continue;
    return fail(Errc::incompatible,
                "pinned link " + pins.link(row.name) + " is attached to another cgroup (id " +
                    std::to_string(link.cgroup_id) + ", configured " + std::to_string(cgroup_id) +
                    "); it goes on serving. Configure that cgroup, or `holdfast uninstall` first");
  }
  return {};
}

std::vector<std::string> link_names(const Pins& pins) {
  const std::vector<std::string> found = names_in(pins.links());
  std::vector<std::string> names;
  for (const ProgramRow& row : linked_rows()) {
    if (std::binary_search(found.begin(), found.end(), row.name)) names.push_back(row.name);
  }
  std::copy_if(found.begin(), found.end(), std::back_inserter(names),
               [](const std::string& name) { return !known(name); });
  return names;
}

// A link whose cgroup is gone serves nobody, and cannot be switched.
Result<> switch_links(const Pins& pins, const ProgramFd& programs, const Steps& steps) {
  std::vector<std::string> names = link_names(pins);
  if (steps.connects_first()) std::reverse(names.begin(), names.end());
  for (const std::string& name : names) {
    const int program = programs(name);
    if (program < 0 || link_state(pins.link(name)).cgroup_id == 0) continue;
    steps.next("switch " + name);
    if (auto switched = switch_link(pins.link(name), program); !switched) return switched;
  }
  return {};
}

Result<> detach_unknown(const Pins& pins, const ProgramFd& programs, const Steps& steps) {
  for (const std::string& name : link_names(pins)) {
    if (known(name) && programs(name) >= 0) continue;
    steps.next("detach " + name);
    const std::string path = pins.link(name);
    // At once, not when the kernel gets to freeing what nobody holds.
    if (Fd link(::bpf_obj_get(path.c_str())); link) (void)::bpf_link_detach(link.get());
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(errno, "unpin " + path);
  }
  return {};
}

Result<> attach_links(const Pins& pins, const CgroupAt& cgroup, const ProgramFd& programs,
                      const Steps& steps) {
  for (const ProgramRow& row : linked_rows()) {
    if (programs(row.name) < 0) continue;
    const std::string path = pins.link(row.name);
    const LinkState link = link_state(path);
    steps.next("attach " + row.name);
    if (link.exists && link.cgroup_id == cgroup.id) {
      if (auto switched = switch_link(path, programs(row.name)); !switched) return switched;
      continue;
    }
    if (link.exists) ::unlink(path.c_str());  // its cgroup is gone: it serves nobody
    if (auto made = attach_link(path, cgroup.path, row, programs(row.name)); !made) {
      return made;
    }
  }
  return {};
}

std::vector<ProgramStatus> link_status(const Pins& pins, std::uint64_t cgroup_id) {
  std::vector<ProgramStatus> result;
  const std::string set = pins.set(pins.current_set());
  for (const ProgramRow& row : linked_rows()) {
    const LinkState link = link_state(pins.link(row.name));
    const bool attached = link.cgroup_id != 0 && (!cgroup_id || link.cgroup_id == cgroup_id);
    const bool loaded = !row.optional || ::access((set + "/" + row.name).c_str(), F_OK) == 0;
    result.push_back({row.name, attached, link.exists, loaded ? "" : "the kernel did not take it"});
  }
  return result;
}

}  // namespace holdfast::kernel
