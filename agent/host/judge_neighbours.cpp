// SPDX-License-Identifier: Apache-2.0
// Who else steers connections on this host.
#include <fmt/format.h>

#include <algorithm>

#include "agent/host/judge.h"

namespace holdfast::host {
namespace {

// How another mesh shows itself, in whatever of these can be seen.
struct MeshRow {
  const char* name;
  std::vector<const char*> processes;  // as in /proc/PID/comm
  std::vector<const char*> pins;       // first letters of a name on the bpffs
  std::vector<const char*> programs;   // first letters of a program at our hooks
  const char* expect;
};

const std::vector<MeshRow>& meshes() {
  static const std::vector<MeshRow> rows = {
      {"cilium",
       {"cilium-agent"},
       {"cilium"},
       {"cil_sock", "sock4_", "sock6_"},
       "its socket load balancer answers the same connects; turn it off "
       "(kube-proxy-replacement: false, or socketLB.hostNamespaceOnly), or give it other services"},
      {"istio",
       {"ztunnel", "pilot-agent", "istio-cni-node", "install-cni"},
       {"istio"},
       {},
       "sidecars and ztunnel capture after connect, and so see endpoint addresses instead of "
       "service "
       "addresses: rules by service do not match; leave captured workloads out of "
       "dataplane.cgroup"},
      {"kmesh",
       {"kmesh-daemon"},
       {"bpf_kmesh", "kmesh"},
       {"cgroup_connect", "kmesh"},
       "it rewrites the same connects; use one of the two on a node"},
      {"linkerd",
       {"linkerd2-proxy", "linkerd-proxy"},
       {"linkerd"},
       {},
       "its proxy finds services by the address dialled, and would see endpoints; leave meshed "
       "workloads out of dataplane.cgroup"},
      {"merbridge",
       {"mbctl"},
       {"cookie_orig_dst", "process_ip"},
       {"mb_"},
       "it rewrites the same connects; use one of the two on a node"},
  };
  return rows;
}

bool starts_with_any(const std::string& text, const std::vector<const char*>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](const char* one) { return text.starts_with(one); });
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// What was seen of a mesh; "" nothing.
std::string evidence(const MeshRow& mesh, const Facts& facts) {
  std::string seen;
  const auto add = [&](const std::string& what) { seen += (seen.empty() ? "" : ", ") + what; };
  for (const Process& one : facts.processes) {
    const bool same = std::any_of(mesh.processes.begin(), mesh.processes.end(),
                                  [&](const char* name) { return one.name == name; });
    if (same) add(fmt::format("process {} ({})", one.name, one.pid));
  }
  for (const std::string& path : facts.pinned_names)
    if (starts_with_any(base_name(path), mesh.pins)) add("pin " + path);
  for (const ForeignProgram& one : facts.cgroup.foreign)
    if (starts_with_any(one.name, mesh.programs))
      add(fmt::format("program {} at {}", one.name, one.hook));
  return seen;
}

}  // namespace

void judge_foreign(const Facts& facts, Findings& out) {
  const CgroupFacts& cgroup = facts.cgroup;
  if (cgroup.path.empty()) return;  // told already
  if (!cgroup.query_problem.empty()) {
    out.push_back({"foreign programs", Level::warn, "not asked for: " + cgroup.query_problem,
                   "run this as root, or with CAP_NET_ADMIN"});
    return;
  }
  for (const ForeignProgram& one : cgroup.foreign) {
    const std::string what = fmt::format("{} has program {}{}", one.hook, one.id,
                                         one.name.empty() ? "" : " (" + one.name + ")");
    if (one.exclusive) {
      out.push_back({"foreign programs", Level::fail,
                     what + ", attached so that none may be beside",
                     "attach it with BPF_F_ALLOW_MULTI, detach it, or set dataplane.cgroup to a "
                     "cgroup that it does not reach"});
      continue;
    }
    out.push_back(
        {"foreign programs", Level::warn, what,
         one.before_ours
             ? "it runs before ours: a connect that it refuses stays refused, and one that it "
               "rewrites is looked up by the new address"
             : "it runs after ours, or ours is not attached: it then sees the endpoint, not the "
               "service address"});
  }
  if (cgroup.foreign.empty())
    out.push_back({"foreign programs", Level::ok, "none at our hooks in " + cgroup.path, ""});
}

void judge_neighbours(const Facts& facts, Findings& out) {
  bool any = false;
  for (const MeshRow& mesh : meshes()) {
    const std::string seen = evidence(mesh, facts);
    if (seen.empty()) continue;
    any = true;
    out.push_back({"other meshes", Level::warn, std::string(mesh.name) + ": " + seen, mesh.expect});
  }
  if (!any) out.push_back({"other meshes", Level::ok, "none seen", ""});
  const auto proxy = std::find_if(facts.processes.begin(), facts.processes.end(),
                                  [](const Process& one) { return one.name == "kube-proxy"; });
  if (proxy != facts.processes.end()) {
    out.push_back({"kube-proxy", Level::ok,
                   fmt::format("runs beside (process {}): it answers what this node's services do "
                               "not name, and packets that no connect made",
                               proxy->pid),
                   ""});
  } else {
    out.push_back({"kube-proxy", Level::ok, "not seen", ""});
  }
}

}  // namespace holdfast::host
