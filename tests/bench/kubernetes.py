#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holdfast beside the real kube-proxy (nftables mode) on the same API server, each in a network namespace of
its own, joined to this process's, where API server and endpoints are. One endpoint of a service of one is
replaced: from the API's answer to the first connect to the ClusterIP that reaches the new endpoint."""
import argparse
import datetime
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "cluster")]
from cluster import ControlPlane  # noqa: E402
from kubelab import own_network  # noqa: E402
from lab import Host, Lab, run, wait_for  # noqa: E402
from programs import inside  # noqa: E402

API, PORT, VIP = "10.78.0.1", 8080, "10.96.0.99"
TICKS = os.sysconf("SC_CLK_TCK")
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
SERVER = """
import socket
s = socket.create_server(("0.0.0.0", %d), backlog=1024)
while True:
    one, _ = s.accept()
    try:
        one.sendall(one.getsockname()[0].encode())
        one.close()
    except OSError:
        pass
""" % PORT


class Node(Host):
    """A namespace with a default route to where the endpoints are."""

    def create(self):
        super().create()
        veth, far = f"hfv{os.getpid() % 100000}{self.name}", f"10.78.{self.index}"
        run("ip", "link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", self.netns)
        run("ip", "addr", "add", f"{far}.1/24", "dev", veth)
        run("ip", "link", "set", veth, "up")
        run("ip", "-n", self.netns, "addr", "add", f"{far}.2/24", "dev", "eth0")
        run("ip", "-n", self.netns, "link", "set", "eth0", "up")
        run("ip", "-n", self.netns, "route", "add", "default", "via", f"{far}.1")

    def write_config(self):
        (self.directory / "config.yaml").write_text(
            f"node: {{name: node-0}}\ndataplane: {{cgroup: {self.cgroup}, bpffs: {self.bpffs}}}\n"
            f"state_dir: {self.directory}/state\nadmin: {{socket: {self.directory}/admin.sock, listen: '127.0.0.1:9464'}}\n"
            f"sources: [{{name: kube, kubernetes: {{kubeconfig: {self.kubeconfig}}}}}]\n")

    def metrics(self):
        with inside(f"/run/netns/{self.netns}"), urllib.request.urlopen("http://127.0.0.1:9464/metrics", timeout=5) as answer:
            return answer.read().decode()


def event_to_map(before, after):
    """Of the changes between two readings of Holdfast's own histogram: how many, mean, and the buckets' upper bounds of p50 and p99."""
    def read(page):
        rows = {}
        for line in page.splitlines():
            if line.startswith("holdfast_sync_duration_seconds"):
                name, value = line.rsplit(" ", 1)
                rows[name] = float(value)
        return rows

    first, last = read(before), read(after)
    gained = {name: value - first.get(name, 0.0) for name, value in last.items()}
    count = sum(value for name, value in gained.items() if "_count" in name)
    total = sum(value for name, value in gained.items() if "_sum" in name)
    buckets = sorted((float(re.search(r'le="([^"]+)"', name)[1]), value) for name, value in gained.items() if "_bucket" in name)

    def within(part):
        return next((bound for bound, value in buckets if value >= part * count), None)
    return {"count": count, "mean_ms": total / max(count, 1) * 1e3, "p50_within_ms": within(0.5) * 1e3, "p99_within_ms": within(0.99) * 1e3}


class BenchLab(Lab):
    def make_hosts(self):
        hosts = Node(self, "a", 1), Node(self, "b", 2)
        for host in hosts:
            host.create()
        return hosts


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


class Arm:
    """One agent: its process, its dialer, its figures."""

    def __init__(self, name, host, start):
        self.name, self.host, self.watcher = name, host, Watcher(host)
        begin = time.monotonic_ns()
        self.process = start(host)
        self.start = {"ready_seconds": (self.watcher.wait(address_of(0), 300) - begin) / 1e9}
        time.sleep(SETTLE)
        self.start |= {"cpu_seconds": self.cpu(), **self.memory()}
        self.latencies = []

    def cpu(self):
        """Its own and that of the children it waited for (nft)."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / TICKS

    def memory(self):
        rows = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines())
        return {name: int(rows[row].split()[0]) / 1024 for name, row in (("rss_mib", "VmRSS"), ("anon_mib", "RssAnon"))}

    def figures(self, changes, cpu_before):
        ms = sorted(one / 1e6 for one in self.latencies)
        return {"start": self.start, "change_ms": {"min": ms[0], "median": statistics.median(ms), "max": ms[-1], "all": ms},
                "cpu_seconds_a_change": (self.cpu() - cpu_before) / changes, "after": self.memory()}


def address_of(change):
    return f"10.77.{1 + change // 250}.{1 + change % 250}"


def endpoints(change):
    return [{"addresses": [address_of(change)], "nodeName": "node-0", "conditions": {"ready": True, "serving": True, "terminating": False},
             "targetRef": {"kind": "Pod", "namespace": "default", "name": f"probe-{change}", "uid": f"probe-{change}"}}]


def make_probe(plane):
    access = plane.api()
    if access.raw("GET", access.path("Node", name="node-0"))[0] == 404:
        access.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-0"}})
    # kube-proxy waits 30 s for a Node that says no address.
    access.patch("Node", "node-0", {"status": {"addresses": [{"type": "InternalIP", "address": "10.78.2.2"}]}}, how="strategic", part="/status")
    access.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "probe", "namespace": "default"},
                   "spec": {"clusterIP": VIP, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]}})
    access.create({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                   "metadata": {"name": "probe-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "probe"}},
                   "ports": [{"name": "http", "port": PORT, "protocol": "TCP"}], "endpoints": endpoints(0)})


def start_holdfast(plane):
    def start(host):
        host.kubeconfig = plane.kubeconfig("agent")
        return host.start_daemon(wait=False)
    return start


def start_kube_proxy(plane):
    def start(host):
        config = host.directory / "kube-proxy.json"
        config.write_text(json.dumps({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "nftables", "hostnameOverride": "node-0",
            "clientConnection": {"kubeconfig": str(plane.kubeconfig())}, "conntrack": {"maxPerCore": 0}, "clusterCIDR": "10.128.0.0/9"}))
        log = open(host.directory / "kube-proxy.log", "w")
        return host.start(plane.bin / "kube-proxy", "--config", config, stdout=log, stderr=log)
    return start


def measure(options, services, count):
    lab = BenchLab(options.bin)
    with ControlPlane(address=API) as plane:
        plane.bind_agent()
        seeded = plane.seed(services, count)
        make_probe(plane)
        server = subprocess.Popen([sys.executable, "-c", SERVER])
        lab.processes.append(server)
        arms = [Arm("Holdfast", lab.hosts[0], start_holdfast(plane)), Arm("kube-proxy", lab.hosts[1], start_kube_proxy(plane))]
        cpu, before = [arm.cpu() for arm in arms], arms[0].host.metrics()
        for change in range(1, options.changes + 1):
            plane.api().patch("EndpointSlice", "probe-1", {"endpoints": endpoints(change)})
            answered = time.monotonic_ns()
            for arm in arms:
                arm.latencies.append(arm.watcher.wait(address_of(change), 60) - answered)
            time.sleep(SETTLE)
        result = {"services": services, "endpoints": count, "changes": options.changes, "seed": seeded, "load": os.getloadavg(),
                  "arms": {arm.name: arm.figures(options.changes, used) for arm, used in zip(arms, cpu)},
                  "event_to_map": event_to_map(before, arms[0].host.metrics())}
    lab.remove()
    return result


def table(result):
    yield (f"{result['services']:,} services × {result['endpoints']}, {result['changes']} changes, load {result['load'][0]:.1f}; "
           "ms from the API's answer to the first connect that reaches the new endpoint:\n")
    yield "| | change min / median / max, ms | CPU a change, s | start to first connect, s | CPU of the start, s | RssAnon, MiB | RSS, MiB |"
    yield "|---|---|---|---|---|---|---|"
    for name, arm in result["arms"].items():
        ms = arm["change_ms"]
        yield (f"| {name} | {ms['min']:.1f} / **{ms['median']:.1f}** / {ms['max']:.1f} | {arm['cpu_seconds_a_change']:.3f} | {arm['start']['ready_seconds']:.2f} | "
               f"{arm['start']['cpu_seconds']:.2f} | {arm['after']['anon_mib']:.1f} | {arm['after']['rss_mib']:.1f} |")
    ours, theirs = (arm["change_ms"]["median"] for arm in result["arms"].values())
    own = result["event_to_map"]
    yield (f"\nkube-proxy's median less Holdfast's: {theirs - ours:.0f} ms. Holdfast's own count, event received to map switched: {own['count']:.0f} changes, "
           f"mean {own['mean_ms']:.1f} ms, p50 within {own['p50_within_ms']:g} ms, p99 within {own['p99_within_ms']:g} ms.\n")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench kubernetes", description=__doc__)
    parser.add_argument("--bin", default="build/release/bin", help="where holdfastd is")
    parser.add_argument("--size", action="append", metavar="SERVICESxENDPOINTS", help="default 1000x10 and 5000x10; may be repeated")
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="200x10, 3 changes: that it works, no figures")
    parser.add_argument("--json", type=pathlib.Path, default=pathlib.Path("build/bench/kubernetes.json"))
    options = parser.parse_args()
    if options.quick:
        options.size, options.changes = ["200x10"], 3
    own_network()
    run("ip", "addr", "add", f"{API}/32", "dev", "lo")
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    results = []
    options.json.parent.mkdir(parents=True, exist_ok=True)
    for size in options.size or ["1000x10", "5000x10"]:
        services, count = map(int, size.split("x"))
        results.append(measure(options, services, count))
        print("\n".join(table(results[-1])), flush=True)
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes")
    options.json.write_text(json.dumps({"date": now, "kernel": os.uname().release, "results": results}, indent=1))
    if options.quick:
        print(f"ok bench:kubernetes: {options.changes} changes reached by connects through both")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
