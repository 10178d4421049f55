# SPDX-License-Identifier: Apache-2.0
"""scripts/bench kubernetes --large: one endpoint of a random service is added, removed or replaced, again and again,
in a cluster of 10,000 services of 100 endpoints: from the event's bytes read to the pool's word switched, by the
daemon's own histogram, and from the API's answer, seen in the map. And the daemon's memory, at several sizes: while it
lists first, at rest, restarted over its maps, while it lists anew after a 410."""
import os
import random
import signal
import time

import kubernetes_report
from apiproxy import ApiProxy
from kubelab import KubeLab
from kubenode import Agent, MemoryWatch, metrics, percentile
from lab import wait_for
from seeded import start_seeded
from switches import PoolWatch, switches

GAP = 0.1  # seconds at most between two changes: they meet whatever else the daemon does at the time
READY = 300
REST = 15  # the first snapshot, which comes at once, and the one after it
PORT = 8080


class Changes:
    """Single changes of seeded services, of which each has one slice."""

    def __init__(self, plane, pools, services, count):
        self.plane, self.pools, self.services = plane, pools, services
        self.sizes = [count] * services
        self.random = random.Random(1)
        self.fresh = 0

    def endpoint(self):
        self.fresh += 1
        return {"addresses": [f"10.{192 + self.fresh // 65536}.{self.fresh // 256 % 256}.{self.fresh % 256}"], "nodeName": f"node-{self.fresh % 10}",
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "targetRef": {"kind": "Pod", "namespace": "default", "name": f"new-{self.fresh}", "uid": f"00000000-0000-4000-9000-{self.fresh:012x}"}}

    def draw(self):
        """(what, number of the service, JSON patch)"""
        number = self.random.randrange(self.services)
        size = self.sizes[number]
        at = self.random.randrange(size)
        what = self.random.choice(("added", "removed", "replaced")) if size > 2 else "added"
        self.sizes[number] += {"added": 1, "removed": -1, "replaced": 0}[what]
        return what, number, {"added": [{"op": "add", "path": "/endpoints/-", "value": self.endpoint()}],
                              "removed": [{"op": "remove", "path": f"/endpoints/{at}"}],
                              "replaced": [{"op": "replace", "path": f"/endpoints/{at}", "value": self.endpoint()}]}[what]

    def make(self, watch):
        """What it was, and milliseconds from the API's answer until the map was seen switched."""
        what, number, patch = self.draw()
        watch.expect(self.pools[f"default/svc-{number:06d}"])
        self.plane.api().patch("EndpointSlice", f"svc-{number:06d}-v4-0", patch, how="json")
        answered = time.monotonic_ns()
        return what, (watch.wait() - answered) / 1e6


def pools_of(host):
    return {row["service"]: row["pool"] for row in host.json("frontend", "list")}


def settled(host, seconds=READY):
    """All listed and served, and the snapshot of it written."""
    wait_for("the source to be current", lambda: host.ready() and host.source()["state"] == "current", seconds)


def first_list(lab, rest):
    host = lab.a
    begin = time.monotonic()
    agent = Agent(host.start_daemon(wait=False))
    watch = MemoryWatch(agent)
    settled(host)
    seconds = time.monotonic() - begin
    time.sleep(rest)
    return agent, {"seconds": seconds, "cpu_seconds": agent.cpu(), "peak_anon_mib": watch.stop(), **agent.memory()}


def restarted(lab, kubeconfig, rest):
    host = lab.a
    host.stop_daemon(signal.SIGTERM)
    host.kubeconfig = kubeconfig
    begin = time.monotonic()
    agent = Agent(host.start_daemon(wait=False))
    watch = MemoryWatch(agent)
    wait_for("the daemon to be ready", host.ready, READY)
    ready = time.monotonic() - begin
    settled(host)
    time.sleep(rest)
    return agent, {"ready_seconds": ready, "peak_anon_mib": watch.stop(), **agent.memory()}


def relisted(lab, agent, proxy):
    """410 in the watches: each kind is listed once more."""
    watch, used, begin = MemoryWatch(agent), agent.cpu(), time.monotonic()
    proxy.mode("pass", onset="expired")
    wait_for("the lists to end", lambda: lab.a.source()["details"]["relists"] >= 3 and lab.a.source()["state"] == "current", READY)
    seconds = time.monotonic() - begin
    time.sleep(3)
    return {"seconds": seconds, "cpu_seconds": agent.cpu() - used, "peak_anon_mib": watch.stop(), **agent.memory()}


def single_changes(options, plane, host, agent, services, count):
    changes = Changes(plane, pools_of(host), services, count)
    watch = PoolWatch(host.bpffs)
    for _ in range(20):
        changes.make(watch)  # connections are made, caches are warm
    before, used, begin, memory = metrics(host), agent.cpu(), time.monotonic(), MemoryWatch(agent)
    taken = {"added": [], "removed": [], "replaced": []}
    for _ in range(options.single):
        what, ms = changes.make(watch)
        taken[what].append(ms)
        time.sleep(changes.random.uniform(0, GAP))
    seconds = time.monotonic() - begin
    every = [one for each in taken.values() for one in each]
    return {"changes": options.single, "peak_anon_mib": memory.stop(), "seconds": seconds, "cpu_seconds_a_change": (agent.cpu() - used) / options.single,
            "own": switches(before, metrics(host)),
            "seen": {name: {"count": len(each), "p50": percentile(each, 0.5), "p99": percentile(each, 0.99), "max": max(each)}
                     for name, each in {**taken, "all": every}.items() if each}}


def measure(options, services, count):
    plane = start_seeded(services, count)
    lab = KubeLab(options.bin)
    try:
        plane.bind_agent()
        lab.a.kubeconfig = plane.kubeconfig("agent")
        rest = 2 if options.quick else REST
        agent, listed = first_list(lab, rest)
        result = {"services": services, "endpoints": count, "first_list": listed,
                  "single": single_changes(options, plane, lab.a, agent, services, count), "after_changes": agent.memory()}
        proxy = ApiProxy(plane).start()
        agent, result["restarted"] = restarted(lab, proxy.kubeconfig(), rest)
        result["relisted"] = relisted(lab, agent, proxy)
        return {**result, "load": os.getloadavg()[0]}
    finally:
        lab.remove()
        plane.remove()


def large(options, sizes):
    results = [measure(options, *map(int, size.split("x"))) for size in sizes]
    print("\n".join(kubernetes_report.large(results)), flush=True)
    return results
