// SPDX-License-Identifier: Apache-2.0
// What the kernel offers. The versions are those in which mainline got the feature.
#include <fmt/format.h>

#include "agent/host/judge.h"

namespace holdfast::host {
namespace {

bool at_least(const KernelFacts& kernel, int major, int minor) {
  return kernel.major != major ? kernel.major > major : kernel.minor >= minor;
}

// One question with a yes or no; not being allowed to ask is no failure of the host.
Finding answer(std::string check, Answer given, const std::string& subject, Level if_no,
               const std::string& remedy) {
  if (given == Answer::yes) return {std::move(check), Level::ok, subject + " is there", ""};
  if (given == Answer::no) return {std::move(check), if_no, subject + " is missing", remedy};
  return {std::move(check), Level::warn, subject + " could not be asked for",
          "run this as root, or with CAP_BPF and CAP_NET_ADMIN"};
}

// "confidentiality" takes from programs the helper that reads the kernel's memory
// (bpf_probe_read_kernel, security/lockdown), without which the end of a connection says nothing.
void judge_lockdown(const KernelFacts& kernel, Findings& out) {
  if (kernel.lockdown == "confidentiality") {
    out.push_back({"lockdown", Level::fail, "the kernel is locked down for confidentiality",
                   "boot with lockdown=integrity or none: the programs may not read socket fields, "
                   "and do not load"});
  } else {
    out.push_back({"lockdown", Level::ok, kernel.lockdown.empty() ? "none" : kernel.lockdown, ""});
  }
}

// Before 5.14 the programs know only the initial namespace.
void judge_scope(const KernelFacts& kernel, Findings& out) {
  if (kernel.netns_cookie != Answer::no || kernel.initial_netns) {
    out.push_back({"host scope", Level::ok, "NodePorts on loopback are served", ""});
  } else {
    out.push_back({"host scope", Level::warn,
                   "NodePorts on loopback are not served: before Linux 5.14 only the host's own "
                   "network namespace can be told apart",
                   "run holdfastd in the host's network namespace, or use a later kernel"});
  }
}

}  // namespace

void judge_kernel(const Facts& facts, Findings& out) {
  const KernelFacts& kernel = facts.kernel;
  if (at_least(kernel, 5, 10)) {
    out.push_back({"kernel", Level::ok, "Linux " + kernel.release, ""});
  } else {
    out.push_back({"kernel", Level::fail, "Linux " + kernel.release,
                   "Linux 5.10 or later is needed: socket storage in connect programs"});
  }
  out.push_back(answer("btf", kernel.btf, "the kernel's type information /sys/kernel/btf/vmlinux",
                       Level::fail, "use a kernel built with CONFIG_DEBUG_INFO_BTF=y"));
  out.push_back(answer("links", kernel.links, "bpf_link", Level::fail,
                       "Linux 5.7 or later is needed, with CONFIG_CGROUP_BPF=y"));
  out.push_back(answer(
      "refuse", kernel.set_retval, "the helper bpf_set_retval (5.18)", Level::warn,
      "a connect to a service without endpoints passes through instead of ECONNREFUSED, and is "
      "counted as empty_passed; a later kernel answers at once"));
  judge_lockdown(kernel, out);
  judge_scope(kernel, out);
  if (!facts.pins.grace.empty()) {
    out.push_back({"grace", Level::ok, "grace periods by " + facts.pins.grace, ""});
  } else if (kernel.membarrier == Answer::no) {
    out.push_back({"grace", Level::ok,
                   "membarrier does not wait here (one CPU, or nohz_full): grace periods by "
                   "map-in-map updates, some milliseconds each",
                   ""});
  } else {
    out.push_back({"grace", Level::ok, "grace periods by membarrier", ""});
  }
}

void judge_hooks(const Facts& facts, Findings& out) {
  std::string missing, optional, unknown;
  for (const HookFact& hook : facts.kernel.hooks) {
    std::string& into = hook.offered != Answer::no ? unknown : hook.optional ? optional : missing;
    if (hook.offered != Answer::yes) into += (into.empty() ? "" : ", ") + hook.hook;
  }
  if (!missing.empty()) {
    out.push_back({"hooks", Level::fail, "the kernel does not offer " + missing,
                   "use a kernel with CONFIG_CGROUP_BPF=y, 5.9 or later"});
  } else if (!unknown.empty() || facts.kernel.hooks.empty()) {
    out.push_back({"hooks", Level::warn, "could not be asked for: " + unknown,
                   "run this as root, or with CAP_BPF and CAP_NET_ADMIN"});
  } else if (!optional.empty()) {
    out.push_back({"hooks", Level::warn, "the kernel does not offer " + optional,
                   "what needs it is left out; the rest serves"});
  } else {
    out.push_back(
        {"hooks", Level::ok, fmt::format("all {} are there", facts.kernel.hooks.size()), ""});
  }
}

void judge_file_systems(const Facts& facts, Findings& out) {
  const CgroupFacts& cgroup = facts.cgroup;
  if (!cgroup.path.empty()) {
    out.push_back({"cgroup2", Level::ok,
                   cgroup.path + (cgroup.configured == "auto" ? " (found)" : " (configured)"), ""});
  } else {
    out.push_back({"cgroup2", Level::fail, cgroup.problem,
                   "mount it (mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified), or set "
                   "dataplane.cgroup to a cgroup2 directory"});
  }
  const PinFacts& pins = facts.pins;
  if (pins.parent_is_bpffs) {
    out.push_back({"bpffs", Level::ok, "at " + pins.parent, ""});
  } else {
    out.push_back({"bpffs", Level::fail, pins.parent + " is not on bpffs",
                   "mount -t bpf bpf " + pins.parent +
                       " (holdfastd --mount-bpffs does it), or set "
                       "dataplane.bpffs to a directory on one"});
  }
}

void judge_rights(const Facts& facts, Findings& out) {
  struct Row {
    int bit;  // include/uapi/linux/capability.h
    const char* name;
    bool admin_suffices;  // CAP_SYS_ADMIN includes it
  };
  static constexpr Row kNeeded[] = {
      {39, "CAP_BPF", true}, {38, "CAP_PERFMON", true}, {12, "CAP_NET_ADMIN", false}};
  constexpr int kSysAdmin = 21;
  const std::string whose = facts.rights.of_daemon ? "holdfastd" : "this process";
  if (!facts.rights.capabilities) {
    out.push_back(
        {"capabilities", Level::warn, "those of " + whose + " could not be read", "mount /proc"});
    return;
  }
  const auto has = [&](int bit) { return (*facts.rights.capabilities >> bit & 1) != 0; };
  std::string missing;
  for (const Row& row : kNeeded) {
    if (has(row.bit) || (row.admin_suffices && has(kSysAdmin))) continue;
    missing += std::string(missing.empty() ? "" : ", ") + row.name;
  }
  if (missing.empty()) {
    out.push_back({"capabilities", Level::ok, whose + " has what is needed", ""});
  } else {
    out.push_back({"capabilities", Level::fail, whose + " lacks " + missing,
                   "run as root, or grant CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"});
  }
}

void judge_memory(const Facts& facts, Findings& out) {
  const RightsFacts& rights = facts.rights;
  const std::string whose = rights.of_daemon ? "holdfastd" : "this process";
  const auto mib = [](std::uint64_t bytes) { return fmt::format("{} MiB", bytes >> 20); };
  if (rights.memory_version == 0 || !rights.memory_limit) {
    out.push_back({"memory", Level::ok, "no memory limit on " + whose, ""});
  } else {
    const std::uint64_t used = rights.memory_used.value_or(0);
    // Maps are allocated whole and charged to this cgroup; growing makes the new ones beside the
    // old, so a fifth in hand is little.
    const bool tight = used >= *rights.memory_limit / 5 * 4;
    out.push_back(
        {"memory", tight ? Level::warn : Level::ok,
         fmt::format("{} uses {} of {} (cgroup v{} {})", whose, mib(used),
                     mib(*rights.memory_limit), rights.memory_version, rights.memory_path),
         tight ? "raise the memory limit: the maps count against it, and growth needs both sets"
               : ""});
  }
  constexpr std::uint64_t kEnough = std::uint64_t{256} << 20;
  if (at_least(facts.kernel, 5, 11)) {
    out.push_back({"memlock", Level::ok, "this kernel does not count maps against it", ""});
  } else if (!rights.memlock || *rights.memlock >= kEnough) {
    out.push_back({"memlock", Level::ok, rights.memlock ? "enough for the maps" : "not read", ""});
  } else {
    out.push_back({"memlock", rights.of_daemon ? Level::fail : Level::warn,
                   fmt::format("{} may lock {} KiB, and maps count against it before Linux 5.11",
                               whose, *rights.memlock >> 10),
                   "LimitMEMLOCK=infinity in the unit, or grant CAP_SYS_RESOURCE"});
  }
}

}  // namespace holdfast::host
