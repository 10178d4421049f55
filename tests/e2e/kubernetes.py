#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kubernetes source against the real kube-apiserver behind a fault proxy, with counts: one line a case,
`ok kubernetes:NAME: figures` or `FAIL kubernetes:NAME: what`. Exit 1 when one failed. Every lie has its
sabotage: the same lie with the guard off must be seen by the same counter."""
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from kubelab import Peers, kube_lab, own_network  # noqa: E402
from lab import expect, lacks_root, parser, run_cases, wait_for  # noqa: E402

# What an answer that is wrong, or none, may look like; onset and restore: what befalls open streams.
ERRORS = {"refuse": {}, "blackhole": {}, "hang": {}, "garbage": {}, "garbage1": {}, "status:401": {}, "status:403": {}, "status:404": {},
          "status:429:1": {}, "status:500": {}, "status:503": {}, "status:504": {}, "cut:700": {"onset": "expired"},
          "flap:2": {}}
LIES = {"empty": {}, "partial:50": {}, "notready": {}, "stale": {}, "empty close": {"restore": "close"}}
QUICK_ERRORS = ("refuse", "blackhole", "garbage1", "status:429:1", "cut:700")


class Scenario:
    def __init__(self, lab, plane, proxy, seconds, churn):
        self.lab, self.host, self.plane, self.proxy, self.seconds = lab, lab.a, plane, proxy, seconds
        self.churn = churn
        self.host.kubeconfig = proxy.kubeconfig()
        self.peers = Peers(lab, plane)
        for number in range(5):
            self.peers.add(f"svc{number}", 3)
        self.host.start_daemon()
        self.peers.wait_converged()

    def restart(self, **settings):
        self.host.stop_daemon()
        for name, value in settings.items():
            setattr(self.host, name, value)
        self.host.start_daemon()

    def settle(self):
        """Back to a daemon that is current, holds nothing and equals the API."""
        self.proxy.mode("pass")
        self.peers.wait_converged(40)
        wait_for("holds to end", lambda: not self.host.held(), 40)

    def none_lost(self, count, least=500):
        expect(count["attempted"] >= least, f"only {count['attempted']} connects: no load, no proof")
        expect(count["failed"] == 0 and count["wrong"] == 0, str(count))
        return f"{count['attempted']} connects, 0 failed, 0 wrong"

    def under_load(self, action):
        dial = self.peers.dial()
        try:
            result = action()
        finally:
            count = dial.stop()
        return count, result

    # --- in order -------------------------------------------------------------------------------------
    def case_changes_arrive_as_events(self):
        since = self.proxy.last_id()

        def action():
            for member in range(4, 24):
                self.peers.listen("svc0", member)
                self.peers.update("svc0", range(1, member + 1))
            self.peers.wait_converged()
            self.peers.update("svc0", range(1, 24), terminating=set(range(4, 24)))
            self.peers.update("svc0", range(1, 4))
            self.peers.wait_converged()
        count, _ = self.under_load(action)
        for member in range(4, 24):
            self.peers.leave("svc0", member)
        lists = [one for one in self.proxy.log(since) if one["verb"] in ("LIST", "WATCHLIST") and not one.get("metadata")]
        expect(not lists, f"asked for lists: {lists}")
        expect(not self.host.held(), str(self.host.held()))
        return self.none_lost(count) + "; 22 changes, no list asked for, nothing held"

    def case_one_connection_a_kind(self):
        streams = self.proxy.stats()["streams"]
        expect(streams == 3, f"{streams} streams for services, endpointslices and the own node")
        return "3 streams: services, endpointslices, the own node"

    def case_service_deleted_and_made_again(self):
        self.peers.api.delete("Service", "svc4")
        wait_for("svc4 to leave", lambda: "default/svc4" not in self.host.services())
        expect(not self.host.held(), "an explained removal was held")
        number, address = self.peers.services["svc4"]
        self.peers.api.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc4", "namespace": "default"},
                               "spec": {"clusterIP": address, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})
        self.peers.wait_converged()
        return f"left at once, came back ({number})"

    def case_pages_where_streaming_lists_are_not(self):
        with self.proxy.fault("no-watchlist:422"):
            since = self.proxy.last_id()
            self.restart()
            self.peers.wait_converged()
            pages = self.proxy.requests("LIST", since=since)
            expect(len([one for one in pages if "limit=" in one["query"]]) >= 3, str(pages))
        self.settle()
        return f"{len(pages)} pages in place of streaming lists"

    def case_watch_expired(self):
        """410 inside the stream is answered by a list, and nothing is lost."""
        since = self.proxy.last_id()

        def action():
            self.proxy.mode("watch-expired")
            wait_for("a list", lambda: self.proxy.requests("WATCHLIST", "endpointslices", since))
            self.proxy.mode("pass")
            self.peers.wait_converged()
        count, _ = self.under_load(action)
        self.settle()
        expect("410" in self.host.source()["details"]["last_list"] or self.host.source()["details"]["relists"] > 0, str(self.host.source()))
        return self.none_lost(count)

    def case_api_cost_is_of_changes_alone(self):
        """One connection a kind and nothing asked for, however much changes; a 410 is one list of each kind."""
        self.restart()
        self.settle()
        since, before, compares = self.proxy.last_id(), self.proxy.stats(), self.host.source()["details"]["compares"]
        end, changes = time.monotonic() + self.churn, 0
        while time.monotonic() < end:
            self.peers.update("svc0", range(1, 3 + changes % 2))
            changes += 1
            time.sleep(0.05)
        self.peers.update("svc0", (1, 2, 3))
        self.peers.wait_converged()
        compares = self.host.source()["details"]["compares"] - compares
        connections = self.proxy.stats()["accepted"] - before["accepted"] - compares
        asked = [one for one in self.proxy.log(since) if one["verb"] != "WATCH" and not one.get("metadata") and (one.get("resource") or not compares)]
        expect(self.proxy.stats()["streams"] == 3 and connections == 0, f"{self.proxy.stats()}, {connections} connections more")
        expect(not asked, f"asked: {asked}")
        self.proxy.mode("pass", onset="expired")
        wait_for("three lists", lambda: len(self.lists(since)) >= 3)
        self.peers.wait_converged()
        time.sleep(2)  # a list too many would come now
        expect(self.lists(since) == ["endpointslices", "nodes", "services"], str(self.lists(since)))
        return f"{changes} changes in {self.churn:.0f} s over 3 streams: 0 connections, 0 lists; after a 410 one list a kind"

    def lists(self, since):
        return sorted(one["resource"] for one in self.proxy.log(since) if one["verb"] in ("LIST", "WATCHLIST") and not one.get("metadata"))

    def metrics(self):
        with urllib.request.urlopen("http://127.0.0.1:9464/metrics", timeout=5) as answer:
            return answer.read().decode()

    def state_lines(self):
        log = (self.host.directory / "holdfastd.log").read_text()
        return [line for line in log.splitlines() if " source kube (" in line]

    def case_metrics_are_well_formed(self):
        text = self.metrics()
        tool = pathlib.Path(__file__).resolve().parents[2] / "scripts/promtool"
        done = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, text=True)
        expect(done.returncode == 0, done.stdout + done.stderr)
        for name in ("holdfast_source_events_total", "holdfast_sync_duration_seconds_count", "holdfast_switch_duration_seconds_count", "holdfast_datapath_events_total",
                     "holdfast_holds", "holdfast_bpf_map_entries", "holdfast_generation_applied"):
            expect(f"\n{name}" in text, f"{name} is missing")
        return f"{text.count('# TYPE')} metrics, promtool has nothing to say"

    # --- out of order -------------------------------------------------------------------------------
    def error(self, mode, options):
        def action():
            self.proxy.mode(mode, **options)
            time.sleep(self.seconds)
            self.host.stop_daemon(signal.SIGKILL)
            self.host.start_daemon()
            time.sleep(self.seconds)
            state = self.host.source()["state"]
            self.proxy.mode("pass")
            back = time.monotonic()
            wait_for("the source to be current", lambda: self.host.source()["state"] == "current", 60)
            return state, time.monotonic() - back
        count, (state, back) = self.under_load(action)
        self.settle()
        return f"{self.none_lost(count)}; was {state}, current again after {back:.1f} s; the daemon killed in between"

    def lie(self, mode, options):
        def action():
            self.proxy.remember()
            self.proxy.mode(mode.split()[0], onset="expired", **options)
            time.sleep(self.seconds)
            seen = len(self.host.held())
            self.host.stop_daemon(signal.SIGKILL)
            self.host.start_daemon()
            time.sleep(self.seconds)
            self.proxy.mode("pass")
            back = time.monotonic()
            self.peers.wait_converged(60)
            wait_for("holds to end", lambda: not self.host.held(), 60)
            return seen, time.monotonic() - back
        count, (seen, back) = self.under_load(action)
        self.settle()
        expect(seen or mode == "stale", "nothing was held, so nothing was seen")
        return f"{self.none_lost(count)}; {seen} holds, all ended {back:.1f} s after the truth returned; the daemon killed in between"

    def case_api_server_killed_and_back(self):
        def action():
            self.plane.apiserver.kill()
            time.sleep(3 * self.seconds)
            self.plane.apiserver.start()
            self.peers.update("svc1", (1, 2))
            begin = time.monotonic()
            self.peers.wait_converged(60)
            return time.monotonic() - begin
        count, back = self.under_load(action)
        self.peers.update("svc1", (1, 2, 3))
        self.settle()
        return f"{self.none_lost(count)}; a change written after its return was in force {back:.1f} s later"

    def case_etcd_restored_from_an_older_state(self):
        """resourceVersions go back: nothing that lives is lost, and changes arrive again."""
        snapshot = self.plane.save_snapshot()
        for member in range(4, 8):
            self.peers.listen("svc2", member)
        for end in range(4, 9):
            self.peers.update("svc2", range(1, end))
        self.peers.wait_converged()

        def action():
            self.plane.restore_snapshot(snapshot)
            wait_for("the source to have listed the older state", lambda: self.host.held(), 90)
            self.peers.listen("svc3", 4)
            self.peers.update("svc3", (1, 2, 3, 4))
            wait_for("a change to arrive", lambda: len(self.host.services()["default/svc3"]) == 4, 60)
        count, _ = self.under_load(action)
        held = self.host.held()
        expect(any(one["service"] == "default/svc2" for one in held), str(held))
        self.peers.update("svc2", range(1, 8))
        self.settle()
        self.peers.update("svc2", range(1, 4))
        self.peers.update("svc3", range(1, 4))
        self.peers.wait_converged()
        return self.none_lost(count) + f"; {len(held)} held, a change arrived"

    def case_another_cluster_is_refused_until_confirmed(self):
        self.host.stop_daemon()
        store = self.host.directory / "state"
        before = {path.name for path in store.glob("*.snap")}
        expect(before, "no snapshot")
        uid = self.host_cluster()

        def action():
            other = type(self.plane)("other")
            other.start()
            other.bind_agent("deploy/kubernetes/holdfast.yaml")
            self.host.kubeconfig = other.kubeconfig("agent")
            self.host.start_daemon()
            wait_for("the refusal", lambda: self.host.source()["state"] == "refused")
            return other
        count, other = self.under_load(action)
        lines = [one for one in self.host.held() if one["id"] == "kube"]
        expect(lines and uid in lines[0]["reason"], str(lines))
        expect(self.host.cli("accept", "kube")[0] == 0, "accept kube")
        wait_for("the other cluster to be current", lambda: self.host.source()["state"] == "current")
        expect(self.host.source()["details"]["cluster"] != uid, "the same uid")
        self.host.stop_daemon()
        other.remove()
        for path in store.glob("*"):
            path.unlink()
        expect(self.host.cli("uninstall")[0] == 0, "uninstall")
        self.host.kubeconfig = self.proxy.kubeconfig()
        self.host.start_daemon()
        self.settle()
        return self.none_lost(count) + "; refused, confirmed by hand"

    def host_cluster(self):
        return self.peers.api.request("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]

    def case_lost_events_are_found_by_comparing(self):
        self.restart(compare=5)
        wait_for("the source to be current", lambda: self.host.source()["state"] == "current")
        since = self.proxy.last_id()
        with self.proxy.fault("silent"):
            self.peers.update("svc1", (1, 2))
            self.peers.listen("svc1", 4)
            self.peers.update("svc1", (1, 2, 4))
            wait_for("the compare to find the new endpoint", lambda: "10.77.2.4:8080" in self.host.services()["default/svc1"], 30)
        lists = self.proxy.requests("LIST", "endpointslices", since=since)
        expect(lists and all(one.get("metadata") for one in lists), str(lists)[:500])
        self.peers.update("svc1", (1, 2, 3))
        self.peers.wait_converged()  # an event: after a restart its list would explain nothing
        self.restart(compare=600)
        self.settle()
        self.peers.leave("svc1", 4)
        return f"{len(lists)} compares"

    def case_silent_watch_is_noticed(self):
        self.restart(silence=5)
        wait_for("the source to be current", lambda: self.host.source()["state"] == "current")
        with self.proxy.fault("blackhole"):
            wait_for("the silence to be told", lambda: "nothing came" in self.host.source()["last_error"], 30)
            told = self.host.source()["last_error"]
        self.restart(silence=120)
        self.settle()
        return told

    def case_servers_take_turns(self):
        self.restart(servers=("https://127.0.0.1:1", self.proxy.url))
        self.peers.wait_converged()
        self.restart(servers=())
        self.settle()
        return "the first is dead, the second serves"

    def case_rejected_and_renewed_token(self):
        token = pathlib.Path(self.host.directory) / "token"
        token.write_text("not-a-token")
        self.host.kubeconfig = self.proxy.kubeconfig(token_file=token)
        self.host.stop_daemon()

        def action():
            self.host.start_daemon()
            wait_for("the 401", lambda: "401" in self.host.source()["last_error"])
            token.write_text(self.plane.token("agent"))
            begin = time.monotonic()
            wait_for("the source to be current", lambda: self.host.source()["state"] == "current", 70)
            return time.monotonic() - begin
        count, after = self.under_load(action)
        self.host.kubeconfig = self.proxy.kubeconfig()
        self.restart()
        self.settle()
        return f"{self.none_lost(count)}; current {after:.1f} s after the token was renewed, no restart"

    def case_missing_permission_says_which(self):
        self.host.kubeconfig = self.proxy.kubeconfig("nobody")
        self.host.stop_daemon()

        def action():
            before = len(self.state_lines())
            self.host.start_daemon()
            wait_for("the 403", lambda: "403" in self.host.source()["last_error"])
            wait_for("a line in the log", lambda: self.state_lines()[before:])
            time.sleep(3)  # retries
            return self.host.source()["last_error"], self.state_lines()[before:], self.metrics()
        count, (error, lines, metrics) = self.under_load(action)
        expect("forbidden" in error, error)
        expect(len(lines) == 1 and "is failed" in lines[0] and "403" in lines[0] and self.proxy.url in lines[0], str(lines))
        expect('holdfast_source_confirmed_timestamp_seconds{source="kube"} 0\n' in metrics, metrics)
        expect('holdfast_source_state{source="kube",state="failed"} 1\n' in metrics, metrics)
        self.host.kubeconfig = self.proxy.kubeconfig()
        self.restart()
        self.settle()
        return self.none_lost(count) + f"; {error[:120]}"

    # --- and its sabotage -----------------------------------------------------------------------------
    def case_sabotage_guard_off(self):
        self.restart(guard=False)

        def action():
            self.proxy.mode("empty", onset="expired")
            time.sleep(self.seconds)
            self.proxy.mode("pass")
        count, _ = self.under_load(action)
        self.restart(guard=True)
        self.settle()
        expect(count["failed"] > 0, "the guard is off and nothing failed: the counter does not see")
        return f"{count['failed']} of {count['attempted']} connects failed, as they must"


def cases(scenario, everything):
    for name in [one for one in dir(Scenario) if one.startswith("case_")]:
        yield name[5:], getattr(scenario, name)
    for mode, options in ERRORS.items():
        if everything or mode in QUICK_ERRORS:
            yield f"error {mode}", lambda mode=mode, options=options: scenario.error(mode, options)
    for mode, options in LIES.items():
        yield f"lie {mode}", lambda mode=mode, options=options: scenario.lie(mode, options)


def timed(case):
    def run():
        begin = time.monotonic()
        return f"{case()} ({time.monotonic() - begin:.0f} s)"
    return run


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--all", action="store_true", help="every error of the proxy, not a choice of them")
    arguments.add_argument("--seconds", type=float, default=2.0, help="how long a fault lasts, twice")
    options = arguments.parse_args()
    if lacks_root("kubernetes"):
        return 0
    own_network()
    lab, plane, proxy = kube_lab(options.bin)
    scenario = Scenario(lab, plane, proxy, options.seconds, 60 if options.all else 10)

    def mend(_):
        scenario.proxy.mode("pass")
        scenario.restart(guard=True, servers=(), silence=120, compare=600)
        scenario.settle()

    chosen = [(name, timed(case)) for name, case in cases(scenario, options.all) if options.only in name]
    failed = run_cases("kubernetes", chosen, lab.a, mend)
    lab.remove()
    plane.remove()
    return failed


if __name__ == "__main__":
    sys.exit(main())
