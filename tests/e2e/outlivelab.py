# SPDX-License-Identifier: Apache-2.0
"""A host of outlive.py: its catalog, its daemon, and who dials there meanwhile."""
import json
import os
import random
import signal
import subprocess

from lab import Failed, expect, run, wait_for

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


class Witness:
    """Programs behind the daemon's own (witness.bpf.c), which tell what a close that was not counted met."""
    HOOKS = {"connected4": "cgroup_inet4_connect", "connected6": "cgroup_inet6_connect", "released": "cgroup_inet_sock_release"}

    def __init__(self, lab, host):
        self.host, self.pins = host, lab.bpffs / f"witness-{host.name}"
        self.maps = lab.bpffs / f"witness-{host.name}-maps"
        run("bpftool", "prog", "loadall", str(lab.bin.parent / "bpf" / "witness.bpf.o"), str(self.pins), "pinmaps", str(self.maps),
            "map", "name", "sockets", "pinned", str(host.bpffs / "shared" / "sockets"))
        for program, hook in self.HOOKS.items():
            run("bpftool", "cgroup", "attach", str(host.cgroup), hook, "pinned", str(self.pins / program), "multi")

    def dump(self, name):
        rows = json.loads(run("bpftool", "-j", "map", "dump", "pinned", str(self.maps / name)).stdout)
        return [int.from_bytes(bytes(int(byte, 16) for byte in row["value"]), "little") for row in rows]

    def tell(self):
        told = dict(zip(("redirected", "settled", "stateless", "unsettled"), self.dump("seen"), strict=True))
        return {**told, "open": len(self.dump("open_sockets"))}

    def end(self):
        """Nothing else removes what bpftool attached before the cgroup is gone."""
        for program, hook in self.HOOKS.items():
            run("bpftool", "cgroup", "detach", str(self.host.cgroup), hook, "pinned", str(self.pins / program))


class Outlived:
    """A host with its daemon, its catalog and its load."""

    def __init__(self, lab, host, options):
        self.lab, self.host, self.options = lab, host, options
        self.load_program = lab.bin / "outlive_load"
        self.random = random.Random(options.seed)
        self.services = 0
        self.witness = None
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
        expect(held["broken"] == 0 and held["open"] == self.options.long, json.dumps(held))
        shown = "getpeername right" if held["peer_seen"] == 0 else "they show their endpoint: this kernel lets nobody copy their states"
        expect(held["peer_seen"] == 0 or self.uncopied(), json.dumps(held))
        return (f"{counts['attempted']} connects, 0 failed, 0 wrong, getpeername right; {held['open']} older connections, "
                f"0 broken, {shown}, {held['echoes']} bytes there and back so far")

    def uncopied(self):
        """The daemon has met a kernel that refuses the iterator to everybody (docs/deploy.md), and has said so."""
        return "this kernel refuses programs that walk the states of sockets" in (self.host.directory / "holdfastd.log").read_text()

    def in_flight(self):
        return sum(row["in_flight"] for row in self.host.json("endpoint", "list"))

    def counts_are_exact(self):
        self.dial.ask("pause")
        # What was just closed is settled by the kernel a little later.
        wait_for("as many in flight as are open", lambda: self.in_flight() == self.options.long, PATIENCE)
        self.dial.ask("resume")

    # --- what became of every connect ---------------------------------------------------------------
    def fates(self):
        """Of redirected sockets; `lost` were neither settled nor are open. Nobody dials meanwhile; a list of counters
        that changes begins anew, so only from a daemon to one of its own build."""
        counters = {row["name"]: row["value"] for row in self.host.json("map", "dump", "counters")}
        told = {name: counters.get(name, 0) for name in ("settled", "stale_handle", "no_storage", "kernel_socket")}
        told["open"] = self.hold.ask("count")["open"]
        lost = counters["redirected"] - sum(told.values())
        return {"lost": lost, "in flight": self.in_flight(), "redirected": counters["redirected"], **told}

    def none_is_lost(self):
        """A lost close would keep its endpoint's id for ever."""
        self.dial.ask("pause")
        made, seen = self.dial.ask("count")["attempted"] + self.options.long, []

        def told():
            seen.append(self.fates())
            return seen[-1]["lost"] == 0 and seen[-1]["in flight"] == self.options.long and seen[-1]["redirected"] == made

        try:
            wait_for("each connect to be settled or open", told, 20)
        except TimeoutError:
            witness = self.witness.tell() if self.witness else "none"
            raise Failed(f"{made} connects: {seen[-1]}; the witness: {witness}") from None
        self.dial.ask("resume")
        return f"{made} redirected, {seen[-1]['settled']} settled, {seen[-1]['open']} open, 0 lost"
