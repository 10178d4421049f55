# SPDX-License-Identifier: Apache-2.0
"""scripts/bench kubernetes --outages: the API is away from the agent alone, meanwhile every pod is replaced (the old ones
are dead). From its return until the maps equal what the API says. `resumed`: the watches go on where they were, events
explain what happened; `listed`: the server has forgotten that version (410), so that the old endpoints are held until
the prober has found them dead."""
import os
import random
import time

from kubelab import Peers, kube_lab
from kubenode import spread
from kubernetes_report import OUTAGES, outage
from lab import wait_for

SERVICES, ENDPOINTS = 10, 10  # 100 endpoints in all: so many are held at most
# What the outage looks like from the agent: nobody listens; packets are lost; the server is ill.
WAYS = ("refuse", "blackhole", "blackhole-syn", "status:503")
RETURNS = {"resumed": None, "listed": "watch-expired"}


class Outages:
    def __init__(self, options):
        self.options = options
        self.lab, self.plane, self.proxy = kube_lab(options.bin)
        self.host, self.generation = self.lab.a, 0
        self.host.kubeconfig = self.proxy.kubeconfig()
        self.peers = Peers(self.lab, self.plane)
        for number in range(SERVICES):
            self.peers.add(f"svc{number}", ENDPOINTS)
        self.host.start_daemon()
        self.peers.wait_converged()

    def members(self, generation):
        return range(1 + generation * ENDPOINTS, 1 + (generation + 1) * ENDPOINTS)

    def replace_all(self):
        """The new ones at other addresses."""
        old, self.generation = self.members(self.generation), (self.generation + 1) % 20
        for service in self.peers.services:
            for member in self.members(self.generation):
                self.peers.listen(service, member)
            self.peers.update(service, self.members(self.generation))
            for member in old:
                self.peers.leave(service, member)

    def outage(self, way, seconds, back):
        begin = time.monotonic()
        self.proxy.mode(way)
        self.replace_all()
        time.sleep(max(0.0, seconds - (time.monotonic() - begin)))
        held = 0
        since, returned = self.proxy.last_id(), time.monotonic()
        self.proxy.mode(back or "pass")
        if back:
            lists = lambda: {one["resource"] for one in self.proxy.requests("WATCHLIST", since=since)}  # noqa: E731
            wait_for("the lists", lambda: lists() >= {"services", "endpointslices", "nodes"}, 120)
            self.proxy.mode("pass")
            asked = time.monotonic() - returned
            held = sum(len(one["endpoints"]) for one in self.host.held())
        self.peers.wait_converged(120)
        took = time.monotonic() - returned
        wait_for("`holdfast diff` to find no difference", lambda: self.host.cli("diff")[0] == 0, 60)
        wait_for("holds to end", lambda: not self.host.held(), 60)
        wait_for("the source to be current", lambda: self.host.source()["state"] == "current", 60)
        return {"seconds": took, "held_when_listed": held, **({"listed_after": asked} if back else {})}

    def rows(self):
        for seconds in self.options.outages:
            turns = [(way, back) for way in self.options.ways for back in RETURNS] * self.options.rounds
            taken = {}
            for way, back in random.sample(turns, len(turns)):
                taken.setdefault((way, back), []).append(self.outage(way, seconds, RETURNS[back]))
            for (way, back), each in sorted(taken.items()):
                yield {"outage_seconds": seconds, "way": way, "return": back, "converged": spread([one["seconds"] for one in each]),
                       "held": max(one["held_when_listed"] for one in each), "load": os.getloadavg()[0]}

    def remove(self):
        self.lab.remove()
        self.plane.remove()


def outages(options):
    print(OUTAGES, flush=True)
    lab, rows = Outages(options), []
    try:
        for row in lab.rows():
            rows.append(row)
            print(outage(row), flush=True)
    finally:
        lab.remove()
    return rows
