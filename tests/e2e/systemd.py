#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd unit, where no systemd runs (tests/vm runs it under one): its hardening as systemd-analyze
sees it, its promises held against a real daemon (notification, watchdog, the system calls it may use).
One line a case: `ok systemd:NAME: figures` or `FAIL systemd:NAME: what`. Exit 1 when one failed."""
import os
import pathlib
import re
import signal
import socket
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lab import Lab, Shop, cases_of, expect, lacks_root, parser, run, run_cases, wait_for  # noqa: E402

TOP = HERE.parents[1]
UNIT = TOP / "deploy/systemd/holdfastd.service"
WORST_EXPOSURE = 25  # of 100, systemd-analyze security; 22 with systemd 252


def values(key):
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)


def calls_of(name):
    """A system call, or all of an @group, groups inside it included."""
    if not name.startswith("@"):
        return {name}
    lines = [line.strip() for line in run("systemd-analyze", "syscall-filter", name).stdout.splitlines()[1:]]
    return set().union(*(calls_of(line) for line in lines if line and not line.startswith("#")))


class Notifications:
    """The receiving end of sd_notify(3)."""

    def __init__(self, directory):
        self.path = directory / "notify.sock"
        self.path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.messages = []

    def seen(self, text):
        while True:
            try:
                self.messages.append(self.socket.recv(4096, socket.MSG_DONTWAIT).decode())
            except BlockingIOError:
                return any(text in message for message in self.messages)

    def first_ready(self):
        return next(message for message in self.messages if "READY=1" in message)


class Unit:
    def __init__(self, lab, shop):
        self.lab, self.host, self.shop = lab, lab.a, shop
        self.host.write_config()
        self.config = self.host.directory / "config.yaml"

    def start(self, *prefix, **environment):
        notifications = Notifications(self.host.directory)
        log = open(self.host.directory / "holdfastd.log", "a")
        self.host.daemon = self.host.start(*prefix, self.lab.bin / "holdfastd", "--config", self.config, stderr=log,
                                           env={**os.environ, "NOTIFY_SOCKET": str(notifications.path), **environment})
        return notifications

    # --- cases ---------------------------------------------------------------------------------------
    def case_1_exposure(self):
        done = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={WORST_EXPOSURE}", str(UNIT), check=False)
        found = re.search(r"Overall exposure level.*: ([0-9.]+)", done.stdout)
        expect(done.returncode == 0 and found, done.stdout[-400:] + done.stderr)
        return f"{found[1]} of 10"

    def case_1_every_line_is_understood(self):
        directory = self.host.directory / "unit"
        directory.mkdir()
        # Its program and its page are not installed here; all else is as it is.
        text = UNIT.read_text().replace("/usr/bin/holdfastd", str(self.lab.bin / "holdfastd"))
        (directory / UNIT.name).write_text(re.sub("^Documentation=.*\n", "", text, flags=re.MULTILINE))
        done = run("systemd-analyze", "verify", str(directory / UNIT.name), check=False)
        complaints = [line for line in (done.stdout + done.stderr).splitlines() if UNIT.name in line]
        expect(done.returncode == 0 and not complaints, "\n".join(complaints) or done.stderr)
        return "systemd-analyze verify has nothing to say"

    def case_1_nothing_in_it_detaches(self):
        expect(not values("ExecStop") and not values("ExecStopPost"), "a stop does something")
        expect(values("Restart") == ["always"] and values("StartLimitIntervalSec") == ["0"], "it may stay down")
        return "no stop action, always restarted"

    def case_1_same_capabilities_as_the_chart(self):
        manifest = (TOP / "deploy/kubernetes/holdfast.yaml").read_text()
        chart = re.findall(r"^ +- ([A-Z_]+)  # ", manifest, re.MULTILINE)
        expect(len(chart) == 3 and values("CapabilityBoundingSet")[0].split() == [f"CAP_{one}" for one in chart], str(chart))
        return ", ".join(chart)

    def case_2_a_first_start_keeps_nobody_waiting(self):
        """Neither maps nor snapshot nor catalog: units ordered after this one must start all the same."""
        shown = self.host.catalog.rename(self.host.directory / "later.d")
        notifications = self.start()
        wait_for("READY", lambda: notifications.seen("READY=1"))
        expect("waiting" in notifications.first_ready(), str(notifications.messages))
        code, out, _ = self.host.run("curl", "-s", "-m", "2", "-w", "%{http_code}", "http://127.0.0.1:9464/readyz")
        expect(code == 0 and out.endswith("503"), f"readyz without a catalog: {out}")
        shown.rename(self.host.catalog)
        wait_for("serving", lambda: notifications.seen("STATUS=serving"), 20)
        return "READY=1 while /readyz says 503, then serving"

    def case_3_with_a_last_known_good_ready_means_serving(self):
        self.host.stop_daemon()
        self.host.cli("uninstall")
        aside = self.host.catalog.rename(self.host.directory / "later.d")
        notifications = self.start()
        wait_for("READY", lambda: notifications.seen("READY=1"))
        expect("serving" in notifications.first_ready(), str(notifications.messages))
        expect(self.host.json("status")["programs"]["attached"], "READY before the programs were attached")
        aside.rename(self.host.catalog)
        return "from the snapshot alone, as after a reboot"

    def case_4_watchdog_is_fed(self):
        self.host.stop_daemon()
        notifications = self.start(WATCHDOG_USEC="400000")
        wait_for("three feedings", lambda: notifications.seen("") and sum("WATCHDOG=1" in one for one in notifications.messages) >= 3)
        self.host.daemon.send_signal(signal.SIGSTOP)
        time.sleep(0.5)  # what was on its way
        notifications.seen("")
        before = len(notifications.messages)
        time.sleep(1)
        notifications.seen("")
        self.host.daemon.send_signal(signal.SIGCONT)
        expect(len(notifications.messages) == before, "a stopped daemon feeds the watchdog")
        return "fed while it runs, not while it is stopped"

    def case_5_its_system_calls_are_allowed(self):
        """A life with a catalog, a change, a hold, the CLI and a probe, against SystemCallFilter."""
        self.host.stop_daemon()
        self.host.cli("uninstall")
        trace = self.host.directory / "trace"
        self.start("strace", "-f", "-qq", "-o", trace)
        wait_for("holdfastd to be ready", self.host.ready, 30)
        self.host.write_catalog(self.shop.catalog(without=("song-a1",)))
        wait_for("the change", lambda: len(self.host.endpoints("song")) == 2)
        self.host.write_catalog("")
        wait_for("the hold", lambda: self.host.json("hold", "list"))
        self.host.cli("diff")
        self.host.run("curl", "-s", "-m", "2", "http://127.0.0.1:9464/readyz")
        children = pathlib.Path(f"/proc/{self.host.daemon.pid}/task/{self.host.daemon.pid}/children").read_text().split()
        for child in children:  # strace's: the daemon
            os.kill(int(child), signal.SIGTERM)
        self.host.daemon.wait(10)
        used = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.MULTILINE))
        expect({"bpf", "membarrier", "flock"} <= used, f"the trace is not of a life: {sorted(used)}")
        allowed = set()
        for line in values("SystemCallFilter"):
            named = set().union(*map(calls_of, line.removeprefix("~").split()))
            allowed = allowed - named if line.startswith("~") else allowed | named
        expect(used <= allowed, f"not allowed: {sorted(used - allowed)}")
        return f"{len(used)} used, all of {len(allowed)} allowed"


def main():
    options = parser(__doc__).parse_args()
    if lacks_root("systemd"):
        return 0
    lab = Lab(options.bin)
    shop = Shop(lab)
    shop.publish()
    failed = run_cases("systemd", cases_of(Unit(lab, shop), options.only), lab.a)
    lab.remove()
    return failed


if __name__ == "__main__":
    sys.exit(main())
