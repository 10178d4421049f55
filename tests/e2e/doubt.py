#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is in doubt is used last, and what it takes to trust it again, with counts: every connect made, every connection
that an endpoint accepted, probes included. One line a case: `ok doubt:NAME: figures` or `FAIL doubt:NAME: what`."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab import Lab, cases_of, expect, lacks_root, parser, run, run_cases, service_yaml, slice_yaml, wait_for  # noqa: E402

ADDRESS = "10.96.0.60"
FIRST, SECOND, THIRD = ENDPOINTS = ["10.77.1.91", "10.77.1.92", "10.77.1.93"]
FAR_ADDRESSES = ["10.96.0.61", "fd96::61"]
FAR = {4: ["10.77.2.91", "10.77.2.92", "10.77.2.93"], 6: ["fd77:2::91", "fd77:2::92", "fd77:2::93"]}  # on the other host
# Accepts at each address given, and writes how often.
COUNTER = """
import json, os, selectors, socket, sys
path, counts, select = sys.argv[1], {}, selectors.DefaultSelector()
for address in sys.argv[2:]:
    counts[address] = 0
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.create_server((address, 8080), family=family, backlog=512)
    select.register(server, selectors.EVENT_READ, address)
while True:
    with open(path + ".new", "w") as file:
        json.dump(counts, file)
    os.rename(path + ".new", path)
    for key, _ in select.select():
        key.fileobj.accept()[0].close()
        counts[key.data] += 1
"""
DIAL = """
import socket, sys
failed = 0
for _ in range(int(sys.argv[2])):
    try:
        with socket.create_connection((sys.argv[1], 80), 2) as one:
            one.recv(1)
    except OSError:
        failed += 1
print(failed)
"""


class Doubt:
    def __init__(self, lab):
        self.host, self.other = lab.a, lab.b
        self.counts = self.host.directory / "accepted.json"
        for address in ENDPOINTS:
            self.host.add_address(address)
        self.host.start(sys.executable, "-c", COUNTER, self.counts, *ENDPOINTS)
        self.far_counts = self.other.directory / "accepted.json"
        for address in FAR[4] + FAR[6]:
            self.other.add_address(address)
        self.other.start(sys.executable, "-c", COUNTER, self.far_counts, *FAR[4], *FAR[6])
        wait_for("the endpoints to listen", lambda: self.counts.exists() and self.far_counts.exists())

    # --- helpers -----------------------------------------------------------------------------------------
    def accepted(self):
        return json.loads(self.counts.read_text())

    def since(self, before):
        return {address: count - before[address] for address, count in self.accepted().items()}

    def dial(self, times=200):
        code, out, err = self.host.run(sys.executable, "-c", DIAL, ADDRESS, times, timeout=60)
        expect(code == 0 and out.strip() == "0", f"{out.strip()} of {times} connects failed {err}")

    def slice(self, name, addresses):
        text = slice_yaml("spare", 4, 8080, [(one, "host-a", f"uid-{one}") for one in addresses])
        self.host.write_catalog(text.replace("name: spare-v4", f"name: spare-{name}"), f"{name}.yaml")

    def begin(self):
        self.host.write_catalog(service_yaml("spare", [ADDRESS]), "service.yaml")
        self.slice("two", (FIRST, SECOND))
        self.slice("one", (THIRD,))
        wait_for("the catalog", lambda: len(self.host.endpoints("spare") or []) == 3 and not self.held())

    def vanish(self, name):
        (self.host.catalog / f"{name}.yaml").unlink()

    def held(self):
        """address -> (verdict, evidence)"""
        return {one["address"]: (one["verdict"], one["evidence"]) for hold in self.host.json("hold", "list") for one in hold["endpoints"]}

    def explained(self):
        answer = self.host.json("explain", f"{ADDRESS}:80")
        return [sorted(one["address"] for one in answer[key]) for key in ("candidates", "used_last")]

    def source(self):
        return self.host.json("source", "list")[0]

    def restart(self, probes):
        self.host.stop_daemon()
        self.host.probes = probes
        self.host.start_daemon()

    # --- what is on another host, and this one cut off from it ---------------------------------------------
    def list_far(self):
        """Three endpoints a family, each on a node of its own."""
        slices = [slice_yaml("far", family, 8080, [(one, f"n{number}", f"uid-{one}") for number, one in enumerate(FAR[family])]) for family in FAR]
        self.host.write_catalog("---\n".join([service_yaml("far", FAR_ADDRESSES), *slices]), "far.yaml")
        wait_for("the catalog", lambda: len(self.host.endpoints("far") or []) == 6 and not self.held())

    def begin_far(self):
        """Held because the file is empty, and found alive."""
        self.list_far()
        self.host.write_catalog("", "far.yaml")
        wait_for("all to be held and alive", lambda: [verdict for verdict, _ in self.held().values()] == ["alive"] * 6)

    def cut(self, verb="add"):
        """No packet comes back from there."""
        for address in ("10.77.0.1/32", "fd77::1/128"):
            run("ip", "-n", self.other.netns, "route", verb, "blackhole", address)

    def cut_off(self, seconds, meanwhile=lambda: None):
        self.cut()
        try:
            time.sleep(seconds / 2)
            meanwhile()
            time.sleep(seconds / 2)
        finally:
            self.cut("del")

    def far_shares(self, times=240):
        """Failed connects, and the share of each endpoint."""
        before, failed = json.loads(self.far_counts.read_text()), 0
        for address in FAR_ADDRESSES:
            code, out, err = self.host.run(sys.executable, "-c", DIAL, address, times, timeout=600)
            expect(code == 0, err)
            failed += int(out)
        after = json.loads(self.far_counts.read_text())
        return failed, {one: (after[one] - before[one]) / times for one in after}

    def even(self):
        time.sleep(4)
        failed, shares = self.far_shares()
        expect(failed == 0, f"{failed} of 480 connects failed: {self.held()}")
        expect(min(shares.values()) > 0.2, f"shares {shares}")
        return "then 480 connects, 0 failed, shares of " + f"{min(shares.values()):.2f} and more"

    def unreachable(self):
        return [row["family"] for row in self.host.json("status")["network"] if row["state"] == "fails"]

    # --- cases -------------------------------------------------------------------------------------------
    def case_1_held_is_used_last_and_not_probed_unless_used(self):
        self.begin()
        before = self.accepted()
        self.vanish("one")
        wait_for("the hold", lambda: self.held())
        expect(self.explained() == [[FIRST, SECOND], [THIRD]], str(self.explained()))
        self.dial()
        time.sleep(5)  # more than twice the interval of the probes
        seen = self.since(before)
        expect(seen[THIRD] == 0, f"{seen[THIRD]} connections to what is used last and nobody here uses")
        expect(sum(seen.values()) == 200, str(seen))
        wait_for("the reason", lambda: "not probed" in self.held()[THIRD][1])
        # Sabotage: without another to go to, it is picked, and so it is probed.
        self.vanish("two")
        wait_for("all to be alive", lambda: [verdict for verdict, _ in self.held().values()] == ["alive"] * 3)
        probed = self.since(before)[THIRD]
        expect(probed > 0, "it is picked, and no probe came: the counter does not see")
        expect(self.explained() == [ENDPOINTS, []], str(self.explained()))
        self.dial()
        expect(self.since(before)[THIRD] > probed + 20, "alive and not picked")
        return f"400 connects, 0 failed; 0 to the doubted one, then {probed} probes and it is picked again"

    def case_2_a_workloads_handshake_is_evidence(self):
        self.restart(probes=False)
        self.begin()
        self.vanish("one")
        self.vanish("two")
        wait_for("the holds", lambda: len(self.held()) == 3)
        before = self.accepted()
        time.sleep(3)
        expect(all(verdict == "unknown" for verdict, _ in self.held().values()), f"without a connect: {self.held()}")
        expect(not any(self.since(before).values()), f"probes: {self.since(before)}")
        self.dial()
        wait_for("all to be alive", lambda: [verdict for verdict, _ in self.held().values()] == ["alive"] * 3)
        expect(all("workload" in evidence for _, evidence in self.held().values()), str(self.held()))
        seen = self.since(before)
        expect(sum(seen.values()) == 200 and min(seen.values()) > 0, str(seen))
        self.restart(probes=True)
        return "200 connects, 0 failed, no probe; 3 unknown before, 3 alive after"

    def case_3_alive_survives_a_restart(self):
        expect([verdict for verdict, _ in self.held().values()] == ["alive"] * 3, str(self.held()))
        expect(self.host.cli("diff")[0] == 0, "the maps differ")
        return "3 alive in the next life, the maps as they were"

    def case_4_a_vanished_files_doubt_ends_by_a_decision(self):
        self.begin()
        expect(self.source()["state"] == "current", str(self.source()))
        self.vanish("one")
        wait_for("the doubt", lambda: self.source()["state"] == "degraded" and self.held())
        (identity,) = [one["id"] for one in self.host.json("hold", "list")]
        expect(self.host.cli("reject", identity)[0] == 0, "reject")
        wait_for("the doubt to end", lambda: self.source()["state"] == "current" and not self.source()["doubts"])
        expect(list(self.held()) == [THIRD], f"rejected, and not held: {self.held()}")
        self.begin()
        self.vanish("one")
        wait_for("the doubt", lambda: self.source()["state"] == "degraded" and self.held())
        expect(self.host.cli("accept", identity)[0] == 0, "accept")
        wait_for("the doubt to end", lambda: self.source()["state"] == "current" and not self.source()["doubts"])
        expect(len(self.host.endpoints("spare")) == 2, "accepted, and not applied")
        self.begin()
        return "rejected: held, no doubt; accepted: gone, no doubt; back: as it was"

    def case_5_held_and_cut_off_for_16_s(self):
        self.begin_far()
        said = []
        self.cut()
        try:
            time.sleep(16)
            said = self.unreachable()
            held = self.held()
        finally:
            self.cut("del")
        shares = self.even()
        expect(said == ["ipv4", "ipv6"], f"said of {said} only: {held}")
        expect(not self.unreachable(), "said still")
        expect([verdict for verdict, _ in held.values()] == ["alive"] * 6, str(held))
        return f"0 of 6 forgotten; said by status; {shares}"

    def case_6_held_and_cut_off_with_a_restart_in_the_middle(self):
        self.begin_far()
        self.cut_off(24, lambda: self.restart(probes=True))
        shares = self.even()
        expect(len(self.held()) == 6, str(self.held()))
        return f"0 of 6 forgotten; {shares}"

    def case_7_one_alone_falls_silent_and_comes_back(self):
        self.begin_far()
        lost = FAR[4][2]
        run("ip", "-n", self.other.netns, "addr", "del", f"{lost}/32", "dev", "lo")
        wait_for("the verdict", lambda: self.held()[lost][0] == "silent", 20)
        evidence = self.held()[lost][1]
        failed, shares = self.far_shares()
        self.other.add_address(lost)
        expect(failed == 0 and shares[lost] == 0, f"{failed} failed, {shares[lost]} of the connects to who is silent")
        expect("answer" in evidence and not self.unreachable(), evidence)
        wait_for("it to be alive again", lambda: self.held()[lost][0] == "alive", 40)
        return f"0 connects to it, 0 failed, kept; {self.even()}"

    def case_8_all_that_refuse_are_refused_within_seconds(self):
        self.begin_far()
        endpoints = [one for family in FAR.values() for one in family]
        self.host.write_catalog("---\n".join([service_yaml("far", FAR_ADDRESSES)] + [
            slice_yaml("far", family, 8081, [(one, f"n{number}", f"uid-{one}") for number, one in enumerate(FAR[family])]) for family in FAR]),
            "far.yaml")
        wait_for("a port where nobody listens", lambda: set(self.host.endpoints("far") or []) == {f"{one}:8081" for one in endpoints})
        self.host.write_catalog("", "far.yaml")
        wait_for("the verdicts", lambda: [verdict for verdict, _ in self.held().values()] == ["dead"] * 6)
        answers = [self.host.json("explain", f"[{one}]:80" if ":" in one else f"{one}:80")["decision"] for one in FAR_ADDRESSES]
        expect(answers == ["refuse"] * 2, str(answers))
        return "ECONNREFUSED, and kept for two minutes"

    def case_9_cut_off_without_a_hold_is_said(self):
        self.list_far()
        self.far_shares(20)
        time.sleep(2.5)  # until the workloads' handshakes are seen
        self.cut()
        try:
            for _ in range(4):
                self.host.run(sys.executable, "-c", DIAL, FAR_ADDRESSES[0], 1)
            wait_for("status to say so", lambda: "ipv4" in self.unreachable())
            expect("cannot reach anything over IPv4" in self.host.cli("status")[1], self.host.cli("status")[1])
        finally:
            self.cut("del")
        wait_for("it to be taken back", lambda: not self.unreachable())
        return "said when nothing but failures was met, and taken back"

    # --- and their sabotage: silence is taken for a refusal, which is final after a second ----------------
    def case_9_sabotage_silence_is_believed(self):
        self.host.program, self.host.extra_guard = "holdfastd_forgets", ", refused_seconds: 1"
        self.restart(probes=True)
        self.begin_far()
        began = time.monotonic()
        self.cut()
        try:
            wait_for("an endpoint to be forgotten, or the zeros above prove nothing", lambda: len(self.host.endpoints("far") or []) < 6, 60)
        finally:
            self.cut("del")
        forgotten, seconds = 6 - len(self.host.endpoints("far") or []), time.monotonic() - began
        self.host.program, self.host.extra_guard = "holdfastd", ""
        self.restart(probes=True)
        return f"{forgotten} of 6 forgotten after {seconds:.0f} s"


def main():
    options = parser(__doc__).parse_args()
    if lacks_root("doubt"):
        return 0
    lab = Lab(options.bin)
    doubt = Doubt(lab)
    lab.a.write_catalog(service_yaml("spare", [ADDRESS]), "service.yaml")
    lab.a.start_daemon()

    def mend(_):
        if doubt.host.program != "holdfastd":
            doubt.host.program, doubt.host.extra_guard = "holdfastd", ""
            doubt.restart(probes=True)
        (doubt.host.catalog / "far.yaml").unlink(missing_ok=True)
        doubt.host.cli("accept", "--all")
        if lab.a.daemon.poll() is not None or not lab.a.probes:
            doubt.restart(probes=True)
        doubt.begin()

    failed = run_cases("doubt", cases_of(doubt, options.only), lab.a, mend)
    lab.remove()
    return failed


if __name__ == "__main__":
    sys.exit(main())
