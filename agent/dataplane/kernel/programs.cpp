// SPDX-License-Identifier: Apache-2.0
#include "agent/dataplane/kernel/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <deque>

#include "agent/dataplane/map_table.h"

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

std::uint64_t own_netns_cookie() {
  Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (!fd || ::getsockopt(fd.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0) return 0;
  return cookie;
}

// For the connect programs.
bool has_helper(bpf_func_id helper) {
  return ::libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, helper, nullptr) == 1;
}

// Slots come in lines.
std::uint32_t entries_for(const bpf_map* map, const MapRow& row, const Capacity& capacity) {
  const auto& described = own_schema().elements;
  const auto element = described.find(row.name);
  const std::uint32_t in_entry =
      element == described.end() ? 1 : bpf_map__value_size(map) / element->second.size;
  return (elements_of(row, capacity) + in_entry - 1) / in_entry;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Maps that are in no set and not shared (the object's own data) are libbpf's to make.
bool is_pinned(const std::string& name) {
  return contains(set_maps(), name) || contains(shared_maps(), name);
}

// The storages of the set before whose layout is another: a new map takes their place.
std::vector<std::string> moving_storages(const LoadPlan& plan) {
  std::vector<std::string> names;
  for (const std::string& name : storages()) {
    if (plan.before && plan.before->has(name) && !plan.reuse.contains(name)) names.push_back(name);
  }
  return names;
}

struct Chosen {
  const bpf_map* map = nullptr;
  bool made = false;
};
// By name of before the load: libbpf gives a map that is reused the name it was made with.
using ChosenMaps = std::map<std::string, Chosen>;

Result<ChosenMaps> choose_maps(bpf_object* object, const std::map<std::string, int>& existing,
                               const Capacity& capacity) {
  ChosenMaps chosen;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    if (!is_pinned(name)) continue;
    const auto found = existing.find(name);
    chosen[name] = {map, found == existing.end()};
    if (found != existing.end()) {
      if (const int status = bpf_map__reuse_fd(map, found->second); status != 0) {
        return fail_errno(-status, "reuse map '" + name + "'");
      }
    } else if (const MapRow* row = set_map(name)) {
      bpf_map__set_max_entries(map, entries_for(map, *row, capacity));
    }
  }
  return chosen;
}

Result<> pin_at(int fd, const std::string& path, const Steps& steps) {
  steps.next("pin " + path);
  if (::bpf_obj_pin(fd, path.c_str()) == 0) return {};
  return fail_errno(errno, "pin " + path);
}

}  // namespace

// The limits of the devices' queues are a setting of the initial namespace alone
// (net/core/sysctl_net_core.c).
HostNetns host_netns() {
  return {own_netns_cookie(), ::access("/proc/sys/net/core/netdev_max_backlog", F_OK) == 0};
}

Failure load_failure(int sys, const std::string& what) {
  auto failure = fail_errno(sys, what);
  for (const std::string& line : recent_lines()) failure.value().what += "\n  " + line;
  return failure;
}

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

Result<Programs> Programs::load(const LoadPlan& plan) {
  ::libbpf_set_print(keep_line);
  // Before 5.11 maps count against this limit; later kernels ignore it.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  (void)::setrlimit(RLIMIT_MEMLOCK, &unlimited);
  Programs programs;
  programs.netns_ = host_netns();
  if (plan.no_netns_cookie) programs.netns_.cookie = 0;
  programs.fds_ = plan.reuse;
  const ObjectSettings settings{programs.netns_, has_helper(BPF_FUNC_set_retval),
                                has_helper(BPF_FUNC_skc_to_mptcp_sock), plan.before,
                                moving_storages(plan)};
  programs.moving_ = !settings.moving.empty();
  for (const ObjectRow& row : object_rows()) {
    recent_lines().clear();
    auto loaded = programs.load(row, plan, settings);
    if (loaded) continue;
    if (!row.optional) return tl::unexpected(loaded.error());
    programs.left_out_.emplace(row.name, loaded.error().what);
  }
  return programs;
}

Result<> Programs::load(const ObjectRow& row, const LoadPlan& plan,
                        const ObjectSettings& settings) {
  const std::string name = std::string("the programs of '") + row.name + "'";
  auto object = row.open();
  if (!object) return load_failure(errno, "open " + name);
  const auto chosen = choose_maps(object->get(), fds_, plan.capacity);
  if (!chosen) return tl::unexpected(chosen.error());
  if (auto set = object->set(settings); !set) return set;
  if (const int status = object->load(); status != 0) return load_failure(-status, "load " + name);
  for (const auto& [map, one] : *chosen) {
    fds_[map] = bpf_map__fd(one.map);
    if (one.made) made_.push_back(map);
  }
  objects_.emplace(row.name, std::move(object));
  return {};
}

Result<> Programs::pin(const std::string& directory, const Steps& steps) const {
  for (const std::string& name : made_) {
    if (auto pinned = pin_at(map_fd(name), directory + "/" + name, steps); !pinned) return pinned;
  }
  for (const ProgramRow& row : program_rows()) {
    if (fd(row.name) < 0) continue;
    if (auto pinned = pin_at(fd(row.name), directory + "/" + row.name, steps); !pinned) {
      return pinned;
    }
  }
  return {};
}

Result<> Programs::repin_programs(const std::string& directory, const Steps& steps) const {
  for (const ProgramRow& row : program_rows()) {
    const std::string path = directory + "/" + row.name, aside = path + "_new";
    if (fd(row.name) < 0) {
      ::unlink(path.c_str());  // of a life in which the kernel took it
      continue;
    }
    ::unlink(aside.c_str());
    if (auto pinned = pin_at(fd(row.name), aside, steps); !pinned) return pinned;
    steps.next("rename " + aside);
    if (::rename(aside.c_str(), path.c_str()) != 0) return fail_errno(errno, "rename " + aside);
  }
  return {};
}

int Programs::map_fd(const std::string& name) const {
  const auto found = fds_.find(name);
  return found == fds_.end() ? -1 : found->second;
}

int Programs::fd(const std::string& program) const {
  for (const auto& [name, object] : objects_) {
    const bpf_program* const found =
        bpf_object__find_program_by_name(object->get(), program.c_str());
    if (found) return bpf_program__fd(found);
  }
  return -1;
}

std::string Programs::why_left_out(const std::string& program) const {
  for (const ProgramRow& row : program_rows()) {
    if (row.name != program) continue;
    const auto found = left_out_.find(row.object);
    return found == left_out_.end() ? "" : found->second;
  }
  return "";
}

}  // namespace holdfast::kernel
