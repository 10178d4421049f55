#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who has an address: two services that claim one frontend, services of a source that the configuration does not name any
more, and what strangers write into objects. Every connect is counted by who answered; each zero stands beside an arm in which
the same count is not zero. One line a case: `ok claims:NAME: figures` or `FAIL claims:NAME: what`."""
import hashlib
import json
import pathlib
import re
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab import Lab, cases_of, expect, lacks_root, parser, run_cases, service_yaml, slice_yaml, wait_for  # noqa: E402

RIGHT, WRONG, KEPT = "10.77.1.101", "10.77.1.102", "10.77.1.103"
SONG, OLD = "10.96.0.70", "10.96.0.71"
# Each answers with its own address.
ANSWER = """
import selectors, socket, sys
select = selectors.DefaultSelector()
for address in sys.argv[1:]:
    select.register(socket.create_server((address, 8080), backlog=512), selectors.EVENT_READ, address)
while True:
    for key, _ in select.select():
        one = key.fileobj.accept()[0]
        one.sendall(key.data.encode())
        one.close()
"""
DIAL = """
import collections, json, socket, sys
count = collections.Counter()
for _ in range(int(sys.argv[2])):
    try:
        with socket.create_connection((sys.argv[1], 80), 1) as one:
            count[one.recv(64).decode()] += 1
    except OSError as error:
        count["failed"] += 1
print(json.dumps(count))
"""


def service(name, cluster_ip, created, external=(), extra=""):
    lines = service_yaml(name, [cluster_ip])
    if external:
        lines = lines.replace("  ports:", f"  externalIPs: {json.dumps(list(external))}\n  ports:")
    return lines.replace("namespace: default}", f"namespace: default, creationTimestamp: '{created}'{extra}}}", 1)


def backed(name, cluster_ip, address, uid, created="2026-01-01T00:00:00Z", external=()):
    return "---\n".join([service(name, cluster_ip, created, external), slice_yaml(name, 4, 8080, [(address, "host-a", uid)])])


class Claims:
    def __init__(self, lab):
        self.host = lab.a
        for address in (RIGHT, WRONG, KEPT):
            self.host.add_address(address)
        self.host.start(sys.executable, "-c", ANSWER, RIGHT, WRONG, KEPT)
        self.song = backed("song", SONG, RIGHT, "uid-right", "2026-02-02T00:00:00Z")
        # The older one, so that its age speaks for it.
        self.thief = backed("thief", "10.96.0.72", WRONG, "uid-wrong", "2020-01-01T00:00:00Z", [SONG])

    # --- helpers -----------------------------------------------------------------------------------------
    def dial(self, address, times=200):
        code, out, err = self.host.run(sys.executable, "-c", DIAL, address, times, timeout=300)
        expect(code == 0, err)
        return json.loads(out)

    def write(self, *parts):
        self.host.write_catalog("---\n".join(parts))

    def log(self):
        return (self.host.directory / "holdfastd.log").read_text()

    def restart(self, source="file"):
        self.host.stop_daemon()
        self.host.source_name = source
        self.host.start_daemon()

    def anew(self, source="file"):
        """No maps, no snapshot: a first start."""
        self.host.stop_daemon()
        expect(self.host.cli("uninstall")[0] == 0, "uninstall")
        for path in (self.host.directory / "state").iterdir():
            path.unlink()
        self.host.source_name = source
        self.host.start_daemon()

    def metric(self, name):
        code, out, _ = self.host.run("curl", "-s", "-m", "2", "http://127.0.0.1:9464/metrics")
        expect(code == 0, "no metrics")
        found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", out, re.MULTILINE)
        return float(found[1]) if found else None

    def served(self, name):
        return any(one["name"] == name for one in self.host.json("service", "list"))

    def goes_to(self, address, to, times=200):
        count = self.dial(address, times)
        expect(count == {to: times}, f"{address}: {count}, expected all at {to}")
        return times

    # --- a frontend that two services claim ------------------------------------------------------------------
    def case_1_an_external_address_takes_no_cluster_ip(self):
        self.write(self.song, self.thief)
        self.anew()
        right = self.goes_to(SONG, RIGHT)
        self.write(self.thief)  # alone it has the address: the count sees whom it reaches
        wait_for("song to leave", lambda: not self.served("song"))
        stolen = self.goes_to(SONG, WRONG)
        self.write(self.song, self.thief)
        wait_for("song to be back", lambda: self.served("song"))
        right += self.goes_to(SONG, RIGHT)
        self.restart()
        right += self.goes_to(SONG, RIGHT)
        return f"{right} connects, 0 at the older service's ExternalIP, over a first start, arrival and restart; alone, {stolen}"

    def case_2_a_contested_frontend_is_seen(self):
        self.write(self.song)
        wait_for("the thief to leave", lambda: not self.served("thief"))
        begins = len(self.log())
        self.write(self.song, self.thief)
        wait_for("the conflict in the status", lambda: self.host.json("status")["conflicts"] == 1, 3)
        status = self.host.json("status")
        expect(status["contested"][0]["loser"] == "default/thief" and status["ready"], status)
        expect("10.96.0.70" in self.host.cli("status")[1], "status")
        for name in ("song", "thief"):
            shown = self.host.json("service", "show", name)
            expect(shown["contested"][0]["owner"] == "default/song", shown)
        expect(self.metric("holdfast_conflicts") == 1, "metric")
        self.write(self.song)
        wait_for("the conflict's end", lambda: self.host.json("status")["conflicts"] == 0, 3)
        lines = [line for line in self.log()[begins:].splitlines() if SONG in line]
        expect(len(lines) == 2 and "is claimed twice" in lines[0] and "any more" in lines[1], lines)
        return f"status, service show, metric, and {len(lines)} lines for its begin and its end"

    # --- a source that is not in the configuration any more ----------------------------------------------------
    def case_3_a_renamed_source(self):
        old = backed("old", OLD, KEPT, "uid-kept")
        self.write(self.song, old)
        wait_for("old to be served", lambda: self.served("old"))
        self.host.stop_daemon()
        self.write(self.song)
        self.host.source_name = "files"
        self.host.start_daemon()
        wait_for("song to be of the new source", lambda: [one["source"] for one in self.host.json("service", "list")
                                                          if one["name"] == "song"] == ["files"])
        right = self.goes_to(SONG, RIGHT) + self.goes_to(OLD, KEPT)
        rows = {one["name"]: one for one in self.host.json("source", "list")}
        expect(rows["file"]["state"] == "gone" and rows["file"]["services"] == 1 and 500 < rows["file"]["leaves_in_seconds"] <= 600, rows)
        expect("gone" in self.host.cli("status")[1], "status")
        code, out, _ = self.host.cli("diff")
        expect(code == 1 and "default/old" in out and "is not in the configuration" in out, f"diff: exit {code}: {out}")
        expect(self.metric("holdfast_source_gone_services") == 1, "metric")
        expect("source file is not in the configuration any more: its 2 services" in self.log(), "log")
        # What is left of the grace goes through a restart and through a reboot, which leaves no maps.
        time.sleep(2)
        self.restart("files")
        left = self.left()
        self.host.stop_daemon()
        expect(self.host.cli("uninstall")[0] == 0, "uninstall")
        self.host.start_daemon()
        right += self.goes_to(OLD, KEPT)
        expect(self.left() <= left <= 598, f"{self.left()} s, {left} s before the reboot")
        return f"{right} connects, 0 failed, 0 wrong; shown in source list, status, diff, metric, log; {self.left()} s left"

    def left(self):
        return next(one["leaves_in_seconds"] for one in self.host.json("source", "list") if one["state"] == "gone")

    def case_4_its_pod_address_is_anothers(self):
        """The address of old's pod is given to another pod, of the configured source."""
        other = backed("other", "10.96.0.73", KEPT, "uid-other")
        nameless = re.sub(r"  (nodeName|targetRef): .*\n", "", slice_yaml("other", 4, 8080, [(KEPT, "host-a", "uid-other")]))
        self.write(self.song, service("other", "10.96.0.73", "2026-01-01T00:00:00Z"), nameless)
        wait_for("other to be served", lambda: self.served("other"))
        blind = self.goes_to(OLD, KEPT)  # without an identity nobody can tell
        self.write(self.song, other)
        wait_for("old to leave", lambda: not self.served("old"))
        after = self.dial(OLD, 50)
        expect(after == {"failed": 50}, after)
        self.goes_to("10.96.0.73", KEPT)
        expect("another has the address of endpoints" in self.log(), "log")
        expect(all(one["state"] != "gone" for one in self.host.json("source", "list")), "nothing is left of it")
        expect(self.host.cli("diff")[0] == 0, "diff")
        return f"0 of 50 reach the pod that has the address now; while it tells no identity, {blind} of {blind} do"

    def case_5_uninstall_of_one_source(self):
        self.write(self.song, backed("old", OLD, KEPT, "uid-kept"))
        wait_for("old to be served", lambda: self.served("old"))
        self.host.stop_daemon()
        self.write(self.song)
        self.host.source_name = "renamed"
        self.host.start_daemon()
        self.goes_to(OLD, KEPT, 50)
        code, _, err = self.host.cli("uninstall", "--source", "renamed")
        expect(code == 1 and "is in the configuration" in err, f"exit {code}: {err}")
        expect(self.host.cli("uninstall", "--source", "nobody")[0] == 1, "an unknown one")
        code, out, err = self.host.cli("uninstall", "--source", "files")
        expect(code == 0 and "1 services" in out, f"exit {code}: {out}{err}")
        count = self.dial(OLD, 20)
        expect(count == {"failed": 20} and not self.served("old"), count)
        self.goes_to(SONG, RIGHT)
        self.restart("renamed")
        expect(not self.served("old"), "it came back with a restart")
        code, _, _ = self.host.cli("diff")
        expect(code == 0, "diff")
        return "its services leave at once, for good, and no other; a configured source is refused"

    def case_6_the_grace_ends(self):
        """Ten minutes are not waited for: the newest snapshot is sealed anew with three seconds left."""
        self.write(self.song, backed("old", OLD, KEPT, "uid-kept"))
        wait_for("old to be served", lambda: self.served("old"))
        self.host.stop_daemon()
        self.write(self.song)
        self.host.source_name = "again"
        self.host.start_daemon()
        self.host.stop_daemon()
        newest = max((self.host.directory / "state").glob("*.snap"))
        content = newest.read_bytes()
        expect(struct.unpack_from("<I", content, len(content) - 32 - 30) == (5,), "the last section is not that of the graces")
        body = content[:-40] + struct.pack("<q", 3)
        newest.write_bytes(body + hashlib.sha256(body).digest())
        self.host.start_daemon()
        right = self.goes_to(OLD, KEPT, 50)
        wait_for("old to leave", lambda: not self.served("old"))
        count = self.dial(OLD, 20)
        expect(count == {"failed": 20} and "its grace is over" in self.log(), count)
        expect(self.host.cli("diff")[0] == 0, "diff")
        return f"{right} of {right} answered before, 0 of 20 after; {self.goes_to(SONG, RIGHT)} at a service that stays"

    # --- what strangers write ------------------------------------------------------------------------------------
    def case_7_text_of_tenants_forges_no_line(self):
        begins = len(self.log())
        forged = "5\\n2026-01-01T00:00:00.000Z info forged\\e[31m\\u202e"
        evil = service("evil", "10.96.0.74", "2026-01-01T00:00:00Z", extra=f', annotations: {{holdfast.io/weight: "{forged}"}}')
        longest = service("x" * 1_000_000, "10.96.0.75", "2026-01-01T00:00:00Z")
        self.write(self.song, evil, longest)
        wait_for("the problems", lambda: len(self.host.json("source", "list")[0]["problems"]) >= 2)
        lines = (self.host.directory / "holdfastd.log").read_bytes()[begins:].split(b"\n")
        expect(any(b"forged" in line for line in lines), "the problem is not in the log at all: nothing was tried")
        for line in filter(None, lines):
            expect(re.match(rb"\d{4}-\d\d-\d\dT[\d:.]+Z (info|warning|error) ", line), line[:200])
            expect(len(line) < 5000 and b"\x1b" not in line and "\u202e".encode() not in line, line[:200])
            expect(not line.startswith(b"2026-01-01T00:00:00.000Z info forged"), line[:200])
        for arguments in (["source", "list"], ["status"], ["source", "list", "-o", "json"], ["check", "catalog", self.host.catalog]):
            _, out, err = self.host.cli(*arguments)
            expect("\x1b" not in out + err and "\u202e" not in out + err and len(out + err) < 50_000, f"{arguments}: {(out + err)[:300]}")
        return f"{len(lines)} lines of log, the longest {max(map(len, lines))} bytes; a name of 1,000,000"


def main():
    options = parser(__doc__).parse_args()
    if lacks_root("claims"):
        return 0
    lab = Lab(options.bin)
    lab.a.probes = False
    claims = Claims(lab)
    claims.write(claims.song)
    lab.a.start_daemon()
    failed = run_cases("claims", cases_of(claims, options.only), lab.a)
    lab.remove()
    return failed


if __name__ == "__main__":
    sys.exit(main())
