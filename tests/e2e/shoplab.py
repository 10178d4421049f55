# SPDX-License-Identifier: Apache-2.0
"""Two real nodes with the image of this repository as the chart's DaemonSet, the shop as Deployments and Services,
and clients in pods of both nodes that count. What kubernetes_nodes.py plays its steps with."""
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cluster")]
import images  # noqa: E402
from nodes import Nodes  # noqa: E402
from programs import ROOT, wait_for  # noqa: E402

PEER = "holdfast.test/peer:1"
PORT = 8080
AGENT = "app.kubernetes.io/name=holdfast"
# First of the service range: where the API server gives no addresses by itself.
ADDRESSES = {"song": ("10.96.0.10", "fd00:10:96::10"), "artist": ("10.96.0.11", "fd00:10:96::11"), "image": ("10.96.0.12", "fd00:10:96::12"),
             "lyrics": ("10.96.0.13", "fd00:10:96::13")}
SHOP = ("song", "artist", "image")
# Without a request a pod gets next to nothing of a busy machine.
SHARE = {"requests": {"cpu": "100m"}}
BPF = "/sys/fs/bpf/holdfast"


def libraries(program):
    """{path in the image: file here} of what a program of this machine needs to run."""
    out = subprocess.check_output(["ldd", program], text=True)
    return {path.lstrip("/"): os.path.realpath(path) for path in re.findall(r"(/\S+) \(0x", out)}


def peer_image(path, bin_directory):
    programs = {f"bin/{name}": bin_directory / name for name in ("pod_peer", "churn_load")}
    needed = {key: value for one in programs.values() for key, value in libraries(one).items()}
    return images.write_image(path, PEER, {**images.busybox_files(), **programs, **needed}, ["/bin/pod_peer"], ["LIMIT_SECONDS=20", "PAUSE_MS=10"])


def field(path):
    return {"valueFrom": {"fieldRef": {"fieldPath": path}}}


def container(name):
    """A shutdown that loses nothing needs the wait before it: until every node has heard that the pod is leaving."""
    upstreams = [word for other in ("artist", "image") for word in (other, ADDRESSES[other][0], "80")] if name == "song" else []
    return {
        "name": name, "image": PEER, "imagePullPolicy": "Never", "args": [name, str(PORT), *upstreams],
        "env": [{"name": "POD", **field("metadata.name")}, {"name": "NODE", **field("spec.nodeName")}],
        "ports": [{"name": "peer", "containerPort": PORT}], "resources": SHARE,
        "readinessProbe": {"tcpSocket": {"port": "peer"}, "periodSeconds": 1, "timeoutSeconds": 5},
        "lifecycle": {"preStop": {"sleep": {"seconds": 10}}}}


def deployment(name, replicas=2):
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": name}},
              "matchLabelKeys": ["pod-template-hash"]}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {
            "terminationGracePeriodSeconds": 30, "topologySpreadConstraints": [spread], "containers": [container(name)]}}}}


def static_pod(name, app, labels):
    """One that kubelet runs by itself, without an API server; it has nothing to wait for when it goes."""
    one = {key: value for key, value in container(app).items() if key != "lifecycle"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": labels},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [one]}}


def service(name):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {
        "ipFamilyPolicy": "RequireDualStack", "clusterIP": ADDRESSES[name][0], "clusterIPs": ADDRESSES[name],
        "selector": {"app": name}, "ports": [{"name": "peer", "port": 80, "targetPort": "peer"}]}}


def clients():
    """One pod a node, of which nothing is asked but to be there: commands are run in it."""
    one = {"name": "client", "image": PEER, "imagePullPolicy": "Never", "command": ["/bin/sleep", "2147483647"], "resources": SHARE}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "client"}, "spec": {
        "selector": {"matchLabels": {"app": "client"}}, "template": {"metadata": {"labels": {"app": "client"}}, "spec": {
            "terminationGracePeriodSeconds": 1, "containers": [one]}}}}


def tasks(node):
    """{container: pid, as this machine has it} of what runs on a node."""
    rows = map(str.split, node.exec("ctr", "--namespace", "k8s.io", "tasks", "list").stdout.splitlines())
    return {row[0]: int(row[1]) for row in rows if row[2:] == ["RUNNING"]}


def running(node, pod):
    """The containers of a pod that run, by the runtime's word and not the API's."""
    labels = f'labels."io.kubernetes.pod.name"=="{pod}-{node.name}",labels."io.cri-containerd.kind"==container'
    out = node.exec("ctr", "--namespace", "k8s.io", "containers", "list", "--quiet", labels).stdout.split()
    return [one for one in out if one in tasks(node)]


class Pod:
    """A pod's container. Commands are given to the node's containerd, so that they work, and go on, without an API server."""

    def __init__(self, node, container_id):
        self.node, self.container = node, container_id

    def command(self, name, *command):
        return [*map(str, self.node.inside("ctr", "--namespace", "k8s.io", "tasks", "exec", "--exec-id", name, self.container, *command))]

    def run(self, name, *command):
        return subprocess.run(self.command(name, *command), capture_output=True, text=True, timeout=60)

    def network(self, *command, **options):
        """A program of this machine in the pod's network and the node's cgroup."""
        return self.node.exec("nsenter", "--target", tasks(self.node)[self.container], "--net", "--", *command, **options)

    def ask(self, address, times=1):
        """What a service says, as often as asked; no line for a connect that failed."""
        script = f"for i in $(seq {times}); do timeout 10 nc {address} 80 </dev/null; echo; done"
        return [line for line in self.run("ask", "/bin/sh", "-c", script).stdout.splitlines() if line]


class Client(Pod):
    """The client pod of a node, and the load in it."""

    def __init__(self, node):
        pod, = node.pods("app=client")
        super().__init__(node, pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://"))
        self.load, self.last = None, {"attempted": 0, "failed": 0, "wrong": 0}

    def start_load(self, names=SHOP, threads=2):
        targets = [word for name in names for address in ADDRESSES[name] for word in (name, address, "80")]
        self.load = subprocess.Popen(self.command("load", "/bin/churn_load", "dial", str(threads), *targets),
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def count(self):
        """(what was counted since the last time, in all)."""
        self.load.stdin.write("count\n")
        self.load.stdin.flush()
        line = self.load.stdout.readline()
        if not line:
            raise RuntimeError(f"the load of {self.node.name} ended with {self.load.wait(10)}")
        now = json.loads(line)
        step = {key: now[key] - self.last[key] for key in self.last}
        self.last = {key: now[key] for key in self.last}
        return step, now


class ShopLab:
    def __init__(self, bin_directory, kube_proxy=False, say=lambda text: None):
        self.bin, self.kube_proxy, self.say = pathlib.Path(bin_directory).resolve(), kube_proxy, say
        self.clients, self.image, self.nodes = [], None, Nodes(2)
        self.plane, self.directory = self.nodes.plane, self.nodes.directory

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        if self.image and self.image.poll() is None:
            self.image.kill()
            self.image.wait()
        self.nodes.remove()

    def start(self):
        agent = self.directory / "agent.tar"
        self.image = subprocess.Popen([ROOT / "scripts/image", "--bin", self.bin, "--output", agent], stdout=subprocess.DEVNULL)
        nodes = self.nodes.start()
        self.say("two nodes are Ready")
        if self.kube_proxy:
            for node in nodes.nodes:
                node.start_kube_proxy()
        if self.image.wait():
            raise RuntimeError("scripts/image failed")
        for tar in (agent, peer_image(self.directory / "peer.tar", self.bin)):
            nodes.load_image(tar)
        self.say(f"the image ({agent.stat().st_size / 1e6:.0f} MB) is imported on both")
        self.apply(clients(), *map(deployment, SHOP), *map(service, SHOP))
        for one in ("daemonset/client", *(f"deployment/{name}" for name in SHOP)):
            self.rollout(one)
        self.clients = [Client(node) for node in nodes.nodes]
        return self

    def apply(self, *objects):
        self.plane.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def rollout(self, name, *arguments):
        self.plane.kubectl("rollout", "status", name, "--timeout", "120s", *arguments, timeout=150)

    # --- the agent --------------------------------------------------------------------------------
    def manifests(self):
        """The chart as a cluster without kube-proxy needs it: the way to the API is the server's own address."""
        values = self.directory / "values.json"
        # The chart's own request is small; here two nodes and whoever else share few cores.
        values.write_text(json.dumps({"apiServers": [self.plane.url], "resources": {"requests": {"cpu": "200m"}}}))
        return subprocess.run([ROOT / "scripts/chart", "template", "--values", values], check=True, capture_output=True, text=True).stdout

    def apply_agent(self):
        self.plane.apply(self.manifests())
        self.rollout("daemonset/holdfast", "-n", "kube-system")

    def delete_agent(self):
        self.plane.kubectl("delete", "daemonset", "holdfast", "-n", "kube-system", "--wait")
        wait_for("the agent's pods to be gone", lambda: not any(self.agents().values()), 60)

    def agents(self):
        """{node name: names of its agent pods}"""
        return {node.name: [pod["metadata"]["name"] for pod in node.pods(AGENT, "kube-system")] for node in self.nodes.nodes}

    def ready(self, node):
        """What its readiness probe asks."""
        return "200" in node.exec("curl", "-s", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:9464/readyz", check=False).stdout

    def cli(self, node, *arguments):
        """The CLI on the node, for what is asked often: an agent need not run, nor an API server."""
        done = node.exec(self.bin / "holdfast", *arguments, "--bpffs", BPF, "--admin-socket", "/run/holdfast/admin.sock", "-o", "json", check=False)
        if not done.stdout:
            raise RuntimeError(f"{node.name}: holdfast {' '.join(arguments)}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def holdfast(self, node, *arguments):
        """The CLI in the agent's pod, as an operator calls it."""
        pod, = self.agents()[node.name]
        return self.plane.kubectl("exec", "-n", "kube-system", pod, "-c", "holdfastd", "--", "/usr/bin/holdfast", *arguments)

    def process(self, node):
        """The daemon's pid, as this machine has it."""
        for pid in tasks(node).values():
            if os.path.basename(os.path.realpath(f"/proc/{pid}/exe")) == "holdfastd":
                return pid
        raise RuntimeError(f"{node.name}: no holdfastd runs")

    def current(self, node):
        try:
            return self.cli(node, "source", "list")[0]["state"] == "current"
        except RuntimeError:
            return False

    def metric(self, node, name):
        page = node.exec("curl", "-s", "-m", "5", "http://127.0.0.1:9464/metrics").stdout
        return next(float(line.split()[-1]) for line in page.splitlines() if line.startswith(name))

    def static_pod(self, node, pod):
        """Starts one, and returns it when it runs."""
        path = node.static_pods / f"{pod['metadata']['name']}.json"
        beside = path.with_name(f".{path.name}")  # kubelet passes over such names
        beside.write_text(json.dumps(pod))
        beside.rename(path)
        wait_for(f"{path.stem} to run", lambda: running(node, path.stem), 60)
        return Pod(node, running(node, path.stem)[0])

    # --- the oracle ---------------------------------------------------------------------------------
    def expected(self):
        """{service: (frontends, endpoints)}, computed from the API and not by the code under test."""
        api, result = self.plane.api(), {}
        for one in api.request("GET", "/api/v1/services")["items"]:
            addresses = [address for address in one["spec"].get("clusterIPs", []) if address != "None"]
            if addresses:
                frontends = {f"{address} {port['port']}" for address in addresses for port in one["spec"]["ports"]}
                result[f"{one['metadata']['namespace']}/{one['metadata']['name']}"] = (frontends, set())
        for one in api.request("GET", "/apis/discovery.k8s.io/v1/endpointslices")["items"]:
            key = f"{one['metadata']['namespace']}/{one['metadata']['labels'].get('kubernetes.io/service-name', '')}"
            if key in result:
                result[key][1].update(f"{address} {port['port']}" for endpoint in one["endpoints"] or () for address in endpoint["addresses"]
                                      for port in one["ports"] if endpoint["conditions"].get("ready") is not False)
        return result

    @staticmethod
    def pools(services):
        """The same, of what `service list` says of the kernel maps."""
        return {f"{one['namespace']}/{one['name']}": ({f"{at['address']} {at['port']}" for at in one["frontends"]},
                                                      {f"{at['address']} {at['port']}" for at in one["endpoints"] if at["state"] == "active"})
                for one in services}

    def maps(self, node):
        return self.pools(self.cli(node, "service", "list"))

    def wait_equal(self, seconds=60):
        """Until the maps of every node say what the API says."""
        def equal(node):
            try:
                return self.maps(node) == self.expected()
            except RuntimeError:  # no maps yet
                return False

        for node in self.nodes.nodes:
            try:
                wait_for(f"the maps of {node.name} to equal the API", lambda node=node: equal(node), seconds)
            except TimeoutError as error:
                have, want = self.maps(node), self.expected()
                differ = {key: (have.get(key), want.get(key)) for key in {*have, *want} if have.get(key) != want.get(key)}
                raise TimeoutError(f"{error}; differing (have, want): {differ}"[:900]) from None
