#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What sets of maps must outlive: the catalog grows from 1,000 to 100,000 services, the daemon gives
way to one whose maps are laid out otherwise and back, dies at any step of that, and starts again
from what it remembers, while others dial all the time and 1,000 connections that were there before
go on. As in scenario.py: `ok e2e:NAME: figures` or `FAIL e2e:NAME: what`; the full form is without
options.

Who answers says which endpoint it is: a connect that ends at another service's is `wrong`, one whose
getpeername is not what was dialled is `peer`. No connect reaches anything without Holdfast: nothing
leads to the frontends. Every zero stands beside its sabotage, in the same harness."""
import argparse
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab import Failed, Lab, expect, run, wait_for  # noqa: E402

OTHER = "holdfastd_layout_all"
IN_FILE = 1000  # services
PATIENCE = 900  # seconds, for a catalog of 100,000 services on a machine that others use


def frontends(service):
    addresses = [f"10.{96 + (service >> 16)}.{service >> 8 & 255}.{service & 255}"]
    return addresses + ([f"fd96::{service >> 16:x}:{service & 0xffff:x}"] if service % 8 == 0 else [])


def endpoint(service, number, family):
    at = 16 * service + number
    return f"10.{128 + (at >> 16)}.{at >> 8 & 255}.{at & 255}" if family == 4 else f"fd80::{at >> 16:x}:{at & 0xffff:x}"


def objects(service, endpoints):
    """As outlive_load.cpp has them."""
    name, addresses = f"s{service}", frontends(service)
    yield {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
           "spec": {"clusterIP": addresses[0], "clusterIPs": addresses, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}}
    for family in (4, 6)[:len(addresses)]:
        rows = [{"addresses": [endpoint(service, one, family)], "nodeName": "host-a",
                 "conditions": {"ready": True, "serving": True, "terminating": False},
                 "targetRef": {"kind": "Pod", "name": f"{name}-{one}", "uid": f"uid-{service}-{one}"}} for one in range(endpoints)]
        yield {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": f"IPv{family}",
               "metadata": {"name": f"{name}-v{family}", "namespace": "default", "labels": {"kubernetes.io/service-name": name}},
               "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}], "endpoints": rows}


class Talk:
    """A process that answers a line with a line of JSON."""

    def __init__(self, host, program, *arguments):
        self.process = host.start(program, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        expect(answer, f"no answer to `{line}`")
        return json.loads(answer)

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)


class Outlive:
    def __init__(self, lab, options):
        self.host, self.options = lab.a, options
        self.load_program = lab.bin / "outlive_load"
        self.random = random.Random(options.seed)
        self.services = 0
        self.phases, self.broken = 0, 0
        for command in (("route", "add", "local", "10.128.0.0/9", "dev", "lo"), ("-6", "route", "add", "local", "fd80::/64", "dev", "lo"),
                        # Frontends lead nowhere, and at once.
                        ("route", "add", "unreachable", "10.96.0.0/12"), ("-6", "route", "add", "unreachable", "fd96::/64")):
            run("ip", "-n", self.host.netns, *command)
        self.server = self.host.start(self.load_program, "serve", stdout=subprocess.PIPE, text=True)
        expect(self.server.stdout.readline(), "no server")
        self.total = {"attempted": 0, "failed": 0, "wrong": 0, "peer": 0}

    # --- the catalog --------------------------------------------------------------------------------
    def write(self, services):
        for first in range(self.services - self.services % IN_FILE, services, IN_FILE):
            items = [one for service in range(first, min(first + IN_FILE, services))
                     for one in objects(service, self.options.endpoints)]
            self.host.write_catalog(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), f"part-{first:06}.json")
        self.services = services

    def publish(self, services):
        self.write(services)
        wait_for(f"{services} services in the maps", self.applied, PATIENCE)

    def status(self):
        """A daemon that reads a catalog of this size answers late: then the CLI gives up first."""
        answers = []
        wait_for("an answer to `status`", lambda: "maps" in (answers.append(self.host.json("status")) or answers[-1]), PATIENCE)
        return answers[-1]

    def applied(self):
        status = self.status()
        used = {row["name"]: row["used"] for row in status["maps"]}
        return used.get("frontends") == sum(len(frontends(one)) for one in range(self.services)) and status["generation"] == status["desired_generation"]

    # --- the daemon ---------------------------------------------------------------------------------
    def start(self, program="holdfastd", trial=""):
        self.host.program = program
        os.environ["HOLDFAST_TRIAL"] = trial
        self.host.start_daemon(wait=False)
        wait_for(f"{program} to be ready", self.ready, PATIENCE)

    def ready(self):
        expect(self.host.daemon.poll() is None, f"{self.host.program} ended by itself, status {self.host.daemon.poll()}")
        return self.host.ready()

    def end(self, turn):
        """SIGKILL and SIGTERM by turns."""
        self.host.daemon.send_signal(signal.SIGTERM if turn % 2 else signal.SIGKILL)
        self.host.daemon.wait(PATIENCE)

    def set(self):
        return self.status()["set"]

    def in_order(self):
        """One set, which is the current one, and nothing in the making."""
        names = sorted(path.name for path in self.host.bpffs.iterdir())
        expect(names == ["current", "links", f"set_{self.set()}", "shared"], f"pinned: {names}")
        expect(os.readlink(self.host.bpffs / "current") == f"set_{self.set()}", "current names another set")

    # --- the workload -------------------------------------------------------------------------------
    def begin_load(self):
        self.dial = Talk(self.host, self.load_program, "dial", 2)
        self.hold = Talk(self.host, self.load_program, "hold", self.options.long)
        opened = self.hold.ask(f"services {self.services}")
        expect(opened["open"] == self.options.long and opened["wrong"] == 0 and opened["peer"] == 0, json.dumps(opened))
        self.dial.ask(f"services {self.services}")
        self.last = self.dial.ask("count")

    def counts(self):
        """Of the connects since it was last asked."""
        now = self.dial.ask("count")
        counts = {key: now[key] - self.last[key] for key in self.total}
        counts["samples"] = {what: times - self.last["samples"].get(what, 0) for what, times in now["samples"].items()
                             if times != self.last["samples"].get(what, 0)}
        self.last = now
        return counts

    def dialled(self, more):
        goal = self.dial.ask("count")["attempted"] + more
        wait_for(f"{more} connects more", lambda: self.dial.ask("count")["attempted"] >= goal, PATIENCE)

    def all_good(self):
        counts = self.counts()
        for key in self.total:
            self.total[key] += counts[key]
        expect(counts["failed"] + counts["wrong"] + counts["peer"] == 0, json.dumps(counts))
        held = self.hold.ask("count")
        expect(held["broken"] == 0 and held["peer_seen"] == 0 and held["open"] == self.options.long, json.dumps(held))
        return (f"{counts['attempted']} connects, 0 failed, 0 wrong, getpeername right; {held['open']} older connections, "
                f"0 broken, getpeername right, {held['echoes']} bytes there and back so far")

    def in_flight(self):
        return sum(row["in_flight"] for row in self.host.json("endpoint", "list"))

    def counts_are_exact(self):
        self.dial.ask("pause")
        # What was just closed is settled by the kernel a little later.
        wait_for("as many in flight as are open", lambda: self.in_flight() == self.options.long, PATIENCE)
        self.dial.ask("resume")

    # --- what must hold -----------------------------------------------------------------------------
    def case_growth(self):
        self.write(1000)
        self.start()
        self.publish(1000)
        self.begin_load()
        self.counts()
        first = self.set()
        for services in self.options.steps:
            self.publish(services)
            self.dial.ask(f"services {services}")
            self.dialled(200)
        self.in_order()
        last = self.set()
        expect(last > first, "it did not grow")
        self.counts_are_exact()
        return f"from 1,000 to {self.services:,} services x {self.options.endpoints}, {last - first} larger sets: {self.all_good()}"

    def change_to(self, turn, program, trial=""):
        before = self.set()
        self.end(turn)
        self.start(program, trial)
        self.in_order()
        expect(self.set() == before + 1, f"set {self.set()} after set {before}")
        self.dialled(200)

    def case_layouts(self):
        for turn in range(self.options.turns):
            self.change_to(turn, OTHER if turn % 2 == 0 else "holdfastd")
            if turn % 5 == 4:
                self.publish(self.services + 1)  # and updates go on
        if self.options.turns % 2:
            self.change_to(1, "holdfastd")
        self.counts_are_exact()
        return f"{self.options.turns} upgrades and downgrades, every map and the sockets laid out otherwise: {self.all_good()}"

    def case_versions(self):
        """Up from the version before and down to it again, at random moments of a changing catalog."""
        before, sets = str(pathlib.Path(self.options.before).resolve() / "holdfastd"), {self.set()}
        for turn in range(2 * self.options.turns):
            self.end(self.random.randint(0, 1))
            if turn % 3 == 0:
                self.write(self.services + 1)  # while nobody looks
            self.start(before if turn % 2 == 0 else "holdfastd")
            wait_for(f"{self.services} services in the maps", self.applied, PATIENCE)
            self.in_order()
            sets.add(self.set())
            self.dialled(200)
        self.counts_are_exact()
        return f"{self.options.turns} times down to the version before and up again, {len(sets)} sets: {self.all_good()}"

    def steps_of_a_move(self):
        self.end(0)
        self.start(OTHER, "steps")
        steps = int(re.findall(r"trial: (\d+) steps", (self.host.directory / "holdfastd.log").read_text())[-1])
        expect(steps > 40, f"only {steps} steps")
        self.end(0)
        self.start()
        return steps

    def case_ends_in_the_middle(self):
        steps, at = self.steps_of_a_move(), []
        for turn in range(self.options.ends):
            at.append(self.random.randint(1, steps))
            self.end(turn)
            self.host.program = OTHER
            os.environ["HOLDFAST_TRIAL"] = f"stop-at={at[-1]}"
            status = self.host.start_daemon(wait=False).wait(PATIENCE)
            expect(status == -signal.SIGKILL, f"before step {at[-1]} of {steps}: status {status}")
            self.start(OTHER if turn % 2 else "holdfastd")
            self.in_order()
            if turn % 2:
                self.change_to(turn, "holdfastd")
        self.counts_are_exact()
        return f"ended before steps {sorted(at)} of {steps} of an upgrade: {self.all_good()}"

    def case_restarts_without_a_source(self):
        self.snapshot_written()
        self.take_source_away()
        for turn in range(self.options.turns):
            self.end(turn)
            self.start()
            self.in_order()
        while self.total["attempted"] + self.dial.ask("count")["attempted"] - self.last["attempted"] < self.options.connects:
            self.dialled(1000)
        self.counts_are_exact()
        return f"{self.options.turns} restarts, no source: {self.all_good()}"

    def case_unknown_layout(self):
        """The set says nothing that the next version understands: it serves until another is filled."""
        shown = 0
        for turn in range(self.options.ends):
            self.change_to(turn, OTHER, "unknown-layout")
            self.change_to(turn, "holdfastd")
            counts = self.counts()
            shown += counts["peer"]
            for key in self.total:
                self.total[key] += 0 if key == "peer" else counts[key]
            expect(counts["failed"] + counts["wrong"] == 0, json.dumps(counts))
        held = self.hold.ask("count")
        expect(held["broken"] == 0 and held["open"] == self.options.long, json.dumps(held))
        expect(held["peer_now"] == self.options.long, f"{held['peer_now']} show their endpoint")
        return (f"{self.options.ends} sets that cannot be read gave way: 0 connects failed, 0 wrong, {shown} made amid the switch show "
                f"their endpoint; {held['open']} older connections, 0 broken (they show their endpoint)")

    def case_reboots(self):
        """What was pinned is gone: programs, links, the state of sockets. Only a snapshot is left."""
        shown = 0
        for turn in range(self.options.turns):
            self.dial.ask("pause")
            self.end(turn)
            expect(self.host.cli("uninstall")[0] == 0, "uninstall")
            self.start()
            self.dial.ask("resume")
            younger = Talk(self.host, self.load_program, "hold", 20)
            shown += 20 - younger.ask(f"services {self.services}")["peer"]
            self.dialled(200)
            expect(younger.ask("count")["broken"] == 0, "a connection of this life broke")
            younger.end()
        counts, held = self.counts(), self.hold.ask("count")
        for key in self.total:
            self.total[key] += counts[key]
        expect(counts["failed"] + counts["wrong"] + counts["peer"] == 0, json.dumps(counts))
        expect(held["broken"] == 0 and held["open"] == self.options.long, json.dumps(held))
        expect(shown == 20 * self.options.turns, f"{shown} of {20 * self.options.turns} show what was dialled")
        # The one thing that is lost: the state of sockets went with its map.
        expect(held["peer_now"] == self.options.long, f"{held['peer_now']} show their endpoint")
        return (f"{self.options.turns} starts from the snapshot alone: {counts['attempted']} connects, 0 failed, 0 wrong, getpeername right; "
                f"{held['open']} older connections, 0 broken (they show their endpoint)")

    def case_total(self):
        expect(self.total["attempted"] >= self.options.connects, f"only {self.total['attempted']} connects")
        return ", ".join(f"{self.total[key]} {key}" for key in self.total) + f"; {self.options.long} long connections, 0 broken"

    def snapshot_written(self):
        def newest():
            status = self.status()
            return (status["snapshot"] or {}).get("generation") == status["generation"]
        wait_for("the snapshot", newest, PATIENCE)

    def take_source_away(self):
        self.host.catalog.rename(self.host.directory / "gone")

    # --- and its sabotage ---------------------------------------------------------------------------
    def case_sabotage_links_in_the_wrong_order(self):
        self.change_to(0, OTHER, "pause=50")
        right = self.counts()
        self.change_to(0, "holdfastd")
        self.counts()
        self.change_to(0, OTHER, "connects-first pause=50")
        wrong = self.counts()
        self.change_to(0, "holdfastd")
        self.counts()
        expect(right["failed"] + right["wrong"] + right["peer"] == 0, f"in the right order: {json.dumps(right)}")
        expect(wrong["failed"] + wrong["wrong"] + wrong["peer"] > 0, "the wrong order, and nothing is seen")
        return (f"connects before getpeername: {wrong['peer']} of {wrong['attempted']} show another peer, as must be; "
                f"0 of {right['attempted']} in the right order with the same pauses")

    def case_sabotage_no_cut(self):
        self.dial.ask("pause")
        # Of this set's own time: what was there before is in its bases, and those are copied anyway.
        younger = Talk(self.host, self.load_program, "hold", 50)
        younger.ask(f"services {self.services}")
        wanted = self.options.long + 50
        wait_for("as many in flight as are open", lambda: self.in_flight() == wanted, PATIENCE)
        self.end(0)
        self.start(OTHER, "no-cut")
        counted = self.in_flight()
        younger.end()
        self.dial.ask("resume")
        self.change_to(0, "holdfastd")
        expect(counted != wanted, "no counts are carried over, and nothing is seen")
        return f"without the cut {counted} are in flight of {wanted}, as must be"


# Sabotage spoils what is in flight: it comes after the last case that asks for it. New maps count anew.
CASES = ["growth", "versions", "layouts", "ends_in_the_middle", "restarts_without_a_source", "sabotage_no_cut",
         "sabotage_links_in_the_wrong_order", "unknown_layout", "reboots", "total"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--before", metavar="BIN", help="a build of another version: up from it and down to it under load")
    parser.add_argument("--short", action="store_true", help="a minute: 6,000 services, 4 turns of each")
    parser.add_argument("--services", type=int, default=100_000)
    parser.add_argument("--endpoints", type=int, default=3, help="of each service, at most 16")
    parser.add_argument("--connects", type=int, default=1_000_000, help="at least so many in all")
    parser.add_argument("--long", type=int, default=1000, help="connections that are there from the beginning")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--ends", type=int, default=10, help="in the middle of an upgrade; and sets that cannot be read")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.short:
        options.services, options.connects, options.turns, options.ends = 6000, 10_000, 4, 2
    cases = [name for name in CASES if name != "versions" or options.before]
    options.steps = [one for one in (2000, 5000, 10_000, 20_000, 50_000) if one < options.services] + [options.services]
    if os.geteuid() != 0:
        print("skip e2e:outlive: needs root, for network namespaces and BPF")
        return 0
    lab = Lab(options.bin)
    outlive = Outlive(lab, options)
    failed = 0
    for name in cases:
        try:
            print(f"ok e2e:outlive_{name}: {getattr(outlive, 'case_' + name)()}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAIL e2e:outlive_{name}: {type(error).__name__}: {error}", flush=True)
            if not isinstance(error, Failed):
                log = lab.a.directory / "holdfastd.log"
                print(log.read_text()[-2000:] if log.exists() else "no log")
                break
    lab.remove()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
