# SPDX-License-Identifier: Apache-2.0
"""Agents of one node on a real API server, for the benchmarks: Holdfast and the real kube-proxy, each in a
network namespace with a way to where API server and endpoints are; the service that is changed, and who sees it."""
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "cluster")]
from lab import Host, Lab, run, wait_for  # noqa: E402

API, PORT, VIP = "10.78.0.1", 8080, "10.96.0.99"
TICKS = os.sysconf("SC_CLK_TCK")
CPUCLOCK_SCHED = 2  # clock_getcpuclockid(3), which Python has for threads only
READY = 120  # seconds; an agent that does not serve by then is told as such
SETTLE = 2.0  # between changes: kube-proxy syncs at most once a second

# Runs in the namespace: a line for each new peer, "address nanoseconds". CLOCK_MONOTONIC is one for all.
DIALER = """
import socket, struct, sys, time
last, linger = None, struct.pack("ii", 1, 0)
while True:
    s = socket.socket()
    s.settimeout(0.5)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    try:
        s.connect((sys.argv[1], 80))
        peer = s.recv(64).decode()
        if peer and peer != last:
            last = peer
            print(peer, time.monotonic_ns(), flush=True)
    except OSError:
        pass
    s.close()
    time.sleep(0.001)
"""
# Answers each connect with the address that it was made to.
SERVER = f"""
import socket
s = socket.create_server(("0.0.0.0", {PORT}), backlog=1024)
while True:
    one, _ = s.accept()
    try:
        one.sendall(one.getsockname()[0].encode())
        one.close()
    except OSError:
        pass
"""


def metrics(host):
    """Over the admin socket, which is of no network namespace."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(60)
        one.connect(str(host.directory / "admin.sock"))
        one.sendall(b"GET /metrics HTTP/1.1\r\nHost: holdfast\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: one.recv(65536), b"")).decode()


class Node(Host):
    """A namespace with a default route to where the endpoints are. Each has a number of its own: what a
    namespace leaves behind goes a moment after it."""
    made = 0

    def __init__(self, lab):
        Node.made += 1
        super().__init__(lab, "a", Node.made)
        self.veth = f"hfv{os.getpid() % 100000}n{self.index}"
        self.address = f"10.78.{self.index}.2"

    def create(self):
        super().create()
        far = f"10.78.{self.index}.1"
        run("ip", "link", "add", self.veth, "type", "veth", "peer", "name", "eth0", "netns", self.netns)
        run("ip", "addr", "add", f"{far}/24", "dev", self.veth)
        run("ip", "link", "set", self.veth, "up")
        run("ip", "-n", self.netns, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.netns, "link", "set", "eth0", "up")
        run("ip", "-n", self.netns, "route", "add", "default", "via", far)

    def write_config(self):
        (self.directory / "config.yaml").write_text(
            f"node: {{name: node-0}}\ndataplane: {{cgroup: {self.cgroup}, bpffs: {self.bpffs}}}\n"
            f"state_dir: {self.directory}/state\nadmin: {{socket: {self.directory}/admin.sock, listen: '127.0.0.1:9464'}}\n"
            f"sources: [{{name: kube, kubernetes: {{kubeconfig: {self.kubeconfig}}}}}]\n")


class NodeLab(Lab):
    def make_hosts(self):
        self.node = Node(self)
        self.node.create()
        return (self.node,)

    def remove(self):
        if self.removed:
            return
        (self.node.cgroup / "cgroup.kill").write_text("1")  # iptables outlives the kube-proxy that started it
        run("ip", "link", "del", self.node.veth, check=False)
        super().remove()


class Agent:
    """A process and what it uses."""

    def __init__(self, process):
        self.process = process

    def cpu(self):
        """Its own, by the kernel's clock of the process, and that of the children it waited for (nft, iptables), in seconds."""
        own = time.clock_gettime(~self.process.pid << 3 | CPUCLOCK_SCHED)
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return own + sum(map(int, fields[13:15])) / TICKS

    def memory(self):
        """In MiB. The peak is of all resident memory: the kernel keeps none of the anonymous part alone."""
        rows = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines())
        return {name: int(rows[row].split()[0]) / 1024 for name, row in (("rss_mib", "VmRSS"), ("anon_mib", "RssAnon"), ("peak_rss_mib", "VmHWM"))}


class MemoryWatch:
    """The highest RssAnon of a process between start and stop."""

    def __init__(self, agent):
        self.agent, self.peak, self.running = agent, 0.0, True
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while self.running:
            self.peak = max(self.peak, self.agent.memory()["anon_mib"])
            time.sleep(0.02)

    def stop(self):
        self.running = False
        self.thread.join()
        return self.peak


class Watcher:
    """The dialer of one namespace, and when each peer was first reached."""

    def __init__(self, host):
        self.seen = {}
        self.process = host.start(sys.executable, "-c", DIALER, VIP, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            address, when = line.split()
            self.seen[address] = int(when)

    def wait(self, address, seconds):
        wait_for(f"a connect to reach {address}", lambda: address in self.seen, seconds)
        return self.seen[address]


def address_of(change):
    return f"10.77.{1 + change // 250}.{1 + change % 250}"


def endpoints(change):
    return [{"addresses": [address_of(change)], "nodeName": "node-0", "conditions": {"ready": True, "serving": True, "terminating": False},
             "targetRef": {"kind": "Pod", "namespace": "default", "name": f"probe-{change}", "uid": f"probe-{change}"}}]


def make_probe(plane):
    """The service that is changed: one endpoint, of which address_of() tells the address."""
    access = plane.api()
    access.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-0"}})
    access.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "probe", "namespace": "default"},
                   "spec": {"clusterIP": VIP, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]}})
    access.create({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                   "metadata": {"name": "probe-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "probe"}},
                   "ports": [{"name": "http", "port": PORT, "protocol": "TCP"}], "endpoints": endpoints(0)})


def start_holdfast(plane, node):
    node.kubeconfig = plane.kubeconfig("agent")
    return node.start_daemon(wait=False)


def start_kube_proxy(mode):
    def start(plane, node):
        # kube-proxy waits 30 s for a Node that says no address.
        plane.api().patch("Node", "node-0", {"status": {"addresses": [{"type": "InternalIP", "address": node.address}]}},
                          how="strategic", part="/status")
        config = node.directory / "kube-proxy.json"
        config.write_text(json.dumps({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": mode, "hostnameOverride": "node-0",
            "clientConnection": {"kubeconfig": str(plane.kubeconfig())}, "conntrack": {"maxPerCore": 0}, "clusterCIDR": "10.128.0.0/9"}))
        log = open(node.directory / "kube-proxy.log", "w")
        return node.start(plane.bin / "kube-proxy", "--config", config, stdout=log, stderr=log)
    return start


STARTS = {"Holdfast": start_holdfast, "kube-proxy nftables": start_kube_proxy("nftables"), "kube-proxy iptables": start_kube_proxy("iptables")}


class Arm(Agent):
    """One agent alone, with the dialer that sees its changes."""

    def __init__(self, name, plane, node, change):
        self.plane, self.node, self.watcher = plane, node, Watcher(node)
        begin = time.monotonic_ns()
        super().__init__(STARTS[name](plane, node))
        ready = self.watcher.wait(address_of(change), READY)
        time.sleep(SETTLE)
        self.start = {"ready_seconds": (ready - begin) / 1e9, "cpu_seconds": self.cpu()}

    def change(self, number):
        """Milliseconds from the API's answer to the first connect on the new endpoint."""
        self.plane.api().patch("EndpointSlice", "probe-1", {"endpoints": endpoints(number)})
        answered = time.monotonic_ns()
        return (self.watcher.wait(address_of(number), 60) - answered) / 1e6


def spread(values):
    ordered = sorted(values)
    return {"min": ordered[0], "median": statistics.median(ordered), "max": ordered[-1]}


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
