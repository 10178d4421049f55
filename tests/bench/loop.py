#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What holds up the daemon's loop: somebody asks it over its socket, one question after the other, while catalogs come that
make the maps grow, change and go. The longest wait is the longest turn of the loop, and what this machine's scheduler adds:
the wait with nothing to do is beside it. One line a step; --json FILE has them all."""
import json
import multiprocessing
import pathlib
import socket
import sys
import time

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from lab import Lab, lacks_root, parser, run, wait_for  # noqa: E402

ASKED = b"GET /livez HTTP/1.1\r\nHost: holdfast\r\n\r\n"
SETTLED = 3.0  # seconds in which everything that a change brings has come


def ask(path, out):
    """One question after the other: the moment at which each was answered, and how long it took, in seconds."""
    connection = None
    while True:
        begin = time.monotonic()
        if not connection:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(path))
        connection.sendall(ASKED)
        if not connection.recv(65536):
            connection = None  # the daemon ends one after a thousand
            continue
        end = time.monotonic()
        out.write(f"{end} {end - begin}\n")
        time.sleep(0.001)


class Asker:
    """A process of its own, which waits for nobody but the daemon."""

    def __init__(self, host):
        self.waits = host.directory / "waits"
        self.process = multiprocessing.Process(target=ask, args=(host.directory / "admin.sock", open(self.waits, "w", buffering=1)), daemon=True)
        self.process.start()

    def since(self, moment):
        pairs = [line.split() for line in self.waits.read_text().splitlines()[:-1]]
        return sorted(float(wait) for end, wait in pairs if float(end) >= moment)

    def stop(self):
        self.process.kill()
        self.process.join()


def service(index, endpoints, generation):
    """And its slice; one endpoint of ten is another in the next `generation`."""
    address = f"10.{100 + index // 65536}.{index // 256 % 256}.{index % 256}"
    meta = {"name": f"s{index}", "namespace": "large"}
    members = [{"addresses": [f"10.{(number + (number % 10 == 0) * generation * endpoints) % 90}.{index // 256}.{index % 256}"],
                "conditions": {"ready": True}} for number in range(endpoints)]
    return [{"apiVersion": "v1", "kind": "Service", "metadata": meta,
             "spec": {"clusterIP": address, "clusterIPs": [address], "ports": [{"name": "http", "port": 80}]}},
            {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
             "metadata": {**meta, "labels": {"kubernetes.io/service-name": meta["name"]}},
             "ports": [{"name": "http", "port": 8080}], "endpoints": members}]


def catalog(services, endpoints, generation=0):
    return json.dumps({"apiVersion": "v1", "kind": "List",
                       "items": [one for index in range(services) for one in service(index, endpoints, generation)]})


class Loop:
    def __init__(self, lab, arguments):
        self.lab, self.host, self.arguments, self.rows = lab, lab.a, arguments, []

    def served(self):
        return self.host.json("status")["generation"]

    def wait_for_generation(self, after):
        wait_for("a new generation", lambda: self.served() > after, 120)
        time.sleep(SETTLED)

    def step(self, name, act):
        before, begin = self.served(), time.monotonic()
        act()
        self.wait_for_generation(before)
        self.say(name, begin)

    def say(self, name, begin):
        waits = self.asker.since(begin)
        row = {"step": name, "answers": len(waits), "longest_ms": [round(one * 1000, 1) for one in waits[-5:]],
               "median_ms": round(waits[len(waits) // 2] * 1000, 2)}
        self.rows.append(row)
        print(f"{name}: {row['answers']} answers, median {row['median_ms']} ms, longest {row['longest_ms']} ms", flush=True)

    def run(self):
        services, endpoints = self.arguments.services, self.arguments.endpoints
        host = self.host
        host.write_catalog(catalog(1, 1), "catalog.json")
        host.start_daemon()
        self.asker = Asker(host)
        begin = time.monotonic()
        time.sleep(SETTLED)
        self.say("nothing to do", begin)
        large = services // 20
        self.step("small maps filled", lambda: host.write_catalog(catalog(large, endpoints), "catalog.json"))
        self.step("all of it: the maps grow", lambda: host.write_catalog(catalog(services, endpoints), "catalog.json"))
        self.step("a tenth of the endpoints changes", lambda: host.write_catalog(catalog(services, endpoints, 1), "catalog.json"))
        begin = time.monotonic()
        time.sleep(65)
        self.say("a minute, the read-back in it", begin)
        self.asker.stop()
        self.first_start()

    def first_start(self):
        """Of a host that has nothing, with all of it in the file."""
        host = self.host
        host.stop_daemon()
        host.cli("uninstall")
        run("rm", "-rf", str(host.directory / "state"))
        host.start_daemon(wait=False)
        wait_for("the socket", (host.directory / "admin.sock").exists)
        self.asker, begin = Asker(host), time.monotonic()
        wait_for("all of it", lambda: host.ready() and len(host.json("frontend", "list")) == self.arguments.services, 120)
        time.sleep(SETTLED)
        self.say("a first start with all of it", begin)
        self.asker.stop()


def main():
    options = parser(__doc__, only=False)
    options.add_argument("--services", type=int, default=8000)
    options.add_argument("--endpoints", type=int, default=10, help="of each")
    options.add_argument("--json", type=pathlib.Path)
    arguments = options.parse_args()
    if lacks_root("bench_loop"):
        return 77
    loop = Loop(Lab(arguments.bin), arguments)
    loop.run()
    if arguments.json:
        arguments.json.write_text(json.dumps({"services": arguments.services, "endpoints": arguments.endpoints, "steps": loop.rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
