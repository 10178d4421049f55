#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""End to end, with counts: two hosts, real daemons, real pages. One line a case:
`ok e2e:NAME: figures` or `FAIL e2e:NAME: what`. Exit 1 when one failed.
Every zero stands beside its sabotage: a case that breaks the rule and must see failures."""
import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab import Lab, Load, Shop, cases_of, expect, lacks_root, parser, run_cases, service_yaml, slice_yaml, wait_for  # noqa: E402

URL = "http://10.96.0.10/"
URL6 = "http://[fd96::10]/"
# An IPv6 socket that dials an IPv4 service: Java and Go do it; the hook is connect6.
MAPPED = ("import socket; s = socket.create_connection(('::ffff:10.96.0.10', 80)); "
          "s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(s.getpeername()[0], s.recv(99)[:12])")


class Scenario:
    def __init__(self, lab):
        self.lab = lab
        self.shop = Shop(lab)
        self.host = lab.a

    def good_catalog(self):
        self.shop.publish()
        wait_for("the good catalog", lambda: len(self.host.endpoints("song") or []) == 4 and not self.host.json("hold", "list"))

    def under_load(self, action, seconds=2.0, url=URL):
        load = Load(self.host, url)
        try:
            action()
            time.sleep(seconds)
        finally:
            count = load.stop()
        return count

    def none_lost(self, count):
        expect(count["requests"] > 100, f"only {count['requests']} requests: no load, no proof")
        expect(count["failed"] == 0 and count["wrong"] == 0, json.dumps(count))
        return f"{3 * count['requests']} connects, 0 failed, 0 wrong"

    # --- what must hold ------------------------------------------------------------------------------
    def case_pages_over_ipv4(self):
        return self.none_lost(self.under_load(lambda: None))

    def case_pages_over_ipv6(self):
        return self.none_lost(self.under_load(lambda: None, url=URL6))

    def case_v4_mapped_client(self):
        code, out, err = self.host.run(sys.executable, "-c", MAPPED)
        expect(code == 0 and "::ffff:10.96.0.10" in out and "200" in out, out + err)
        return "connected, and getpeername shows the address dialled"

    def case_unknown_address_passes(self):
        code, out, _ = self.host.run("curl", "-s", "-m", "2", "-o", "/dev/null", "-w", "%{remote_ip}", "http://10.77.2.11:8080/")
        expect(code == 0 and out == "10.77.2.11", out)
        return "a pod dialled directly answers"

    def case_daemon_killed_20_times(self):
        def kill():
            for round_ in range(20):
                self.host.stop_daemon(signal.SIGKILL if round_ % 2 else signal.SIGTERM)
                self.host.start_daemon()
        return self.none_lost(self.under_load(kill)) + " over 10 SIGKILL and 10 SIGTERM"

    def lie(self, do):
        """A catalog gone wrong: the removals are held and the pages go on."""
        def action():
            do()
            wait_for("the hold or the doubt", lambda: self.host.json("source", "list")[0]["doubts"])
        figures = self.none_lost(self.under_load(action))
        expect(len(self.host.endpoints("song")) == 4, "endpoints left")
        holds = self.host.json("hold", "list")
        self.good_catalog()
        return f"{figures}; {len(holds)} holds"

    def case_file_emptied(self):
        return self.lie(lambda: self.host.write_catalog(""))

    def case_file_lists_nothing(self):
        return self.lie(lambda: self.host.write_catalog("apiVersion: v1\nkind: List\nitems: []\n"))

    def case_file_vanished(self):
        return self.lie(lambda: (self.host.catalog / "catalog.yaml").unlink())

    def case_file_truncated(self):
        return self.lie(lambda: self.host.write_catalog(self.shop.catalog()[:700] + "\n  broken: ["))

    def case_lie_while_the_daemon_is_dead(self):
        def action():
            self.host.stop_daemon(signal.SIGKILL)
            self.host.write_catalog("")
            self.host.start_daemon()
        return self.lie(action)

    def case_hold_accept_and_reject(self):
        self.host.write_catalog("")
        wait_for("three holds", lambda: len(self.host.json("hold", "list")) == 3)
        song = next(one["id"] for one in self.host.json("hold", "list") if one["service"] == "default/song")
        expect(self.host.cli("reject", song)[0] == 0, "reject")
        expect(self.host.endpoints("song"), "a rejected removal was applied")
        expect(self.host.cli("accept", "--all")[0] == 0, "accept --all")
        wait_for("the services to go", lambda: self.host.json("service", "list") == [])
        expect(self.host.cli("accept", song)[0] == 1, "accepting what is no hold must fail")
        self.good_catalog()
        return "rejected kept, accepted applied"

    def case_endpoints_written_empty_refuse(self):
        self.host.write_catalog(self.shop.catalog(without=("song-a1", "song-b1")))
        wait_for("song to be empty", lambda: self.host.endpoints("song") == [])
        begin = time.monotonic()
        code, _, err = self.host.run("curl", "-sS", "-m", "5", "-o", "/dev/null", URL)
        expect(code == 7, f"curl exit {code}: {err}")
        expect(time.monotonic() - begin < 4, "not at once")
        explained = self.host.json("explain", "10.96.0.10:80")
        expect(explained["decision"] == "refuse" and explained["service"] == "default/song", str(explained))
        self.good_catalog()
        return "ECONNREFUSED at once, and explain says so"

    def case_service_that_does_not_fit(self):
        huge = [(f"10.78.{number // 250}.{number % 250 + 1}", "n", f"uid-{number}") for number in range(300)]
        nothing = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"

        def unfit():
            return [row["service"] for row in self.host.json("status")["unfit"]]

        def action():
            self.host.write_catalog(service_yaml("huge", ["10.96.9.9"]) + "---\n" + slice_yaml("huge", 4, 80, huge), "huge.yaml")
            wait_for("the refusal", lambda: unfit() == ["default/huge"])
            self.host.write_catalog(service_yaml("small", ["10.96.9.8"]) + "---\n" + slice_yaml("small", 4, 80, huge[:1]), "small.yaml")
            wait_for("what fits to be served meanwhile", lambda: self.host.endpoints("small"))
            self.host.write_catalog(nothing, "small.yaml")
            wait_for("an explained removal to apply meanwhile", lambda: self.host.endpoints("small") is None)
        figures = self.none_lost(self.under_load(action))
        expect(self.host.endpoints("huge") is None, "half of it was applied")
        expect(self.host.json("status")["ready"], "not ready")
        self.host.write_catalog(nothing, "huge.yaml")
        wait_for("nothing to be refused", lambda: not unfit())
        for name in ("huge.yaml", "small.yaml"):
            (self.host.catalog / name).unlink()
        return figures + "; what does not fit is refused, all else applies"

    def refused(self, words, *arguments):
        """A second daemon that must not start: says why, and leaves what serves alone."""
        process = self.host.start(self.lab.bin / "holdfastd", "--config", self.host.directory / "config.yaml",
                                  *map(str, arguments), stderr=-1, text=True)
        _, err = process.communicate(timeout=10)
        expect(process.returncode == 1 and words in err, f"exit {process.returncode}: {err}")

    def case_startup_errors_leave_all_serving(self):
        plain, state = self.host.directory / "plain", self.host.directory / "no-state"
        plain.mkdir()
        state.write_text("a file")
        socket = self.host.directory / "second.sock"

        def action():
            self.refused("another holdfastd")
            self.refused("another holdfastd", "--bpffs", self.lab.bpffs / "second", "--admin-socket", socket)
            self.host.stop_daemon(signal.SIGKILL)
            self.refused("not on bpffs", "--bpffs", plain / "maps")
            self.refused("not a cgroup2", "--cgroup", plain)
            self.refused("No such file", "--cgroup", self.host.cgroup / "none")
            self.refused("another cgroup", "--cgroup", self.lab.b.cgroup.parent)
            self.refused("state directory", "--state-dir", state)
            self.drop_capabilities()
            self.host.start_daemon()
        return self.none_lost(self.under_load(action)) + "; 8 start-up errors"

    def drop_capabilities(self):
        process = self.host.start("setpriv", "--bounding-set=-bpf,-sys_admin,-perfmon", self.lab.bin / "holdfastd",
                                  "--config", self.host.directory / "config.yaml", stderr=-1, text=True)
        _, err = process.communicate(timeout=10)
        expect(process.returncode == 1 and "CAP_BPF" in err, f"exit {process.returncode}: {err}")

    def case_probes_over_tcp(self):
        for path in ("livez", "readyz"):
            code, out, _ = self.host.run("curl", "-s", "-m", "2", "-w", "%{http_code}", f"http://127.0.0.1:9464/{path}")
            expect(code == 0 and out.endswith("200"), f"{path}: {out}")
        for method, path in (("POST", "v1/holds/all/accept"), ("GET", "v1/status"), ("POST", "livez")):
            code, out, _ = self.host.run("curl", "-s", "-m", "2", "-X", method, "-w", "%{http_code}", f"http://127.0.0.1:9464/{path}")
            expect(code == 0 and out.endswith("403"), f"{method} {path}: {out}")
        return "livez and readyz answer 200, all else is the admin socket's"

    def case_diff_is_clean(self):
        code, out, err = self.host.cli("diff")
        expect(code == 0, out + err)
        return "desired equals maps"

    # --- and its sabotage ------------------------------------------------------------------------------
    def case_sabotage_guard_off(self):
        """The same lie with the guard off must be seen by the same counter."""
        self.host.stop_daemon()
        self.host.guard = False
        self.host.start_daemon()
        count = self.under_load(lambda: self.host.write_catalog(""))
        self.host.stop_daemon()
        self.host.guard = True
        self.host.start_daemon()
        self.good_catalog()
        expect(count["failed"] > 0, "the guard is off and nothing failed: the counter does not see")
        return f"{count['failed']} of {count['requests']} pages failed, as they must"

    def case_sabotage_detached(self):
        """With the programs detached nothing may be redirected: the pages came through them."""
        self.host.stop_daemon()
        expect(self.host.cli("uninstall")[0] == 0, "uninstall")
        code, _, _ = self.host.run("curl", "-s", "-m", "1", "-o", "/dev/null", URL)
        self.host.start_daemon()
        expect(code != 0, "a page without any program: not ours to count")
        return "no page without the programs"


def main():
    options = parser(__doc__).parse_args()
    if lacks_root("e2e"):
        return 0
    lab = Lab(options.bin)
    lab.a.extra_config = ", capacity: {services: 64, endpoints: 200}"
    scenario = Scenario(lab)
    scenario.shop.publish()
    lab.a.start_daemon()
    lab.b.start_daemon()

    def mend(_):
        if lab.a.daemon.poll() is not None:
            lab.a.guard = True
            lab.a.start_daemon()
        for extra in lab.a.catalog.glob("huge*"):
            extra.unlink()
            lab.a.cli("accept", "--all")
        scenario.good_catalog()

    failed = run_cases("e2e", cases_of(scenario, options.only), lab.a, mend)
    lab.remove()
    return failed


if __name__ == "__main__":
    sys.exit(main())
