# SPDX-License-Identifier: Apache-2.0
"""What a node is configured with, as text. No state, no I/O but looking where this distribution put things."""
import json
import pathlib
import shutil

from images import PAUSE

# What kubelet wants of the kernel. It would write these into the machine: instead the node's /proc/sys shows
# it files that say so already (init_script), and the machine stays as it is.
SYSCTLS = {"vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
           "kernel/keys/root_maxkeys": 1000000, "kernel/keys/root_maxbytes": 25000000}


def cni_directory():
    for path in ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"):
        if (pathlib.Path(path) / "bridge").exists():
            return path
    raise FileNotFoundError("no CNI plugins: install containernetworking-plugins")


def init_script(node, hierarchies):
    """Runs as the node's first process, in its new namespaces: a machine of its own as far as pods, kubelet and
    the agent can see. /var, /etc and /run are the node's; the disk part (node.disk) outlives a power cut."""
    # Foreign bpffs that came along would keep alive what others pinned in them. Before a new /sys hides them.
    lines = ["set -e", "cd /",
             "awk '$3 == \"bpf\" { print $2 }' /proc/self/mounts | while read -r path; do umount \"$path\"; done",
             "mount -t sysfs sysfs /sys", "mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup"]
    for one in hierarchies:
        lines += [f"mkdir -p {one.path}", f"mount -t {one.kind} -o {one.options or 'rw'} cgroup {one.path}"]
    lines += ["mount -t bpf bpf /sys/fs/bpf", "mount -t tmpfs -o mode=755 run /run"]
    for name in ("etc", "var"):
        upper, work = node.disk / f"{name}-upper", node.disk / f"{name}-work"
        lines += [f"mkdir -p {upper} {work}", f"mount -t overlay -o lowerdir=/{name},upperdir={upper},workdir={work} overlay /{name}"]
    for path in ("/var/lib/containerd", "/var/lib/kubelet"):  # overlays cannot be stacked on one for writing
        own = node.disk / pathlib.Path(path).name
        lines += [f"mkdir -p {own} {path}", f"mount --bind {own} {path}"]
    for name, value in SYSCTLS.items():
        shown = node.directory / name.replace("/", ".")
        lines += [f"echo {value} >{shown}", f"if [ -e /proc/sys/{name} ]; then mount --bind {shown} /proc/sys/{name}; fi"]
    lines += [f"hostname {node.name}", f"mkdir -p /etc/cni/net.d && cp {node.directory}/cni.conflist /etc/cni/net.d/10-lab.conflist",
              "mount --make-rshared /", f"touch {node.directory}/booted", "exec sleep infinity"]
    return "\n".join(lines) + "\n"


def enter_script(node, hierarchies):
    """Runs a program inside the node: its cgroups first, then its namespaces."""
    procs = " ".join(str(one.path / node.cgroup / "cgroup.procs") for one in hierarchies)
    return (f"for procs in {procs}; do echo $$ >\"$procs\" || exit 1; done\n"
            f"exec nsenter --target \"$(cat {node.directory}/holder)\" --net --mount --uts --cgroup -w -- \"$@\"\n")


def cni_config(node):
    ranges = [[{"subnet": subnet}] for subnet in (node.pods4, node.pods6)]
    routes = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False, "hairpinMode": True,
              "ipam": {"type": "host-local", "ranges": ranges, "routes": routes}}
    return json.dumps({"cniVersion": "0.4.0", "name": "lab", "plugins": [bridge]}, indent=1)


def containerd_config():
    runc = shutil.which("runc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    # Neither AppArmor nor the right to lower oom_score_adj can be counted on where tests run.
    return f"""version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.nri.v1.nri"]
[grpc]
address = "/run/containerd/containerd.sock"
[{cri}]
disable_apparmor = true
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
sandbox_image = "{PAUSE}"
[{cri}.cni]
bin_dir = "{cni_directory()}"
conf_dir = "/etc/cni/net.d"
[{cri}.containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
"""


def kubelet_config(node):
    return json.dumps({
        "kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock", "cgroupDriver": "cgroupfs",
        "failCgroupV1": False, "failSwapOn": False, "makeIPTablesUtilChains": False,
        "resolvConf": str(node.directory / "resolv.conf"), "staticPodPath": str(node.static_pods),
        "volumePluginDir": "/var/lib/kubelet/plugins",
        # logs and exec need no client certificate of the apiserver then; the network is the test's own
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}}, "authorization": {"mode": "AlwaysAllow"},
        # the machine's disk and memory belong to others too: no pod is evicted and no image removed for them
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100, "nodeStatusUpdateFrequency": "5s", "registerNode": True}, indent=1)


def kube_proxy_config(kubeconfig, node):
    return json.dumps({
        "kind": "KubeProxyConfiguration", "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "mode": "nftables",
        "clientConnection": {"kubeconfig": str(kubeconfig)}, "hostnameOverride": node.name, "bindAddress": node.address4,
        "conntrack": {"maxPerCore": 0}, "clusterCIDR": "10.244.0.0/16,fd44::/32"}, indent=1)
