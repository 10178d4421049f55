#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two real nodes, tested: pods of a Deployment on both of them reach each other, over IPv4 and IPv6; a node comes back
after a power cut; a killed test leaves nothing behind. Prints "ok NAME" or "FAIL NAME: why" for each case."""
import os
import pathlib
import signal
import subprocess
import sys

from api import Api
from cluster_check import run_cases
from images import BUSYBOX
from node_files import SYSCTLS
from nodes import PREFIX, Nodes, hierarchies
from programs import wait_for

DEPLOYMENT = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: hello}}
spec:
  replicas: 4
  selector: {{matchLabels: {{app: hello}}}}
  template:
    metadata: {{labels: {{app: hello}}}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - {{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {{matchLabels: {{app: hello}}}}}}
      containers:
      - name: hello
        image: {BUSYBOX}
        imagePullPolicy: Never
        command: [sh, -c, "mkdir /www && hostname >/www/index.html && exec httpd -f -p 8080 -h /www"]
        ports: [{{name: http, containerPort: 8080}}]
        readinessProbe: {{httpGet: {{port: http}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: hello}}
spec:
  ipFamilyPolicy: RequireDualStack
  selector: {{app: hello}}
  ports: [{{name: http, port: 80, targetPort: http}}]
"""


def ready_pods(lab):
    def ready(pod):
        return "deletionTimestamp" not in pod["metadata"] and any(
            one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))

    return {node.name: [pod for pod in node.pods("app=hello") if ready(pod)] for node in lab.nodes}


def fetch(lab, pod, address):
    host = f"[{address}]" if ":" in address else address
    return lab.plane.kubectl("exec", pod["metadata"]["name"], "--", "wget", "-q", "-O", "-", f"http://{host}:8080/").strip()


def pod_to_pod(lab):
    lab.plane.apply(DEPLOYMENT)
    wait_for("two pods on each node", lambda: all(len(pods) == 2 for pods in ready_pods(lab).values()), 120)
    first, second = ready_pods(lab).values()
    for here, there in ((first[0], second[0]), (second[0], first[0]), (first[0], first[1])):
        addresses = [one["ip"] for one in there["status"]["podIPs"]]
        assert len(addresses) == 2, addresses
        for address in addresses:
            assert fetch(lab, here, address) == there["metadata"]["name"]


def slices(lab):
    """The real controllers say what the agent is to learn: both families, with the pods' uids."""
    uids = {pod["metadata"]["uid"] for pods in ready_pods(lab).values() for pod in pods}

    def complete():
        of_service = lab.plane.api().list("EndpointSlice", selector="kubernetes.io/service-name=hello")
        return sorted(one["addressType"] for one in of_service) == ["IPv4", "IPv6"] and all(
            {endpoint["targetRef"]["uid"] for endpoint in one["endpoints"]} == uids for one in of_service)

    wait_for("complete slices", complete)


def service_account(lab):
    """The token and the authority that a pod is given are good at the API server."""
    pod = ready_pods(lab)["n1"][0]["metadata"]["name"]

    def given(name):
        return lab.plane.kubectl("exec", pod, "--", "cat", f"/var/run/secrets/kubernetes.io/serviceaccount/{name}")

    authority = lab.directory / "given.crt"
    authority.write_text(given("ca.crt"))
    access = Api(lab.plane.address, lab.plane.port, authority, given("token"), lab.plane.netns)
    assert access.raw("GET", "/version")[0] == 200 and access.raw("GET", "/api/v1/secrets")[0] == 403
    addresses = [address for one in lab.plane.api().list("EndpointSlice", selector="kubernetes.io/service-name=kubernetes")
                 for endpoint in one["endpoints"] for address in endpoint["addresses"]]
    assert addresses == [lab.plane.address], addresses


def own_places(lab):
    """What pods and the agent keep on a node is that node's: two agents on one machine share nothing."""
    one, two = lab.nodes
    for path in ("/var/lib/holdfast-check", "/run/holdfast-check", "/etc/holdfast-check"):
        one.exec("touch", path)
        assert two.exec("test", "-e", path, check=False).returncode == 1 and not os.path.exists(path)
    one.exec("mkdir", "/sys/fs/bpf/check")
    assert two.exec("test", "-e", "/sys/fs/bpf/check", check=False).returncode == 1
    pod = ready_pods(lab)["n1"][0]
    found = one.exec("sh", "-c", f"find /sys/fs/cgroup -type d -name 'pod{pod['metadata']['uid']}'").stdout.split()
    assert any("unified" in path for path in found) and any("memory" in path for path in found), found


def kube_proxy(lab):
    address4, address6 = lab.plane.api().get("Service", "hello")["spec"]["clusterIPs"]
    pod = ready_pods(lab)["n1"][0]["metadata"]["name"]
    command = ["exec", pod, "--", "timeout", "2", "wget", "-q", "-O", "-"]
    assert "hello-" not in lab.plane.kubectl(*command, f"http://{address4}/", check=False)  # nobody translates yet
    lab.nodes[0].start_kube_proxy()
    for host in (address4, f"[{address6}]"):
        wait_for(f"kube-proxy to serve {host}", lambda at=host: "hello-" in lab.plane.kubectl(*command, f"http://{at}/", check=False), 60)
    lab.nodes[0].programs.pop("kube-proxy").stop()


def power_cut(lab):
    node = lab.nodes[1]
    before = {pod["metadata"]["name"] for pod in ready_pods(lab)["n2"]}
    starts = {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["containerID"] for pod in node.pods("app=hello")}
    node.power_cut()
    assert not any((one.path / node.cgroup).exists() for one in lab.hierarchies)
    node.boot()

    def again():
        now = {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["containerID"] for pod in ready_pods(lab)["n2"]}
        return set(now) == before and all(now[name] != starts[name] for name in before)

    wait_for("the pods of the node to run again", again, 120)
    here, there = ready_pods(lab)["n1"][0], ready_pods(lab)["n2"][0]
    assert fetch(lab, here, there["status"]["podIP"]) == there["metadata"]["name"]
    assert node.exec("test", "-e", "/sys/fs/bpf/check", check=False).returncode == 1


CASES = [pod_to_pod, slices, service_account, own_places, kube_proxy, power_cut]


def machine():
    """What a lab must leave as it was."""
    sysctls = {name: (pathlib.Path("/proc/sys") / name).read_text() for name in SYSCTLS}
    cgroups = {str(path) for one in hierarchies() for path in one.path.glob(PREFIX + "*")}
    namespaces = {path.name for path in pathlib.Path("/run/netns").glob("hn*")}
    return sysctls, cgroups, namespaces


def killed_lab(before):
    code = ("import sys, time; sys.path.insert(0, sys.argv[1])\n"
            "from nodes import Nodes\n"
            "lab = Nodes(1).start()\n"
            "print('up', flush=True)\n"
            "time.sleep(600)")
    owner = subprocess.Popen([sys.executable, "-c", code, pathlib.Path(__file__).parent], stdout=subprocess.PIPE, text=True)
    assert owner.stdout.readline() == "up\n"
    assert machine() != before
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    wait_for("the janitor to clean", lambda: machine() == before)


def removed(before):
    assert machine() == before, (before, machine())


def main():
    try:
        before = machine()
    except NotImplementedError as error:
        print(f"skip nodes: {error}")
        return 0
    with Nodes() as lab:
        failed = run_cases("nodes", CASES, lab)
    return failed | run_cases("nodes", [removed, killed_lab], before)


if __name__ == "__main__":
    sys.exit(main())
