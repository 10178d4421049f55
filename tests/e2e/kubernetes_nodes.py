#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole of it on a real cluster, with counts: two nodes with kubelet, containerd and runc and without kube-proxy, the
chart's DaemonSet of this repository's image, the shop as Deployments, clients in pods of both nodes. One line a step,
`ok nodes:NAME: figures` or `FAIL nodes:NAME: what`. Exit 1 when one failed. At the end the links are removed from one
node: what counted 0 failed must count failures there."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from shoplab import ADDRESSES, BPF, PORT, SHOP, ShopLab, deployment, running, service, static_pod  # noqa: E402
from lab import expect  # noqa: E402
from nodes import hierarchies  # noqa: E402
from programs import ROOT, wait_for  # noqa: E402

# /proc/PID/status: CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, and nothing else.
CAPABILITIES = 1 << 39 | 1 << 12 | 1 << 38


class Steps:
    """In this order; each leaves all as the next one wants it. The docstring is what a spectator is told."""

    def __init__(self, lab, outage, least):
        self.lab, self.plane, self.nodes = lab, lab.plane, lab.nodes.nodes
        self.outage, self.least = outage, least

    def counted(self, least=50):
        """Of all clients since the last step: none failed, none wrong, on either node."""
        total = 0
        for client in self.lab.clients:
            step, now = client.count()
            expect(step["attempted"] >= least, f"{client.node.name}: only {step['attempted']} connects: no load, no proof")
            expect(step["failed"] == 0 and step["wrong"] == 0, f"{client.node.name}: {step}, in all {now}")
            total += step["attempted"]
        return f"{total} connects, 0 failed, 0 wrong"

    def kubectl(self, *arguments):
        return self.plane.kubectl(*arguments)

    def scale(self, name, replicas):
        self.kubectl("scale", f"deployment/{name}", f"--replicas={replicas}")
        self.lab.rollout(f"deployment/{name}")

    # --- in order -------------------------------------------------------------------------------------
    def step_nobody_translates_yet(self):
        """Two nodes, no agent: without kube-proxy a service address leads nowhere."""
        for client in self.lab.clients:
            if self.lab.kube_proxy:
                wait_for(f"kube-proxy of {client.node.name} to serve", lambda client=client: client.ask(ADDRESSES["artist"][0]), 60)
            else:
                answers = client.ask(ADDRESSES["artist"][0])
                expect(not answers, f"{client.node.name}: {answers}")
        return "kube-proxy serves" if self.lab.kube_proxy else "no connect to artist succeeds on either node"

    def step_daemonset_ready(self):
        """The chart's manifests, applied with kubectl: a DaemonSet of two, with the chart's account, role and capabilities."""
        self.lab.apply_agent()
        for node in self.nodes:
            status = dict(line.split(":\t", 1) for line in open(f"/proc/{self.lab.process(node)}/status").read().splitlines() if ":\t" in line)
            expect(int(status["CapEff"], 16) == int(status["CapBnd"], 16) == CAPABILITIES, f"{node.name}: {status['CapEff']}")
            expect(status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", f"{node.name}: {status['Seccomp']} {status['NoNewPrivs']}")
        self.lab.wait_equal()
        return "2 pods ready with BPF, NET_ADMIN and PERFMON alone, seccomp RuntimeDefault; the maps equal the API"

    def step_services_across_nodes(self):
        """Pods of both nodes reach endpoints of both nodes by service address, IPv4 and IPv6."""
        seen = set()
        for client in self.lab.clients:
            for name in SHOP:
                for address in ADDRESSES[name]:
                    answers = client.ask(address, 12)
                    expect(len(answers) == 12 and all(one.startswith(f"{name} ") for one in answers), f"{client.node.name}, {name}: {answers}")
                    seen |= {(client.node.name, name, one.split(";")[0].split()[2]) for one in answers}
        expect(len(seen) == 12, f"client, service, node of the endpoint: {sorted(seen)}")
        self.lab.say(f"a page: {self.lab.clients[0].ask(ADDRESSES['song'][0])[0]}")
        return "144 connects; every service by endpoints of both nodes from both nodes"

    def step_kubernetes_default(self):
        """Any client in a pod finds the API server by its service address, verified with the pod's own CA and token."""
        for client in self.lab.clients:
            given = "/var/run/secrets/kubernetes.io/serviceaccount"
            authority = self.lab.directory / f"{client.node.name}-ca.crt"
            authority.write_text(client.run("ca", "/bin/cat", f"{given}/ca.crt").stdout)
            token = client.run("token", "/bin/cat", f"{given}/token").stdout.strip()
            # /api is for accounts alone: an unknown one gets 403.
            out = client.network("curl", "-sS", "-m", "5", "--cacert", authority, "-H", f"Authorization: Bearer {token}", "https://10.96.0.1/api").stdout
            expect('"APIVersions"' in out, out)
        return "https://10.96.0.1/api answers in pods of both nodes"

    def step_load_begins(self):
        """Clients in a pod of each node now connect all the time, and count."""
        for client in self.lab.clients:
            client.start_load()
        time.sleep(2)
        return self.counted()

    def step_scale(self):
        """image is scaled to 6, and back to 2."""
        self.scale("image", 6)
        self.lab.wait_equal()
        self.scale("image", 2)
        self.lab.wait_equal()
        return self.counted()

    def step_rolling_update(self):
        """song, artist and image are rolled."""
        for name in SHOP:
            self.kubectl("rollout", "restart", f"deployment/{name}")
        for name in SHOP:
            self.lab.rollout(f"deployment/{name}")
        self.lab.wait_equal()
        return self.counted()

    def step_service_deleted(self):
        """lyrics is made, called and deleted: its address leads nowhere again."""
        self.lab.apply(deployment("lyrics", 2), service("lyrics"))
        self.lab.rollout("deployment/lyrics")
        self.lab.wait_equal()
        address = ADDRESSES["lyrics"][0]
        for client in self.lab.clients:
            expect(len(client.ask(address, 4)) == 4, "lyrics does not answer")
        self.kubectl("delete", "service/lyrics", "deployment/lyrics", "--wait=false")
        self.lab.wait_equal()
        for client in self.lab.clients:
            wait_for("lyrics to answer no more", lambda client=client: not client.ask(address), 20)  # at once; kube-proxy beside takes its time
        return self.counted()

    def step_daemonset_rolled(self):
        """Rolling update of the DaemonSet itself."""
        before = self.lab.agents()
        self.kubectl("rollout", "restart", "daemonset/holdfast", "-n", "kube-system")
        self.lab.rollout("daemonset/holdfast", "-n", "kube-system")
        expect(not any(set(before[name]) & set(pods) for name, pods in self.lab.agents().items()), "an old pod is there yet")
        self.lab.wait_equal()
        return self.counted()

    def step_agent_pod_deleted(self):
        """The agent's pod on n1 is deleted, at once and without a chance to say good-bye."""
        pod, = self.lab.agents()["n1"]
        self.kubectl("delete", "pod", pod, "-n", "kube-system", "--grace-period=0", "--force")
        wait_for("another pod", lambda: [one for one in self.lab.agents()["n1"] if one != pod], 60)
        self.lab.rollout("daemonset/holdfast", "-n", "kube-system")
        self.lab.wait_equal()
        return self.counted()

    def step_daemonset_deleted(self):
        """The DaemonSet is deleted: connections go on. image grows meanwhile; then the DaemonSet is applied again."""
        self.lab.delete_agent()
        self.scale("image", 4)
        time.sleep(3)
        alone = self.counted()
        self.lab.apply_agent()
        self.lab.wait_equal()
        return f"{alone} without any agent; then {self.counted()}"

    def step_api_server_killed(self):
        """The API server is killed. Meanwhile pods come and go by kubelet's own hand, and the agent of n2 is killed with SIGKILL."""
        begin = time.monotonic()
        self.plane.apiserver.kill()
        try:
            ready = self.without_api_server()
            time.sleep(max(0, self.outage - (time.monotonic() - begin)))
            alone, away = self.counted(), time.monotonic() - begin
        finally:
            self.plane.apiserver.start()
        current, equal = self.api_server_returned()
        self.scale("image", 2)
        self.lab.wait_equal(120)
        return (f"{alone} in {away:.0f} s without an API server; the killed agent ready again {ready:.1f} s after it ran again; current {current:.1f} s "
                f"after the API server was, the pod that came an endpoint after {equal:.1f} s; {self.counted()}")

    def without_api_server(self):
        """Returns how long the killed agent took to be ready again."""
        came = self.lab.static_pod(self.nodes[0], static_pod("came", "image", {"app": "image"}))
        answers = came.ask(ADDRESSES["artist"][0], 4)
        expect(len(answers) == 4, f"a pod that came reaches artist {len(answers)} times of 4")
        self.lab.static_pod(self.nodes[1], static_pod("gone", "image", {"app": "gone"}))
        ready = self.kill_agent(self.nodes[1])
        (self.nodes[1].static_pods / "gone.json").unlink()
        wait_for("the pod to go", lambda: not running(self.nodes[1], "gone"), 60)
        return ready

    def kill_agent(self, node):
        """Seconds from the new process to its readiness."""
        victim = self.lab.process(node)
        os.kill(victim, signal.SIGKILL)

        def another():
            try:
                return self.lab.process(node) != victim
            except RuntimeError:
                return False

        wait_for("kubelet to start the agent again", another, 120)
        begin = time.monotonic()
        wait_for("it to be ready without an API server", lambda: self.lab.ready(node), 60)
        return time.monotonic() - begin

    def api_server_returned(self):
        """Seconds until every agent is current, and until what came meanwhile is an endpoint in every map."""
        begin = time.monotonic()
        wait_for("every source to be current", lambda: all(map(self.lab.current, self.nodes)), 60)
        current = time.monotonic() - begin

        def joined():
            pods = self.nodes[0].pods("app=image")
            return any(pod["metadata"]["name"] == "came-n1" and f"{pod['status'].get('podIP')} {PORT}" in self.lab.expected()["default/image"][1] for pod in pods)

        wait_for("the pod that came to be an endpoint by the API", joined, 90)
        self.lab.wait_equal(90)
        return current, time.monotonic() - begin

    def step_everything_equal(self):
        """The maps of both nodes equal the oracle computed from the API, and nothing is held."""
        self.lab.wait_equal()
        while sum(client.last["attempted"] for client in self.lab.clients) < self.least:
            time.sleep(1)
            self.counted(0)
        totals = [client.count()[1] for client in self.lab.clients]
        for node, total in zip(self.nodes, totals, strict=True):
            held, listed = (json.loads(self.lab.holdfast(node, *words, "-o", "json")) for words in (("hold", "list"), ("service", "list")))
            expect(held == [] and self.lab.pools(listed) == self.lab.expected(), f"{node.name}: held {held}, maps {listed}")
            redirected = self.lab.metric(node, 'holdfast_datapath_events_total{event="redirected"}')
            expect(redirected >= total["attempted"], f"{node.name}: {redirected} redirected of {total}")
        expect(not any(one["failed"] or one["wrong"] for one in totals), str(totals))
        return f"{len(self.lab.expected())} services; in all {sum(one['attempted'] for one in totals)} connects, 0 failed, 0 wrong"

    def step_sabotage_links_removed(self):
        """And the proof that the counter sees: uninstalled on n2 (deploy/kubernetes/uninstall-pod.yaml), its connects must fail."""
        self.lab.delete_agent()
        self.counted(0)
        self.plane.apply((ROOT / "deploy/kubernetes/uninstall-pod.yaml").read_text().replace("NODE", "n2"))
        pod = "holdfast-uninstall-n2"
        wait_for("the uninstall pod to be done", lambda: self.plane.api().get("Pod", pod, "kube-system")["status"]["phase"] == "Succeeded", 60)
        expect(self.nodes[1].exec("test", "-e", BPF, check=False).returncode == 1, "pins are left on n2")
        time.sleep(8)
        (one, all_one), (two, _) = (client.count() for client in self.lab.clients)
        # song's own calls fail where it runs on n2, and clients of n1 are told: that, and nothing else.
        expect(one["attempted"] >= 10 and all(what.startswith("song: ") for what in all_one["samples"]), f"n1: {all_one}")
        if self.lab.kube_proxy:
            expect(two["attempted"] >= 10 and not one["failed"] and not two["failed"], f"n1: {one}, n2: {two}")
            return f"n1 {one}, n2 {two}: kube-proxy took over"
        expect(two["failed"] > 0, f"nothing failed on n2 without its links: the counter does not see: {two}")
        return f"n2: {two['failed']} of {two['attempted']} connects failed, as they must; n1: 0 of {one['attempted']}, but where song of n2 failed itself"


def play(lab, options):
    steps = Steps(lab, options.outage, options.least)
    names = [name for name in vars(Steps) if name.startswith("step_")]
    failed = 0
    for number, name in enumerate(names, 1):
        step = getattr(steps, name)
        lab.say(f"step {number} of {len(names)}: {step.__doc__}")
        begin = time.monotonic()
        try:
            print(f"ok nodes:{name[5:]}: {step()} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAIL nodes:{name[5:]}: {type(error).__name__}: {error}", flush=True)
            if name in ("step_daemonset_ready", "step_load_begins"):
                break  # the others have nothing to stand on
    return failed


def unable():
    """Why nodes cannot run here; none: they can."""
    if os.geteuid() != 0:
        return "needs root, for nodes of namespaces and BPF"
    missing = [name for name in ("containerd", "runc", "ctr", "busybox", "curl") if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]
    if missing:
        return f"not installed: {', '.join(missing)}"
    try:
        hierarchies()
    except NotImplementedError as error:
        return str(error)
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--full", action="store_true", help="100,000 connects at least, and minutes without an API server")
    parser.add_argument("--kube-proxy", action="store_true", help="the real kube-proxy beside, on both nodes")
    parser.add_argument("--narrate", action="store_true", help="say what is done, for a spectator")
    options = parser.parse_args()
    options.outage, options.least = (180, 100_000) if options.full else (30, 20_000)
    why = unable()
    if why:
        print(f"skip nodes: {why}")
        return 0
    begin = time.monotonic()

    def say(text):
        if options.narrate:
            print(f"\n== {text} ({time.monotonic() - begin:.0f} s)", flush=True)

    say("etcd, an API server, controllers and a scheduler, then two nodes")
    with ShopLab(options.bin, options.kube_proxy, say) as lab:
        failed = play(lab, options)
        say("everything is removed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
