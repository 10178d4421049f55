// SPDX-License-Identifier: Apache-2.0
// Every verdict of `holdfast check`: a healthy host, and one change for each finding.
#include "agent/host/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace holdfast::host {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kAllCapabilities = (std::uint64_t{1} << 41) - 1;

Facts healthy() {
  Facts facts;
  facts.config_path = "/etc/holdfast/config.yaml";
  facts.kernel = {"6.1.0-50",  6,  1,           Answer::yes, Answer::yes, Answer::yes,
                  Answer::yes, {}, Answer::yes, true,        "none"};
  facts.kernel.hooks = {{"hf_connect4", "cgroup/connect4", Answer::yes},
                        {"hf_sock_release", "cgroup/sock_release", Answer::yes}};
  facts.cgroup = {"auto", "/sys/fs/cgroup", "", {}, ""};
  facts.pins = {"/sys/fs/bpf/holdfast", "/sys/fs/bpf", true, true, "set_1", "", 3, 3, true, {}, ""};
  facts.pins.links = {{"hf_connect4", true, true}, {"hf_sock_release", true, true}};
  facts.rights.of_daemon = true;
  facts.rights.capabilities = kAllCapabilities;
  facts.state = {"/var/lib/holdfast", true, true, std::uint64_t{1} << 40, 3};
  facts.daemon = {"/run/holdfast/admin.sock", true, true, ""};
  facts.processes = {{1, "systemd"}, {77, "kube-proxy"}};
  return facts;
}

// The worst finding of a check, and all the text of its findings.
struct Verdict {
  Level level = Level::ok;
  std::string text;
  int count = 0;
};

Verdict verdict(const Facts& facts, const std::string& check) {
  Verdict result;
  for (const Finding& one : judge(facts)) {
    if (one.level != Level::ok) {
      EXPECT_THAT(one.remedy, testing::Not(IsEmpty())) << one.check << ": " << one.found;
    } else {
      EXPECT_THAT(one.remedy, IsEmpty()) << one.check;
    }
    EXPECT_THAT(one.found, testing::Not(IsEmpty())) << one.check;
    if (one.check != check) continue;
    ++result.count;
    result.level = std::max(result.level, one.level);
    result.text += one.found + "\n" + one.remedy + "\n";
  }
  EXPECT_GT(result.count, 0) << check;
  return result;
}

TEST(Judge, AHealthyHostIsOk) {
  for (const Finding& one : judge(healthy()))
    EXPECT_EQ(one.level, Level::ok) << one.check << ": " << one.found;
}

struct Case {
  const char* check;
  Level level;
  const char* text;  // in what was found, or in the remedy
  void (*change)(Facts&);
};

const Case kCases[] = {
    {"configuration", Level::fail, "c.yaml:1:1: unknown key",
     [](Facts& f) { f.config_problem = "c.yaml:1:1: unknown key"; }},
    {"kernel", Level::fail, "5.10 or later",
     [](Facts& f) { f.kernel.release = "5.4.0", f.kernel.major = 5, f.kernel.minor = 4; }},
    {"kernel", Level::ok, "5.10.1",
     [](Facts& f) { f.kernel.release = "5.10.1", f.kernel.major = 5, f.kernel.minor = 10; }},
    {"btf", Level::fail, "CONFIG_DEBUG_INFO_BTF", [](Facts& f) { f.kernel.btf = Answer::no; }},
    {"btf", Level::warn, "as root", [](Facts& f) { f.kernel.btf = Answer::unknown; }},
    {"links", Level::fail, "5.7", [](Facts& f) { f.kernel.links = Answer::no; }},
    {"links", Level::warn, "as root", [](Facts& f) { f.kernel.links = Answer::unknown; }},
    {"refuse", Level::warn, "empty_passed", [](Facts& f) { f.kernel.set_retval = Answer::no; }},
    {"refuse", Level::warn, "as root", [](Facts& f) { f.kernel.set_retval = Answer::unknown; }},
    {"grace", Level::ok, "map-in-map", [](Facts& f) { f.kernel.membarrier = Answer::no; }},
    {"grace", Level::ok, "by membarrier",
     [](Facts& f) { f.kernel.membarrier = Answer::no, f.pins.grace = "membarrier"; }},
    {"grace", Level::ok, "by map-in-map", [](Facts& f) { f.pins.grace = "map-in-map"; }},
    {"lockdown", Level::fail, "lockdown=integrity",
     [](Facts& f) { f.kernel.lockdown = "confidentiality"; }},
    {"lockdown", Level::ok, "integrity", [](Facts& f) { f.kernel.lockdown = "integrity"; }},
    {"host scope", Level::warn, "not served",
     [](Facts& f) { f.kernel.netns_cookie = Answer::no, f.kernel.initial_netns = false; }},
    {"host scope", Level::ok, "are served",
     [](Facts& f) { f.kernel.netns_cookie = Answer::no, f.kernel.initial_netns = true; }},
    {"hooks", Level::fail, "cgroup/sock_release",
     [](Facts& f) { f.kernel.hooks[1].offered = Answer::no; }},
    {"hooks", Level::warn, "cgroup/connect4",
     [](Facts& f) { f.kernel.hooks[0].offered = Answer::unknown; }},
    {"hooks", Level::warn, "as root", [](Facts& f) { f.kernel.hooks.clear(); }},
    {"hooks", Level::warn, "does not offer cgroup/new\nwhat needs it is left out",
     [](Facts& f) {
       f.kernel.hooks.push_back({"hf_new", "cgroup/new", Answer::no, true});
     }},
    {"optional programs", Level::warn, "not taken by this kernel: hf_new",
     [](Facts& f) {
       f.pins.links.push_back({"hf_new", false, false, true});
     }},
    {"programs", Level::ok, "2 attached",
     [](Facts& f) {
       f.pins.links.push_back({"hf_new", false, false, true});
     }},
    {"cgroup2", Level::fail, "no cgroup2 in the mount table",
     [](Facts& f) { f.cgroup.path = "", f.cgroup.problem = "no cgroup2 in the mount table"; }},
    {"bpffs", Level::fail, "mount -t bpf", [](Facts& f) { f.pins.parent_is_bpffs = false; }},
    {"capabilities", Level::fail, "holdfastd lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN",
     [](Facts& f) { f.rights.capabilities = 0; }},
    {"capabilities", Level::fail, "lacks CAP_PERFMON\n",
     [](Facts& f) { f.rights.capabilities = (std::uint64_t{1} << 39) | (1 << 12); }},
    {"capabilities", Level::ok, "holdfastd has what is needed",
     [](Facts& f) { f.rights.capabilities = (1 << 21) | (1 << 12); }},
    {"capabilities", Level::fail, "this process lacks CAP_NET_ADMIN",
     [](Facts& f) { f.rights.of_daemon = false, f.rights.capabilities = 1 << 21; }},
    {"capabilities", Level::warn, "/proc", [](Facts& f) { f.rights.capabilities.reset(); }},
    {"memory", Level::warn, "210 MiB of 256 MiB (cgroup v2 /a)",
     [](Facts& f) {
       f.rights.memory_version = 2, f.rights.memory_path = "/a";
       f.rights.memory_limit = 256 << 20, f.rights.memory_used = 210 << 20;
     }},
    {"memory", Level::ok, "10 MiB of 256 MiB (cgroup v1 /a)",
     [](Facts& f) {
       f.rights.memory_version = 1, f.rights.memory_path = "/a";
       f.rights.memory_limit = 256 << 20, f.rights.memory_used = 10 << 20;
     }},
    {"memlock", Level::fail, "LimitMEMLOCK",
     [](Facts& f) { f.kernel.major = 5, f.kernel.minor = 10, f.rights.memlock = 65536; }},
    {"memlock", Level::warn, "this process may lock 64 KiB",
     [](Facts& f) {
       f.rights.of_daemon = false;
       f.kernel.major = 5, f.kernel.minor = 10, f.rights.memlock = 65536;
     }},
    {"memlock", Level::ok, "enough",
     [](Facts& f) {
       f.kernel.major = 5, f.kernel.minor = 10;
       f.rights.memlock = std::numeric_limits<std::uint64_t>::max();
     }},
    {"foreign programs", Level::warn, "cgroup/connect4 has program 7 (other)",
     [](Facts& f) {
       f.cgroup.foreign = {{"cgroup/connect4", 7, "other", false, false}};
     }},
    {"foreign programs", Level::warn, "runs before ours",
     [](Facts& f) {
       f.cgroup.foreign = {{"cgroup/connect4", 7, "", false, true}};
     }},
    {"foreign programs", Level::fail, "BPF_F_ALLOW_MULTI",
     [](Facts& f) {
       f.cgroup.foreign = {{"cgroup/connect4", 7, "", true, false}};
     }},
    {"foreign programs", Level::warn, "CAP_NET_ADMIN",
     [](Facts& f) { f.cgroup.query_problem = "Operation not permitted"; }},
    {"other meshes", Level::warn, "cilium: process cilium-agent (9)",
     [](Facts& f) {
       f.processes.push_back({9, "cilium-agent"});
     }},
    {"other meshes", Level::warn, "cilium: pin /sys/fs/bpf/cilium",
     [](Facts& f) { f.pinned_names = {"/sys/fs/bpf/cilium"}; }},
    {"other meshes", Level::warn, "cilium: program cil_sock4_connect at cgroup/connect4",
     [](Facts& f) {
       f.cgroup.foreign = {{"cgroup/connect4", 7, "cil_sock4_connect", false, false}};
     }},
    {"other meshes", Level::warn, "istio: process ztunnel",
     [](Facts& f) {
       f.processes.push_back({9, "ztunnel"});
     }},
    {"other meshes", Level::warn, "kmesh: pin /sys/fs/bpf/bpf_kmesh",
     [](Facts& f) { f.pinned_names = {"/sys/fs/bpf/bpf_kmesh"}; }},
    {"other meshes", Level::warn, "linkerd: process linkerd2-proxy",
     [](Facts& f) {
       f.processes.push_back({9, "linkerd2-proxy"});
     }},
    {"other meshes", Level::warn, "merbridge: process mbctl",
     [](Facts& f) {
       f.processes.push_back({9, "mbctl"});
     }},
    {"kube-proxy", Level::ok, "runs beside (process 77)", [](Facts&) {}},
    {"kube-proxy", Level::ok, "not seen", [](Facts& f) { f.processes.clear(); }},
    {"pins", Level::ok, "set_1, layout 3", [](Facts&) {}},
    {"pins", Level::fail, "layout 4, this version has 3", [](Facts& f) { f.pins.layout = 4; }},
    {"pins", Level::warn, "no generation", [](Facts& f) { f.pins.complete = false; }},
    {"pins", Level::fail, "nothing is pinned", [](Facts& f) { f.pins.present = false; }},
    {"pins", Level::ok, "nothing is pinned",
     [](Facts& f) { f.pins.present = false, f.daemon.answers = false, f.daemon.problem = "no"; }},
    {"pins", Level::warn, "permission denied",
     [](Facts& f) { f.pins.problem = "/b: permission denied"; }},
    {"programs", Level::fail, "not attached: hf_connect4\n",
     [](Facts& f) {
       f.pins.links[0] = {"hf_connect4", false, false};
     }},
    {"programs", Level::fail, "hf_connect4 (somebody detached it, or its cgroup is gone)",
     [](Facts& f) { f.pins.links[0].attached = false; }},
    {"programs", Level::fail, "attaches them again within seconds",
     [](Facts& f) { f.pins.links[0].attached = false; }},
    {"programs", Level::fail, "start holdfastd",
     [](Facts& f) {
       f.pins.links[0].attached = false, f.daemon = {"", false, false, "silent"};
     }},
    {"programs", Level::warn, "nothing was ever applied",
     [](Facts& f) { f.pins.links[0].attached = false, f.pins.complete = false; }},
    {"holdfastd", Level::warn, "go on serving",
     [](Facts& f) { f.daemon.answers = false, f.daemon.problem = "does not answer"; }},
    {"holdfastd", Level::warn, "start it\n",
     [](Facts& f) {
       f.daemon.answers = false, f.daemon.problem = "does not answer", f.pins.present = false;
     }},
    {"holdfastd", Level::warn, "not ready: sources",
     [](Facts& f) { f.daemon.ready = false, f.daemon.problem = "sources"; }},
    {"state", Level::warn, "does not exist", [](Facts& f) { f.state.exists = false; }},
    {"state", Level::warn, "cannot be written", [](Facts& f) { f.state.writable = false; }},
    {"state", Level::warn, "has 1 MiB left", [](Facts& f) { f.state.free_bytes = 1 << 20; }},
    {"state", Level::warn, "no snapshot", [](Facts& f) { f.state.snapshots = 0; }},
};

TEST(Judge, EveryVerdict) {
  for (const Case& one : kCases) {
    Facts facts = healthy();
    one.change(facts);
    const Verdict found = verdict(facts, one.check);
    EXPECT_EQ(found.level, one.level) << one.check << ": " << found.text;
    EXPECT_THAT(found.text, HasSubstr(one.text)) << one.check;
  }
}

TEST(Judge, EveryForeignProgramHasItsLine) {
  Facts facts = healthy();
  facts.cgroup.foreign = {{"cgroup/connect4", 7, "a", false, true},
                          {"cgroup/connect6", 8, "b", true, false}};
  const Verdict found = verdict(facts, "foreign programs");
  EXPECT_EQ(found.count, 2);
  EXPECT_EQ(found.level, Level::fail);
}

}  // namespace
}  // namespace holdfast::host
