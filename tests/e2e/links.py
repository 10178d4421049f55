#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What others do to links and pins under a running daemon: said, and put back, with every connect counted. One line a
case: `ok links:NAME: figures` or `FAIL links:NAME: what`."""
import json
import pathlib
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab import Failed, Lab, cases_of, expect, lacks_root, parser, run, run_cases, service_yaml, slice_yaml, wait_for  # noqa: E402

ADDRESS, ENDPOINT = "10.96.0.70", "10.77.1.95"
SERVER = """
import socket, sys
with socket.create_server((sys.argv[1], 8080), backlog=512) as listener:
    while True:
        one, _ = listener.accept()
        one.sendall(sys.argv[1].encode())
        one.close()
"""
# Connects until the file is there; prints how often, how often in vain, how often to somebody else.
CLIENT = """
import os, socket, sys
made = failed = wrong = 0
while not os.path.exists(sys.argv[3]):
    made += 1
    try:
        with socket.create_connection((sys.argv[1], 80), 2) as one:
            wrong += one.recv(100).decode() != sys.argv[2]
    except OSError:
        failed += 1
print(made, failed, wrong)
"""


class Links:
    def __init__(self, lab):
        self.host = lab.a
        self.host.add_address(ENDPOINT)
        self.host.start(sys.executable, "-c", SERVER, ENDPOINT)
        self.host.write_catalog(service_yaml("song", [ADDRESS]) + "---\n" + slice_yaml("song", 4, 8080, [(ENDPOINT, "host-a", "u1")]))
        self.stop = self.host.directory / "stop"

    # --- helpers -----------------------------------------------------------------------------------------
    def under_load(self, work):
        """(made, failed, wrong) connects meanwhile."""
        self.stop.unlink(missing_ok=True)
        client = self.host.start(sys.executable, "-c", CLIENT, ADDRESS, ENDPOINT, self.stop, stdout=-1, text=True)
        time.sleep(0.5)
        try:
            work()
            time.sleep(0.5)
        finally:
            self.stop.touch()
        return [int(word) for word in client.communicate(timeout=30)[0].split()]

    def links(self):
        return {one["name"]: (one["attached"], one["pinned"]) for one in self.host.json("status")["programs"]["links"]}

    def whole(self):
        return self.host.ready() and all(one == (True, True) for one in self.links().values())

    def pins(self):
        return sorted(str(one.relative_to(self.host.bpffs)) for one in self.host.bpffs.rglob("*"))

    def link_ids(self):
        return [json.loads(run("bpftool", "-j", "link", "show", "pinned", str(one)).stdout)["id"]
                for one in sorted((self.host.bpffs / "links").iterdir())]

    def log(self):
        lines = (self.host.directory / "holdfastd.log").read_text().splitlines()
        return [line for line in lines if "links:" in line]

    def repairs(self):
        metrics = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9464/metrics').read().decode())"
        out = self.host.run(sys.executable, "-c", metrics)[1]
        return next(int(float(line.split()[1])) for line in out.splitlines() if line.startswith("holdfast_bpf_link_repairs_total "))

    def detach(self):
        run("bpftool", "link", "detach", "pinned", str(self.host.bpffs / "links" / "hf_connect4"))

    def status_meanwhile(self):
        """Detached until it is asked in time; how often, and what it says."""
        for times in range(1, 30):
            self.detach()
            code, status, _ = self.host.cli("status")
            wait_for("the link to be put back", self.whole)
            if "NOT attached" in status:
                return times, code, status
        raise Failed("put back each time before it could be asked")

    def maps_meanwhile(self):
        """What needs no daemon: it is stopped, and so puts nothing back."""
        self.host.daemon.send_signal(signal.SIGSTOP)
        try:
            self.detach()
            return self.host.json("explain", f"{ADDRESS}:80"), self.host.cli("check", "--timeout", "1")[1]
        finally:
            self.host.daemon.send_signal(signal.SIGCONT)
            wait_for("the link to be put back", self.whole)

    # --- cases -------------------------------------------------------------------------------------------
    def case_1_a_detached_link_is_said_and_put_back(self):
        before, lines = self.repairs(), len(self.log())
        said = []

        def detach():
            said.extend([*self.status_meanwhile(), *self.maps_meanwhile()])

        made, failed, wrong = self.under_load(detach)
        times, code, status, explained, check = said
        expect(code == 1 and "NOT attached: hf_connect4" in status, status)
        expect(explained["decision"] == "pass" and "not attached" in explained["reason"], str(explained))
        expect("programs: not attached: hf_connect4" in check, check)
        expect(self.repairs() == before + times + 1, f"{self.repairs()} repairs")
        expect(len(self.log()) == lines + times + 1 and "hf_connect4 is not attached; put back" in self.log()[-1], str(self.log()))
        expect(failed > 0 and wrong == 0, f"{failed} failed, {wrong} wrong: the load sees no detached link")
        return f"{made} connects, {failed} failed while it was detached, {wrong} wrong"

    def case_2_links_without_their_pins(self):
        ids, pins = self.link_ids(), self.pins()

        def unpin():
            for one in (self.host.bpffs / "links").iterdir():
                one.unlink()
            wait_for("the pins to be back", lambda: self.pins() == pins and self.whole())

        made, failed, wrong = self.under_load(unpin)
        expect(self.link_ids() == ids, "attached a second time")
        expect(failed == 0 and wrong == 0, f"{failed} of {made} failed, {wrong} wrong")
        return f"{made} connects, 0 failed, the same links"

    def case_3_everything_pinned_removed(self):
        ids, pins = self.link_ids(), self.pins()

        def remove():
            shutil.rmtree(self.host.bpffs)
            wait_for("the pins to be back", lambda: self.pins() == pins and self.whole())
            self.host.stop_daemon()
            self.host.start_daemon()

        made, failed, wrong = self.under_load(remove)
        expect(self.link_ids() == ids, "attached a second time")
        expect(failed == 0 and wrong == 0, f"{failed} of {made} failed, {wrong} wrong")
        return f"{made} connects over it and a restart, 0 failed, the same links"

    def case_4_uninstalled_by_force(self):
        expect(self.host.cli("uninstall", "--force")[0] == 0, "uninstall")
        wait_for("a line", lambda: "uninstalled" in self.log()[-1])
        time.sleep(3)
        expect(not self.host.bpffs.exists(), "put back")
        expect(not self.host.ready(), "ready")
        self.host.stop_daemon()
        self.host.start_daemon()
        expect(self.whole(), "not served by the next one")
        return "not put back, not ready; a new start serves"


def main():
    options = parser(__doc__).parse_args()
    if lacks_root("links"):
        return 0
    lab = Lab(options.bin)
    links = Links(lab)
    lab.a.start_daemon()
    failed = run_cases("links", cases_of(links, options.only), lab.a)
    lab.remove()
    return failed


if __name__ == "__main__":
    sys.exit(main())
