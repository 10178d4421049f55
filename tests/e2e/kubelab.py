# SPDX-License-Identifier: Apache-2.0
"""A daemon whose source is a real API server behind the fault proxy, and peers that say who they are, all
in a network namespace and a cgroup of this process's own. The control plane stands outside that cgroup."""
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cluster")]
from apiproxy import ApiProxy  # noqa: E402
from cluster import ControlPlane  # noqa: E402
from lab import Host, Lab, run, wait_for  # noqa: E402

PORT = 8080
OWN_NAMESPACE = "HOLDFAST_TEST_OWN_NETWORK"


def own_network():
    """Runs this program again in a network namespace of its own, which goes when it ends."""
    if os.environ.get(OWN_NAMESPACE) != "1":
        os.environ[OWN_NAMESPACE] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    for command in (("link", "set", "lo", "up"), ("addr", "add", "10.77.0.1/16", "dev", "lo"),
                    ("-6", "route", "add", "local", "fd77::/64", "dev", "lo")):
        run("ip", *command)


class KubeHost(Host):
    """The host that we are in: no namespace to enter, only the cgroup."""

    def __init__(self, lab):
        super().__init__(lab, "a", 1)
        self.kubeconfig = None
        self.servers = ()
        self.silence, self.compare = 120, 600

    def create(self):
        self.catalog.mkdir(parents=True)
        self.cgroup.mkdir()

    def start(self, *command, **options):
        procs = str(self.cgroup / "cgroup.procs")

        def enter():
            with open(procs, "w") as file:
                file.write(str(os.getpid()))

        process = subprocess.Popen([*map(str, command)], preexec_fn=enter, **options)
        self.lab.processes.append(process)
        return process

    def write_config(self):
        servers = f", servers: [{', '.join(self.servers)}]" if self.servers else ""
        text = (f"node: {{name: node-0}}\n"
                f"dataplane: {{cgroup: {self.cgroup}, bpffs: {self.bpffs}}}\n"
                f"state_dir: {self.directory}/state\n"
                f"admin: {{socket: {self.directory}/admin.sock, listen: '127.0.0.1:9464'}}\n"
                f"guard: {{enabled: {'true' if self.guard else 'false'}}}\n"
                f"sources: [{{name: kube, kubernetes: {{kubeconfig: {self.kubeconfig}{servers}, "
                f"silence_seconds: {self.silence}, compare_seconds: {self.compare}}}}}]\n")
        (self.directory / "config.yaml").write_text(text)

    def source(self):
        return self.json("source", "list")[0]

    def held(self):
        return self.json("hold", "list")

    def services(self):
        """What the maps hold: {namespace/name: {"address:port" that new connects may reach}}."""
        return {f"{row['namespace']}/{row['name']}": {f"{one['address']}:{one['port']}" for one in row["endpoints"]
                                                      if one["state"] in ("active", "held")}
                for row in self.json("service", "list")}


class KubeLab(Lab):
    def make_hosts(self):
        self.a = KubeHost(self)
        self.a.create()
        return (self.a,)


class Peers:
    """Endpoints that answer with their service's name, and Services of the API that name them."""

    def __init__(self, lab, plane):
        self.host, self.plane, self.api = lab.a, plane, plane.api()
        self.program = lab.bin / "churn_load"
        self.server = self.piped("serve", PORT)
        self.services = {}  # name: (number, ClusterIP)

    def piped(self, *arguments):
        return self.host.start(self.program, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, process, line):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    def address(self, service, member):
        return f"10.77.{self.services[service][0]}.{member}"

    def listen(self, service, member):
        answer = self.ask(self.server, f"+{service} {self.address(service, member)}")
        if answer != "ok":
            raise RuntimeError(f"listen: {answer}")

    def leave(self, service, member):
        self.ask(self.server, f"-{self.address(service, member)}")

    def add(self, service, members):
        """A Service with that many endpoints, all listening."""
        number = len(self.services) + 1
        self.services[service] = (number, f"10.96.1.{number}")
        for member in range(1, members + 1):
            self.listen(service, member)
        self.api.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": service, "namespace": "default"},
                         "spec": {"clusterIP": self.services[service][1], "ports": [{"name": "http", "port": 80, "targetPort": PORT}]}})
        self.api.create(self.slice(service, range(1, members + 1)))

    def slice(self, service, members, ready=(), terminating=(), uid=""):
        endpoints = [{"addresses": [self.address(service, one)], "nodeName": f"node-{one % 3}",
                      "conditions": {"ready": one not in terminating and (not ready or one in ready), "serving": True,
                                     "terminating": one in terminating},
                      "targetRef": {"kind": "Pod", "namespace": "default", "name": f"{service}-{one}", "uid": f"{uid}{service}-{one}"}}
                     for one in members]
        return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                "metadata": {"name": f"{service}-1", "namespace": "default", "labels": {"kubernetes.io/service-name": service}},
                "ports": [{"name": "http", "port": PORT, "protocol": "TCP"}], "endpoints": endpoints}

    def update(self, service, members, **conditions):
        """As the EndpointSlice controller does: one modified slice."""
        self.api.patch("EndpointSlice", f"{service}-1", {"endpoints": self.slice(service, members, **conditions)["endpoints"]})

    def expected(self):
        """The oracle: what the API server says, computed here and not by the code under test."""
        result = {}
        for service in self.api.list("Service"):
            if service["spec"].get("clusterIP") not in (None, "None"):
                result[f"default/{service['metadata']['name']}"] = set()
        for one in self.api.list("EndpointSlice"):
            key = f"default/{one['metadata']['labels'].get('kubernetes.io/service-name', '')}"
            if key not in result or key == "default/kubernetes":
                continue
            for endpoint in one["endpoints"] or ():
                if endpoint["conditions"].get("ready") is not False:
                    result[key] |= {f"{address}:{one['ports'][0]['port']}" for address in endpoint["addresses"]}
        return result

    def converged(self):
        have = self.host.services()
        have["default/kubernetes"] = set()  # its endpoint is the machine's loopback, and so refused
        return have == self.expected()

    def wait_converged(self, seconds=15.0):
        begin = time.monotonic()
        try:
            wait_for("the maps to equal the API", self.converged, seconds)
        except TimeoutError as error:
            have, want = self.host.services(), self.expected()
            differ = {key: (sorted(have.get(key, ())), sorted(want.get(key, ()))) for key in set(have) | set(want) if have.get(key) != want.get(key)}
            raise TimeoutError(f"{error}; differing (have, want): {json.dumps(differ)[:600]}") from None
        return time.monotonic() - begin

    def dial(self, threads=2):
        targets = [part for name, (_, address) in self.services.items() for part in (name, address, 80)]
        return Dial(self.piped("dial", threads, *targets), self)


class Dial:
    """Connects to every service in turn until it is stopped; counts."""

    def __init__(self, process, peers):
        self.process, self.peers = process, peers

    def stop(self):
        count = json.loads(self.peers.ask(self.process, "count"))
        self.process.stdin.close()
        self.process.wait(10)
        return count


def kube_lab(bin_directory):
    lab = KubeLab(bin_directory)
    plane = ControlPlane()
    plane.start()
    plane.bind_agent("deploy/kubernetes/holdfast.yaml")
    return lab, plane, ApiProxy(plane).start()
