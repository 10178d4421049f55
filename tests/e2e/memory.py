#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A catalog that does not fit into the memory the daemon may use: real daemons in memory cgroups of their own. Without the
judgement (holdfastd_heedless) the kernel kills them. One line a case: `ok memory:NAME: figures` or `FAIL ...`."""
import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab import Lab, Load, Shop, cases_of, expect, lacks_root, parser, run, run_cases, wait_for  # noqa: E402

URL = "http://10.96.0.11/"  # of artist, which asks nobody else: no daemon of host b is needed
LARGE = 20_000  # services
MIB = 1 << 20


class MemoryCgroup:
    """In the hierarchy that has the memory controller, version 1 or 2."""

    def __init__(self, lab):
        self.path = None
        for line in open("/proc/self/mounts"):
            _, path, kind, options, *_ = line.split()
            if kind == "cgroup" and "memory" in options.split(","):
                self.path, self.version = pathlib.Path(path) / lab.cgroup.name, 1
                break
            if kind == "cgroup2" and "memory" in (pathlib.Path(path) / "cgroup.controllers").read_text().split():
                for above in (lab.cgroup.parent, lab.cgroup):
                    (above / "cgroup.subtree_control").write_text("+memory")
                self.path, self.version = lab.cgroup / "memory", 2
                break
        if self.path:
            self.path.mkdir()

    def limit(self, mib):
        names = {1: "memory.limit_in_bytes", 2: "memory.max"}
        (self.path / names[self.version]).write_text(str(mib * MIB))

    def used(self):
        return int((self.path / {1: "memory.usage_in_bytes", 2: "memory.current"}[self.version]).read_text()) / MIB

    def kills(self):
        text = (self.path / {1: "memory.oom_control", 2: "memory.events"}[self.version]).read_text()
        return int(dict(line.split() for line in text.splitlines())["oom_kill"])

    def remove(self):
        for _ in range(50):
            try:
                return self.path.rmdir()
            except OSError:
                time.sleep(0.05)


def large_catalog():
    def service(index):
        address = f"10.{100 + index // 65536}.{index // 256 % 256}.{index % 256}"
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"service-{index}", "namespace": "large"},
                "spec": {"clusterIP": address, "clusterIPs": [address], "ports": [{"name": "http", "port": 80}]}}
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [service(index) for index in range(LARGE)]}, indent=1)


class Memory:
    def __init__(self, lab, cgroup):
        self.lab, self.host, self.cgroup = lab, lab.a, cgroup
        self.shop = Shop(lab)
        self.large = large_catalog()
        self.within = []

    def start(self, wait=True):
        """Where the limit counts from the first byte: the shell enters, then it becomes the daemon."""
        self.host.write_config()
        log = open(self.host.directory / "holdfastd.log", "a")
        enter = f"echo $$ > {self.cgroup.path}/cgroup.procs && exec \"$@\""
        self.host.daemon = self.host.start("sh", "-c", enter, "sh", *self.within, self.lab.bin / self.host.program, "--config",
                                           self.host.directory / "config.yaml", stderr=log)
        if wait:
            wait_for("holdfastd to be ready", self.host.ready)

    def begin(self, mib, program="holdfastd"):
        self.host.program = program
        self.cgroup.limit(mib)
        self.shop.publish()
        self.start()
        wait_for("the catalog", lambda: len(self.host.endpoints("song") or []) == 4)
        wait_for("its snapshot", lambda: list((self.host.directory / "state").glob("generation-*.snap")), 15)

    def end(self):
        if self.host.daemon and self.host.daemon.poll() is None:
            self.host.stop_daemon(signal.SIGKILL)
        self.host.cli("uninstall")
        run("rm", "-rf", str(self.host.directory / "state"))
        (self.host.catalog / "large.json").unlink(missing_ok=True)
        self.cgroup.limit(4096)

    def source(self):
        return self.host.json("source", "list")[0]

    def refused(self):
        source = self.source()
        return source["state"] == "degraded" and "for lack of memory" in source["last_error"]

    def services(self):
        return len(self.host.json("service", "list"))

    def refuse_at(self, mib):
        """The daemon that meets the file, and the next one."""
        self.begin(mib)
        load, kills = Load(self.host, URL, "artist"), self.cgroup.kills()
        self.host.write_catalog(self.large, "large.json")
        wait_for("the refusal", self.refused, 20)
        expect(self.host.daemon.poll() is None, "the daemon ended")
        said = self.source()["last_error"]
        self.host.stop_daemon(signal.SIGKILL)
        self.start()
        wait_for("the refusal after a restart", self.refused, 20)
        expect(len(self.host.endpoints("song")) == 4, "the small catalog")
        pid = self.host.daemon.pid
        self.cgroup.limit(512)
        wait_for("the large file", lambda: self.services() > LARGE, 20)
        expect(self.host.daemon.poll() is None and self.host.daemon.pid == pid, "another daemon")
        expect(self.source()["state"] == "current", self.source())
        count = load.stop()
        expect(self.cgroup.kills() == kills, f"{self.cgroup.kills() - kills} kills")
        expect(count["requests"] > 100 and count["failed"] == 0 and count["wrong"] == 0, json.dumps(count))
        self.end()
        return f"refused twice, then taken in; {count['requests']} connects, 0 failed; \"{said.split('large.json: ')[-1]}\""

    def case_1_limit_of_60(self):
        return self.refuse_at(60)

    def case_2_limit_of_90(self):
        """As in a container with the host's cgroups mounted: no name of a cgroup is known there."""
        self.within = ["unshare", "--cgroup"]
        return self.refuse_at(90)

    def case_3_sabotage_without_the_judgement(self):
        self.within = []
        self.begin(60, "holdfastd_heedless")
        kills = self.cgroup.kills()
        self.host.write_catalog(self.large, "large.json")
        wait_for("the kill", lambda: self.host.daemon.poll() is not None, 20)
        expect(self.host.daemon.wait() == -signal.SIGKILL and self.cgroup.kills() > kills, self.host.daemon.wait())
        self.start(wait=False)
        wait_for("the next kill", lambda: self.host.daemon.poll() is not None, 20)
        expect(self.cgroup.kills() >= kills + 2, self.cgroup.kills())
        self.end()
        return f"{self.cgroup.kills() - kills} daemons killed by the kernel"


def main():
    options = parser(__doc__).parse_args()
    if lacks_root("memory"):
        return 0
    lab = Lab(options.bin)
    cgroup = MemoryCgroup(lab)
    if not cgroup.path:
        print("skip memory: no hierarchy of cgroups has the memory controller")
        return 0
    try:
        memory = Memory(lab, cgroup)
        return run_cases("memory", cases_of(memory, options.only), memory.host, mend=lambda _: memory.end())
    finally:
        lab.remove()
        cgroup.remove()


if __name__ == "__main__":
    sys.exit(main())
