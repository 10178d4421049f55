// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/watch.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace holdfast::kernel {
namespace {

bool is_there(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

std::uint32_t id_of_program(int fd) {
  bpf_prog_info info{};
  __u32 length = sizeof info;
  return ::bpf_obj_get_info_by_fd(fd, &info, &length) == 0 ? info.id : 0;
}

Result<> pin_link(int link, const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(errno, "unpin " + path);
  if (::bpf_obj_pin(link, path.c_str()) == 0) return {};
  return fail_errno(errno, "pin link " + path);
}

// Map or program, and where its pin belongs.
std::map<std::string, int> pins_of(const Pins& pins, const LiveSet& set) {
  std::map<std::string, int> result;
  for (const auto& [name, fd] : set.maps.fds) {
    const auto& shared = shared_maps();
    const bool outlives = std::find(shared.begin(), shared.end(), name) != shared.end();
    result[(outlives ? pins.shared() : set.directory) + "/" + name] = fd.get();
  }
  for (const ProgramRow& row : program_rows()) {
    if (set.programs->fd(row.name) < 0) continue;
    result[set.directory + "/" + row.name] = set.programs->fd(row.name);
  }
  return result;
}

}  // namespace

void HeldLinks::hold(const Pins& pins) {
  links_.clear();
  for (const ProgramRow& row : linked_rows()) {
    if (Fd fd(::bpf_obj_get(pins.link(row.name).c_str())); fd) links_[row.name] = std::move(fd);
  }
}

std::vector<ProgramStatus> HeldLinks::status(const Pins& pins, const CgroupAt& cgroup,
                                             const ProgramFd& programs) const {
  std::vector<ProgramStatus> result;
  for (const ProgramRow& row : linked_rows()) {
    const LinkState pinned = link_state(pins.link(row.name));
    const auto held = links_.find(row.name);
    const LinkState own = held == links_.end() ? LinkState{} : link_state(held->second.get());
    const LinkState& link = own.cgroup_id == cgroup.id ? own : pinned;
    result.push_back(
        {row.name, link.cgroup_id == cgroup.id && link.program == id_of_program(programs(row.name)),
         pinned.exists && pinned.id == link.id, ""});
  }
  return result;
}

bool HeldLinks::uninstalled(const Pins& pins) const {
  return held() && !is_there(pins.root) &&
         std::all_of(links_.begin(), links_.end(),
                     [](const auto& one) { return link_state(one.second.get()).cgroup_id == 0; });
}

Result<> HeldLinks::mend_one(const Pins& pins, const CgroupAt& cgroup, const ProgramRow& row,
                             int program) {
  const std::string path = pins.link(row.name);
  const LinkState pinned = link_state(path);
  Fd& held = links_[row.name];
  LinkState own = held ? link_state(held.get()) : LinkState{};
  if (own.cgroup_id != cgroup.id && pinned.cgroup_id == cgroup.id) {
    held = Fd(::bpf_obj_get(path.c_str()));
    own = link_state(held.get());
  }
  if (own.cgroup_id != cgroup.id) {
    auto made = create_link(cgroup.path, row, program);
    if (!made) return tl::unexpected(made.error());
    held = std::move(*made);
    own = link_state(held.get());
  } else if (own.program != id_of_program(program) &&
             ::bpf_link_update(held.get(), program, nullptr) != 0) {
    return fail_errno(errno, "switch link " + path);
  }
  return pinned.exists && pinned.id == own.id ? Result<>{} : pin_link(held.get(), path);
}

Result<> HeldLinks::mend(const Pins& pins, const CgroupAt& cgroup, const ProgramFd& programs,
                         const Steps& steps) {
  Result<> first;
  for (const ProgramRow& row : linked_rows()) {
    if (programs(row.name) < 0) continue;
    steps.next("mend " + row.name);
    auto mended = mend_one(pins, cgroup, row, programs(row.name));
    if (!mended && first) first = mended;
  }
  return first;
}

std::vector<std::string> missing_pins(const Pins& pins, const LiveSet& set) {
  std::vector<std::string> missing;
  for (const auto& [path, fd] : pins_of(pins, set)) {
    if (!is_there(path)) missing.push_back(path);
  }
  if (pins.current_set() != set.number) missing.push_back(pins.current());
  return missing;
}

Result<> pin_again(const Pins& pins, const LiveSet& set, const Steps& steps) {
  if (auto made = make_directory(set.directory); !made) return made;
  for (const auto& [path, fd] : pins_of(pins, set)) {
    if (is_there(path)) continue;
    steps.next("pin again " + path);
    if (::bpf_obj_pin(fd, path.c_str()) != 0) return fail_errno(errno, "pin " + path);
  }
  if (pins.current_set() == set.number) return {};
  return publish_current(pins, set.number);
}

}  // namespace holdfast::kernel
