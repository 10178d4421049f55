#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real nodes on one machine: kubelet, containerd and runc, each node in network, mount, cgroup and UTS namespaces
of its own, as a kind node is. Needs root, the packages of group `nodes`, and scripts/cluster build. Everything has
this process's id in its name and is removed when it ends; where it is killed, a janitor process does it."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import images
import node_files
from cluster import ControlPlane
from programs import Program, Workspace, wait_for

PREFIX = "holdfast-nodes-"
GATEWAY = "172.30.0.254"  # nobody: kubelet wants a default route, and nothing shall leave
CONTROL_PLANE = "172.30.0.100"


def run(*command, check=True):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stderr.strip()}")
    return done


class Hierarchy:
    """A cgroup hierarchy of this machine, and how it is mounted again inside a node."""

    def __init__(self, path, kind, options):
        controllers = {line.split()[0] for line in open("/proc/cgroups") if not line.startswith("#")}
        self.path, self.kind = pathlib.Path(path), kind
        self.options = ",".join(one for one in options.split(",") if one in controllers or one.startswith("name="))


def hierarchies():
    found = [Hierarchy(fields[1], fields[2], fields[3]) for fields in map(str.split, open("/proc/self/mounts")) if fields[2] in ("cgroup", "cgroup2")]
    if not any(one.kind == "cgroup" for one in found):
        # The controllers of cgroup v1 give pods their limits here; a host of cgroup2 alone was never tried.
        raise NotImplementedError("nodes need a hybrid host: cgroup v1 controllers and cgroup2 beside them")
    return found


class Node:
    def __init__(self, lab, index):
        self.lab, self.index, self.name = lab, index, f"n{index}"
        self.directory = lab.directory / self.name
        self.disk = self.directory / "disk"
        self.static_pods = self.directory / "static"  # kubelet runs the manifests in it, API server or not
        self.cgroup = f"{lab.name}-{self.name}"
        self.netns, self.wire = f"{lab.short}{self.name}", f"{lab.short}w{index}"
        self.address4, self.address6 = f"172.30.0.{index}", f"fd30::{index}"
        self.pods4, self.pods6 = f"10.244.{index}.0/24", f"fd44:0:0:{index}::/64"
        self.programs, self.holder = {}, None

    # --- life -----------------------------------------------------------------------------------------
    def boot(self, wait=True):
        """From nothing, or after a power cut, to Ready."""
        self.disk.mkdir(parents=True, exist_ok=True)
        self.static_pods.mkdir(exist_ok=True)
        self.cable()
        for one in self.lab.hierarchies:
            (one.path / self.cgroup).mkdir()
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (one.path / name).exists():
                    (one.path / self.cgroup / name).write_text((one.path / name).read_text())
        self.write_files()
        self.hold()
        self.start_containerd()
        for image in self.lab.images:
            self.load_image(image)
        self.start_kubelet()
        if wait:
            self.wait_ready()
        return self

    def cable(self):
        switch = self.lab.switch
        run("ip", "netns", "add", self.netns)
        run("ip", "link", "add", "eth0", "netns", self.netns, "type", "veth", "peer", "name", self.wire, "netns", switch)
        run("ip", "-n", switch, "link", "set", self.wire, "master", "br0", "up")
        for link in ("lo", "eth0"):
            run("ip", "-n", self.netns, "link", "set", link, "up")
        run("ip", "-n", self.netns, "addr", "add", f"{self.address4}/24", "dev", "eth0")
        run("ip", "-n", self.netns, "addr", "add", f"{self.address6}/64", "dev", "eth0", "nodad")
        run("ip", "-n", self.netns, "route", "add", "default", "via", GATEWAY)
        self.sysctl("net/ipv4/ip_forward", 1)
        self.sysctl("net/ipv6/conf/all/forwarding", 1)
        for other in self.lab.nodes:
            if other is not self:
                run("ip", "-n", self.netns, "route", "add", other.pods4, "via", other.address4)
                run("ip", "-n", self.netns, "-6", "route", "add", other.pods6, "via", other.address6)

    def sysctl(self, name, value):
        run("nsenter", f"--net=/run/netns/{self.netns}", "sh", "-c", f"echo {value} >/proc/sys/{name}")

    def write_files(self):
        texts = {"init.sh": node_files.init_script(self, self.lab.hierarchies), "enter.sh": node_files.enter_script(self, self.lab.hierarchies),
                 "cni.conflist": node_files.cni_config(self), "containerd.toml": node_files.containerd_config(),
                 "kubelet.json": node_files.kubelet_config(self), "resolv.conf": ""}
        for name, text in texts.items():
            (self.directory / name).write_text(text)

    def hold(self):
        """The first process. It enters the cgroups, then makes the namespaces: so these cgroups are their root."""
        (self.directory / "booted").unlink(missing_ok=True)
        procs = " ".join(str(one.path / self.cgroup / "cgroup.procs") for one in self.lab.hierarchies)
        script = (f"for procs in {procs}; do echo $$ >\"$procs\" || exit 1; done; exec nsenter --net=/run/netns/{self.netns} "
                  f"unshare --mount --cgroup --uts setsid sh {self.directory}/init.sh")
        with open(self.directory / "init.log", "a") as log:
            self.holder = subprocess.Popen(["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        (self.directory / "holder").write_text(str(self.holder.pid))

        def booted():
            if self.holder.poll() is not None:
                raise RuntimeError(f"{self.name}: {(self.directory / 'init.log').read_text()[-2000:]}")
            return (self.directory / "booted").exists()

        wait_for(f"the namespaces of {self.name}", booted)

    def inside(self, *command):
        return ["sh", self.directory / "enter.sh", *command]

    def program(self, name, command, ready=None, seconds=60):
        """Starts one of the node's own programs; its log is NAME.log in the node's directory."""
        program = Program(self.directory, name, lambda: self.inside(*command), ready, grace=5)
        self.programs[name] = program
        program.start(wait=False)
        program.wait_ready(seconds)
        return program

    def start_containerd(self):
        return self.program("containerd", ["containerd", "--config", self.directory / "containerd.toml"],
                            lambda: self.exec("ctr", "version", check=False).returncode == 0)

    def start_kubelet(self):
        plane = self.lab.plane
        kubeconfig = plane.kubeconfig(f"system:node:{self.name}")
        return self.program("kubelet", [plane.bin / "kubelet", "--config", self.directory / "kubelet.json", "--kubeconfig", kubeconfig,
                                        "--hostname-override", self.name, "--node-ip", f"{self.address4},{self.address6}",
                                        "--root-dir", "/var/lib/kubelet", "--cert-dir", "/var/lib/kubelet/pki"])

    def start_kube_proxy(self):
        """Not there unless asked for: the product does its work."""
        plane = self.lab.plane
        path = self.directory / "kube-proxy.json"
        path.write_text(node_files.kube_proxy_config(plane.kubeconfig("system:kube-proxy"), self))
        return self.program("kube-proxy", [plane.bin / "kube-proxy", "--config", path])

    def ready(self):
        status, body = self.lab.plane.api().raw("GET", f"/api/v1/nodes/{self.name}")
        return status == 200 and b'"reason":"KubeletReady"' in body.replace(b": ", b":")

    def wait_ready(self, seconds=90):
        def condition():
            for one in self.programs.values():
                if not one.running():
                    raise RuntimeError(f"{self.name}: {one.name} ended; the end of its log:\n{one.log_end()}")
            return self.ready()

        wait_for(f"node {self.name} to be Ready", condition, seconds)

    def power_cut(self):
        """Everything on the node ends at once: kubelet, shims, pods, mounts, the bpffs and what was pinned in it.
        The disk stays. boot() starts it again, in cgroups made anew: the kernel remembers the kill of the old ones."""
        remove_node(self.lab.hierarchies, self.cgroup, self.lab.switch, self.wire, self.netns)
        for one in [*self.programs.values()]:
            one.kill()
        self.holder.wait()

    # --- use ------------------------------------------------------------------------------------------
    def exec(self, *command, check=True, timeout=60, **options):
        """Runs a command on the node and returns it finished (returncode, stdout, stderr)."""
        done = subprocess.run([*map(str, self.inside(*command))], capture_output=True, text=True, timeout=timeout, **options)
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, command))}: exit {done.returncode}: {done.stderr.strip()}")
        return done

    def load_image(self, tar):
        self.exec("ctr", "--namespace", "k8s.io", "images", "import", tar)

    def pods(self, selector="", namespace="default"):
        """This node's pods, as the API has them."""
        path = f"/api/v1/namespaces/{namespace}/pods?fieldSelector=spec.nodeName={self.name}&labelSelector={selector}"
        return self.lab.plane.api().request("GET", path)["items"]


def remove_cgroup(path):
    for part in [*sorted((one for one in path.rglob("*") if one.is_dir()), reverse=True), path]:
        for _ in range(100):
            try:
                part.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:  # the last process is still on its way out
                time.sleep(0.02)


def remove_node(of_hierarchies, cgroup, switch, wire, netns):
    paths = [one.path / cgroup for one in of_hierarchies]
    for path in paths:
        if (path / "cgroup.kill").exists():
            (path / "cgroup.kill").write_text("1")
    # What was only in a v1 cgroup, if anything.
    for path in paths:
        for procs in path.rglob("cgroup.procs"):
            for pid in procs.read_text().split():
                try:
                    os.kill(int(pid), 9)
                except ProcessLookupError:
                    pass
    for path in paths:
        if path.exists():
            remove_cgroup(path)
    # The switch's end first: a namespace frees its own asynchronously, and the name must be free for the next boot.
    run("ip", "-n", switch, "link", "del", wire, check=False)
    run("ip", "netns", "del", netns, check=False)


def clean(pid):
    """Removes everything a lab of that process made, whoever calls: the lab, its janitor or the next lab."""
    short, name, of = f"hn{pid}", f"{PREFIX}{pid}", hierarchies()
    cgroups = {path.name for one in of for path in one.path.glob(f"{name}-*")}
    for cgroup in cgroups:
        node = cgroup.rsplit("-", 1)[1]
        remove_node(of, cgroup, f"{short}sw", f"{short}w{node[1:]}", f"{short}{node}")
    for line in run("ip", "netns", "list", check=False).stdout.splitlines():
        if re.match(rf"{short}(n\d+|sw|cp)\b", line):
            run("ip", "netns", "del", line.split()[0], check=False)


def janitor(pid):
    """Waits until standard input ends, which it does with the process that made the lab, and cleans."""
    sys.stdin.read()
    clean(pid)
    Workspace.remove_leftovers()


class Nodes:
    """A control plane and `count` nodes behind one switch. plane: more arguments for the ControlPlane."""

    def __init__(self, count=2, node_monitor_grace="40s", **plane):
        self.name, self.short = f"{PREFIX}{os.getpid()}", f"hn{os.getpid()}"
        self.switch, self.hierarchies = f"{self.short}sw", hierarchies()
        self.remove_leftovers()
        self.janitor = subprocess.Popen([sys.executable, __file__, "--janitor", str(os.getpid())], stdin=subprocess.PIPE, start_new_session=True)
        self.make_switch()
        users = {f"system:node:n{index}": "system:nodes" for index in range(1, count + 1)}
        self.plane = ControlPlane("nodes", netns=f"/run/netns/{self.short}cp", address=CONTROL_PLANE, admission=True, scheduler=True, controllers=("*",),
                                  users={**users, "system:kube-proxy": ""},
                                  apiserver_flags=["--kubelet-preferred-address-types", "InternalIP"],
                                  manager_flags=["--node-monitor-grace-period", node_monitor_grace], **plane)
        self.directory = self.plane.directory
        if self.directory.parts[1] in ("var", "etc", "run"):  # nodes have overlays of these, which cannot be made of themselves
            raise ValueError(f"nodes cannot be kept under {self.directory}: set TMPDIR to another place")
        self.images = images.base_images(self.directory)
        self.nodes = [Node(self, index) for index in range(1, count + 1)]

    def make_switch(self):
        plane = f"{self.short}cp"
        for one in (self.switch, plane):
            run("ip", "netns", "add", one)
            run("ip", "-n", one, "link", "set", "lo", "up")
        run("ip", "-n", self.switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.switch, "link", "set", "br0", "up")
        run("ip", "link", "add", "eth0", "netns", plane, "type", "veth", "peer", "name", f"{self.short}w0", "netns", self.switch)
        run("ip", "-n", self.switch, "link", "set", f"{self.short}w0", "master", "br0", "up")
        run("ip", "-n", plane, "addr", "add", f"{CONTROL_PLANE}/24", "dev", "eth0")
        run("ip", "-n", plane, "addr", "add", "fd30::100/64", "dev", "eth0", "nodad")
        run("ip", "-n", plane, "link", "set", "eth0", "up")

    def start(self):
        self.plane.start()
        for node in self.nodes:  # pods reach the API server, and it answers them
            run("ip", "-n", f"{self.short}cp", "route", "add", node.pods4, "via", node.address4)
            run("ip", "-n", f"{self.short}cp", "-6", "route", "add", node.pods6, "via", node.address6)
        for node in self.nodes:
            node.boot(wait=False)
        for node in self.nodes:
            node.wait_ready()
        return self

    def load_image(self, tar):
        """On every node, and again on every boot."""
        self.images.append(tar)
        for node in self.nodes:
            node.load_image(tar)

    @staticmethod
    def remove_leftovers():
        pids = {found[1] for path in pathlib.Path("/run/netns").glob("hn*") if (found := re.match(r"hn(\d+)(n\d+|sw|cp)$", path.name))}
        for pid in pids:
            if not os.path.exists(f"/proc/{pid}"):
                clean(pid)

    def remove(self):
        for node in self.nodes:
            if node.holder:
                node.power_cut()
        self.plane.stop()
        clean(os.getpid())
        self.janitor.stdin.close()
        self.janitor.wait()
        for node in self.nodes:
            shutil.rmtree(node.directory, ignore_errors=True)
        self.plane.remove()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()


if __name__ == "__main__":
    if sys.argv[1:2] != ["--janitor"]:
        sys.exit("nodes.py is a library; tests/cluster/nodes_check.py shows its use")
    janitor(sys.argv[2])
