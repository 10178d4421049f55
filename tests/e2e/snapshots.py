#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Snapshots, end to end: real daemons, real pages. A reboot is: the daemon killed, and all that was
pinned gone; no source answers then. One line a case: `ok snapshots:NAME: figures` or `FAIL ...`."""
import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab import Lab, Load, Shop, cases_of, expect, lacks_root, parser, run, run_cases, wait_for  # noqa: E402

URL = "http://10.96.0.11/"  # of artist, which asks nobody else: no daemon of host b is needed


class Snapshots:
    def __init__(self, lab):
        self.lab, self.host = lab, lab.a
        self.shop = Shop(lab)
        self.shop.publish()

    # --- helpers ---------------------------------------------------------------------------------
    def state(self, host=None):
        return (host or self.host).directory / "state"

    def files(self, suffix=".snap"):
        return sorted(self.state().glob(f"generation-*{suffix}"))

    def page(self):
        return self.host.run("curl", "-s", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}", URL)[1] == "200"

    def metric(self, name):
        code, out, _ = self.host.run("curl", "-s", "-m", "2", "http://127.0.0.1:9464/metrics")
        values = [float(line.split()[-1]) for line in out.splitlines() if line.startswith(name + " ")]
        expect(code == 0 and len(values) == 1, f"{name}: {values}")
        return values[0]

    def begin(self):
        """A daemon with the whole catalog, and its snapshot written."""
        self.shop.publish()
        self.host.start_daemon()
        wait_for("the catalog", lambda: len(self.host.endpoints("song") or []) == 4)
        self.written()

    def written(self):
        def newest():
            status = self.host.json("status")
            return (status["snapshot"] or {}).get("generation") == status["generation"]
        wait_for("the snapshot", newest, 15)

    def end(self):
        if self.host.daemon and self.host.daemon.poll() is None:
            self.host.stop_daemon()
        self.host.cli("uninstall")
        run("rm", "-rf", str(self.state()))

    def reboot(self):
        """What the machine's memory held is gone, and no source answers."""
        if self.host.daemon.poll() is None:
            self.host.stop_daemon(signal.SIGKILL)
        expect(self.host.cli("uninstall")[0] == 0, "uninstall")
        expect(not self.page(), "a page without any program: not ours to count")
        for path in self.host.catalog.iterdir():
            path.unlink()
        self.host.catalog.rmdir()

    def source_is_back(self):
        self.host.catalog.mkdir(exist_ok=True)

    def untrusted(self):
        return " ".join(self.host.json("status")["snapshot"]["untrusted"])

    # --- cases -----------------------------------------------------------------------------------
    def case_reboot_without_a_source(self):
        """20 times: the first connect after READY is redirected."""
        self.begin()
        for _ in range(20):
            self.reboot()
            self.host.start_daemon()
            expect(self.page(), "the first page after the start")
            expect(len(self.host.endpoints("song")) == 4, "endpoints")
            self.source_is_back()
        return "20 starts from the snapshot alone, 20 first pages"

    def case_sabotage_without_a_snapshot(self):
        """The same reboot with the snapshots gone must fail: the page came from them."""
        self.begin()
        self.reboot()
        run("rm", "-rf", str(self.state()))
        self.host.start_daemon(wait=False)
        wait_for("holdfastd to answer", lambda: self.host.cli("status")[0] == 1)
        expect(not self.page(), "a page from nothing")
        self.source_is_back()
        return "no page without a snapshot"

    def case_restarts_under_load(self):
        """Maps stay pinned: 20 starts beside them lose no connect."""
        self.begin()
        load = Load(self.host, URL, "artist")
        for _ in range(20):
            self.host.stop_daemon(signal.SIGKILL)
            self.host.start_daemon()
        count = load.stop()
        expect(count["requests"] > 100 and count["failed"] == 0 and count["wrong"] == 0, json.dumps(count))
        return f"20 starts, {3 * count['requests']} connects, 0 failed, 0 wrong"

    def case_first_complete_generation_at_once(self):
        """And not ten seconds later: the interval is waited for by the next one only."""
        self.shop.publish()
        self.host.start_daemon()
        wait_for("the first snapshot", lambda: self.files(), 8)
        first = self.files()
        self.shop.publish(without=("song-b1",))
        wait_for("the change", lambda: len(self.host.endpoints("song")) == 2)
        early = self.files()
        self.written()
        gap = self.files()[-1].stat().st_mtime - first[-1].stat().st_mtime
        expect(early == first, "a second one at once")
        self.host.stop_daemon()
        return f"the next one {gap:.1f} s after the first"

    def case_first_start_beside_what_cannot_be_read(self):
        """Whatever lies beside it, what a good file lists is served, and the bad one is reported."""
        self.shop.publish()
        bad = {"values.yaml": b"replicaCount: 1\n", "empty.yaml": b"", "words.yaml": b"# words\n", "broken.yaml": b"{{{",
               "wide.yaml": "apiVersion: v1\n".encode("utf-16")}
        paths = [self.host.catalog / name for name in (*bad, "dangling.yaml", "fifo.yaml")]
        try:
            for name, content in bad.items():
                (self.host.catalog / name).write_bytes(content)
            (self.host.catalog / "dangling.yaml").symlink_to("nowhere")
            os.mkfifo(self.host.catalog / "fifo.yaml")
            self.host.start_daemon()
            expect(self.page(), "the first page after the start")
            told = {problem["file"].rsplit("/", 1)[-1] for source in self.host.json("source", "list") for problem in source["problems"]}
            doubts = self.host.json("source", "list")[0]["state"]
            expect(doubts == "degraded" and {"values.yaml", "broken.yaml", "wide.yaml", "dangling.yaml", "fifo.yaml"} <= told,
                   f"{doubts}, {sorted(told)}")
        finally:
            for path in paths:
                path.unlink(missing_ok=True)
        wait_for("the source to be current", lambda: self.host.json("source", "list")[0]["state"] == "current")
        self.host.stop_daemon()
        return f"{len(paths)} bad files reported, the good one serves"

    def case_unreadable_fields(self):
        """A field that nobody can read, in every Service and then in every slice: nothing is removed, also over restarts."""
        self.begin()
        load = Load(self.host, URL, "artist")
        good, restarts = self.shop.catalog(), 0
        for of, by in (("port: 80,", "port: 0,"), ("10.96.0.", "10.96.300."), (f"port: {self.shop.PORT},", "port: -1,")):
            expect(of in good, f"no {of!r} in the catalog")
            self.host.write_catalog(good.replace(of, by))
            wait_for("the problem", lambda: self.host.json("source", "list")[0]["errors"] > 0)
            for _ in range(3):
                expect(len(self.host.endpoints("song")) == 4 and self.host.json("status")["holds"] == 0, f"{of!r} to {by!r}")
                self.host.stop_daemon(signal.SIGKILL)
                self.host.start_daemon()
                wait_for("the problem", lambda: self.host.json("source", "list")[0]["errors"] > 0)
                restarts += 1
        count = load.stop()
        expect(count["requests"] > 100 and count["failed"] == 0 and count["wrong"] == 0, json.dumps(count))
        self.host.write_catalog(good)
        wait_for("the mended catalog", lambda: self.host.json("source", "list")[0]["errors"] == 0)
        return f"{restarts} restarts, {3 * count['requests']} connects, 0 failed, 0 wrong"

    def case_damaged_newest(self):
        self.begin()
        self.shop.publish(without=("song-b1",))
        wait_for("the change", lambda: len(self.host.endpoints("song")) == 2)
        self.written()
        self.reboot()
        newest = self.files()[-1]
        newest.write_bytes(newest.read_bytes()[:-1])
        self.host.start_daemon()
        expect(self.page() and len(self.host.endpoints("song")) == 4, "the one before was not used")
        expect("checksum" in self.untrusted() and (newest.parent / (newest.name + ".corrupt")).exists(), self.untrusted())
        self.source_is_back()
        return "set aside with the reason, the one before serves"

    def case_of_another_node(self):
        self.begin()
        self.host.stop_daemon()
        self.reboot()
        text = self.host.write_config
        self.host.write_config = lambda: (text(), (self.host.directory / "config.yaml").write_text(
            (self.host.directory / "config.yaml").read_text().replace("host-a", "host-c")))
        try:
            self.host.start_daemon(wait=False)
            wait_for("holdfastd to answer", lambda: self.host.cli("status")[0] == 1)
            expect(not self.page(), "a page of another node's snapshot")
            expect("of another node: host-a, and this is host-c" in self.untrusted(), self.untrusted())
            self.host.stop_daemon()
            aside = self.files(".foreign")[-1]
            expect(self.host.cli("snapshot", "import", aside)[0] == 1, "imported without being told to")
            expect(self.host.cli("snapshot", "import", aside, "--force-identity")[0] == 0, "import on purpose")
            self.host.start_daemon()
            expect(self.page(), "no page after the import")
        finally:
            del self.host.write_config
        self.source_is_back()
        return "not used; imported on purpose it serves"

    def case_seed_of_a_new_node(self):
        """Node b has never run: it starts from a's snapshot, with no source, and redirects."""
        self.begin()
        seed = self.lab.directory / "seed.snap"
        expect(self.host.cli("snapshot", "export", seed)[0] == 0, "export from under a live daemon")
        code, _, err = self.host.cli("snapshot", "import", seed)
        expect(code == 1 and "stop it, import, start it again" in err, err)
        other = self.lab.b
        other.write_config()
        expect(other.cli("snapshot", "import", seed)[0] == 1, "a seed without being told")
        expect(other.cli("snapshot", "import", seed, "--force-identity")[0] == 0, "the seed")
        for path in other.catalog.iterdir():
            path.unlink()
        other.start_daemon()
        served = other.endpoints("song")
        other.stop_daemon()
        other.cli("uninstall")
        expect(len(served or []) == 4, f"{served}")
        return "a new node serves 4 endpoints before any source has spoken"

    def disk(self, size):
        self.state().mkdir(exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(self.state()))

    def case_disk_full(self):
        self.disk("64k")
        try:
            self.begin()
            with open(self.state() / "ballast", "wb", buffering=0) as ballast:
                try:
                    while True:
                        ballast.write(b"x" * 4096)
                except OSError:
                    pass
            load = Load(self.host, URL, "artist")
            self.shop.publish(without=("song-b1",))
            wait_for("the change to be served", lambda: len(self.host.endpoints("song")) == 2)
            wait_for("the error", lambda: "No space left" in self.host.json("status")["snapshot"]["last_error"], 15)
            expect(self.metric("holdfast_snapshot_errors_total") >= 1, "no error counted")
            expect(self.host.cli("status")[0] == 0, "not ready")
            expect("NOT WRITTEN" in self.host.cli("status")[1], self.host.cli("status")[1])
            (self.state() / "ballast").unlink()
            wait_for("the error to go", lambda: self.host.json("status")["snapshot"]["last_error"] == "", 25)
            self.written()
            count = load.stop()
            expect(count["failed"] == 0 and count["wrong"] == 0, json.dumps(count))
            said = (self.host.directory / "holdfastd.log").read_text().count("not written, all goes on serving")
            self.host.stop_daemon()
        finally:
            if self.host.daemon.poll() is None:
                self.host.stop_daemon()
            run("umount", str(self.state()), check=False)
        return f"{3 * count['requests']} connects, 0 failed; {said} log line"

    def case_read_only(self):
        """Also a start on it: what is there serves."""
        self.disk("1m")
        try:
            self.begin()
            self.host.stop_daemon()
            run("mount", "-o", "remount,ro", str(self.state()))
            self.reboot()
            self.host.start_daemon()
            expect(self.page(), "no page from a directory that cannot be written")
            wait_for("the error", lambda: "Read-only" in self.host.json("status")["snapshot"]["last_error"], 15)
            self.host.stop_daemon()
        finally:
            if self.host.daemon.poll() is None:
                self.host.stop_daemon()
            run("umount", str(self.state()), check=False)
        self.source_is_back()
        return "starts, serves, and says so"


def main():
    options = parser(__doc__).parse_args()
    if lacks_root("snapshots"):
        return 0
    lab = Lab(options.bin)
    snapshots = Snapshots(lab)

    def after():
        snapshots.source_is_back()
        snapshots.end()

    failed = run_cases("snapshots", cases_of(snapshots, options.only), lab.a, after=after)
    lab.remove()
    return failed


if __name__ == "__main__":
    sys.exit(main())
