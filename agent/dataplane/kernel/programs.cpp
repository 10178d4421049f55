// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <deque>

#include "sock.skel.h"

namespace holdfast::kernel {
namespace {

// What libbpf said last: silent while all is well, part of the error when it is not.
std::deque<std::string>& recent_lines() {
  static std::deque<std::string> lines;
  return lines;
}

__attribute__((format(printf, 2, 0))) int keep_line(libbpf_print_level, const char* format,
                                                    va_list arguments) {
  char line[512];
  std::vsnprintf(line, sizeof line, format, arguments);
  recent_lines().emplace_back(line);
  if (recent_lines().size() > 12) recent_lines().pop_front();
  return 0;
}

Failure load_failure(int sys, const std::string& what) {
  auto failure = fail_errno(sys, what);
  for (const std::string& line : recent_lines()) failure.value().what += "\n  " + line;
  return failure;
}

std::uint64_t own_netns_cookie() {
  Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (!fd || ::getsockopt(fd.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0) return 0;
  return cookie;
}

std::uint32_t entries_for(const std::string& name, const Capacity& capacity) {
  if (name == "frontends") return capacity.frontends;
  if (name == "pools" || name == "pool_names") return capacity.pools;
  if (name == "slots" || name == "slot_info") return capacity.slots / HF_SLOTS_PER_LINE;
  if (name == "service_names") return capacity.services;
  if (name == "strings") return capacity.strings;
  if (name == "meta") return 1;
  return capacity.endpoints;  // endpoints, their names and statistics
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Failure other_layout(const std::string& path, const std::string& what, std::uint32_t expected,
                     std::uint32_t found) {
  return fail(
      Errc::incompatible,
      "pinned map " + path + " has " + what + " " + std::to_string(found) +
          ", this version needs " + std::to_string(expected) +
          "; it goes on serving. Run the version that made it, or `holdfast uninstall` when "
          "connects may go without it, and start again");
}

// Same layout as the object's, whatever its size.
Result<> check_shape(const std::string& path, int fd, const bpf_map* wanted) {
  const auto shape = shape_of(fd);
  if (!shape) return tl::unexpected(shape.error());
  if (shape->type != bpf_map__type(wanted)) {
    return other_layout(path, "type", bpf_map__type(wanted), shape->type);
  }
  if (shape->key_size != bpf_map__key_size(wanted)) {
    return other_layout(path, "key size", bpf_map__key_size(wanted), shape->key_size);
  }
  if (shape->value_size != bpf_map__value_size(wanted)) {
    return other_layout(path, "value size", bpf_map__value_size(wanted), shape->value_size);
  }
  return {};
}

Result<> reuse_maps(sock* skeleton, const Pins& pins) {
  auto maps = open_pinned(pins.root, false);
  if (!maps) return tl::unexpected(maps.error());
  const std::uint32_t key = 0;
  hf_meta meta{};
  if (::bpf_map_lookup_elem(maps->fd("meta"), &key, &meta) == 0 && meta.abi_version != 0 &&
      meta.abi_version != HF_ABI_VERSION) {
    return other_layout(pins.map("meta"), "layout version", HF_ABI_VERSION, meta.abi_version);
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) {
    const std::string name = bpf_map__name(map);
    if (!maps->fds.contains(name)) continue;
    if (auto good = check_shape(pins.map(name), maps->fd(name), map); !good) return good;
    if (const int status = bpf_map__reuse_fd(map, maps->fd(name)); status != 0) {
      return fail_errno(-status, "reuse map '" + name + "'");
    }
  }
  return {};
}

void size_maps(sock* skeleton, const Capacity& capacity) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) {
    const std::string name = bpf_map__name(map);
    if (contains(set_maps(), name)) bpf_map__set_max_entries(map, entries_for(name, capacity));
  }
}

// A set without `current` was never served from: a start that ended half-way left it.
Result<> pin_maps(sock* skeleton, const Pins& pins) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) {
    const std::string name = bpf_map__name(map);
    if (!contains(set_maps(), name) && !contains(shared_maps(), name)) continue;
    ::unlink(pins.map(name).c_str());
    if (::bpf_obj_pin(bpf_map__fd(map), pins.map(name).c_str()) != 0) {
      return fail_errno(errno, "pin " + pins.map(name));
    }
  }
  return publish_current(pins);
}

struct LinkState {
  bool exists = false;
  std::uint64_t cgroup_id = 0;  // 0: detached, its cgroup is gone
};

LinkState link_state(const std::string& path) {
  Fd fd(::bpf_obj_get(path.c_str()));
  bpf_link_info info{};
  __u32 length = sizeof info;
  if (!fd || ::bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) return {};
  return {true, info.cgroup.cgroup_id};
}

}  // namespace

Result<> require_capabilities() {
  const std::unique_ptr<void, int (*)(void*)> capabilities(::cap_get_proc(), ::cap_free);
  const auto has = [&](cap_value_t value) {
    cap_flag_value_t set = CAP_CLEAR;
    ::cap_get_flag(static_cast<cap_t>(capabilities.get()), value, CAP_EFFECTIVE, &set);
    return set == CAP_SET;
  };
  std::string missing;
  const auto need = [&](cap_value_t value, const char* name) {
    if (!has(value) && !has(CAP_SYS_ADMIN))
      missing += std::string(missing.empty() ? "" : ", ") + name;
  };
  need(CAP_BPF, "CAP_BPF");
  need(CAP_PERFMON, "CAP_PERFMON");
  if (!has(CAP_NET_ADMIN)) missing += std::string(missing.empty() ? "" : ", ") + "CAP_NET_ADMIN";
  if (missing.empty()) return {};
  return fail(Errc::denied,
              "missing capability: " + missing + "; run as root or grant it to holdfastd");
}

void Programs::Unload::operator()(sock* skeleton) const {
  sock__destroy(skeleton);
}
Programs::Programs(Programs&&) noexcept = default;
Programs& Programs::operator=(Programs&&) noexcept = default;
Programs::~Programs() = default;

Result<Programs> Programs::load(const Pins& pins, bool take_over, const Capacity& capacity) {
  ::libbpf_set_print(keep_line);
  // Before 5.11 maps count against this limit; later kernels ignore it.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  (void)::setrlimit(RLIMIT_MEMLOCK, &unlimited);
  Programs programs;
  programs.skeleton_.reset(sock__open());
  if (!programs.skeleton_) return load_failure(errno, "open the programs");
  programs.netns_cookie_ = own_netns_cookie();
  programs.skeleton_->rodata->hf_netns_cookie = programs.netns_cookie_;
  programs.skeleton_->rodata->hf_have_retval =
      ::libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval, nullptr) == 1;
  if (take_over) {
    if (auto reused = reuse_maps(programs.skeleton_.get(), pins); !reused) {
      return tl::unexpected(reused.error());
    }
  } else {
    size_maps(programs.skeleton_.get(), capacity);
  }
  if (const int status = sock__load(programs.skeleton_.get()); status != 0) {
    return load_failure(-status, "load the programs");
  }
  if (!take_over) {
    if (auto pinned = pin_maps(programs.skeleton_.get(), pins); !pinned) {
      return tl::unexpected(pinned.error());
    }
  }
  return programs;
}

Result<> Programs::check_links(const Pins& pins, std::uint64_t cgroup_id) {
  for (const ProgramRow& row : program_rows()) {
    const LinkState link = link_state(pins.link(row.name));
    if (!link.exists || link.cgroup_id == 0 || link.cgroup_id == cgroup_id) continue;
    return fail(Errc::incompatible,
                "pinned link " + pins.link(row.name) + " is attached to another cgroup (id " +
                    std::to_string(link.cgroup_id) + ", configured " + std::to_string(cgroup_id) +
                    "); it goes on serving. Configure that cgroup, or `holdfast uninstall` first");
  }
  return {};
}

Result<> Programs::attach(const Pins& pins, const std::string& cgroup, std::uint64_t cgroup_id) {
  Fd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail_errno(errno, "open cgroup " + cgroup);
  for (const ProgramRow& row : program_rows()) {
    const std::string path = pins.link(row.name);
    bpf_program* program = bpf_object__find_program_by_name(skeleton_->obj, row.name.c_str());
    const LinkState link = link_state(path);
    if (link.exists && link.cgroup_id == cgroup_id) {
      Fd fd(::bpf_obj_get(path.c_str()));
      if (::bpf_link_update(fd.get(), bpf_program__fd(program), nullptr) != 0) {
        return fail_errno(errno, "switch link " + path);
      }
      continue;
    }
    if (link.exists) ::unlink(path.c_str());  // its cgroup is gone: it serves nobody
    bpf_link* made = bpf_program__attach_cgroup(program, directory.get());
    if (!made) return load_failure(errno, "attach " + row.name + " to " + cgroup);
    const int status = bpf_link__pin(made, path.c_str());
    bpf_link__destroy(made);  // closes our descriptor; the pin keeps the link
    if (status != 0) return fail_errno(-status, "pin link " + path);
  }
  return {};
}

std::vector<ProgramStatus> link_status(const Pins& pins) {
  std::vector<ProgramStatus> result;
  for (const ProgramRow& row : program_rows()) {
    result.push_back({row.name, link_state(pins.link(row.name)).cgroup_id != 0});
  }
  return result;
}

}  // namespace holdfast::kernel
