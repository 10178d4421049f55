#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tests' own control plane, tested: that it does what the tests of Holdfast believe it does.
Prints "ok NAME" or "FAIL NAME: why" for each case."""
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback

import api
from cluster import ENDPOINTS, ControlPlane
from programs import Workspace, wait_for


def resource_version(plane):
    return int(plane.api().request("GET", "/api/v1/services?limit=1")["metadata"]["resourceVersion"])


def permissions(plane):
    plane.bind_agent()
    agent = plane.api("agent")
    assert agent.list("Service") and agent.raw("GET", "/apis/discovery.k8s.io/v1/endpointslices")[0] == 200
    assert agent.raw("GET", "/api/v1/secrets")[0] == 403
    assert agent.raw("DELETE", api.Api.path("Service", name="kubernetes"))[0] == 403
    assert plane.api("nobody").raw("GET", "/api/v1/services")[0] == 403


def seeding(plane):
    plane.seed(20, 30, "-slice-size", 10, "-dual-stack")
    slices = plane.api().list("EndpointSlice", selector="kubernetes.io/service-name=svc-000007")
    assert len(slices) == 6, len(slices)  # of each family three
    addresses = {address for one in slices for endpoint in one["endpoints"] for address in endpoint["addresses"]}
    assert len(addresses) == 60 and "10.128.0.210" in addresses and "fd10:128::d2" in addresses, addresses
    assert len(plane.api().get("Service", "svc-000007")["spec"]["clusterIPs"]) == 2
    plane.patch_endpoint("svc-000007-v4-0", 3, {"conditions": {"ready": False, "serving": True}})
    assert plane.api().get("EndpointSlice", "svc-000007-v4-0")["endpoints"][3]["conditions"] == {"ready": False, "serving": True}
    plane.seed(20, 30, "-slice-size", 10, "-dual-stack", "-remove")
    assert not plane.api().list("EndpointSlice", selector="endpointslice.kubernetes.io/managed-by=holdfast-tests")


def kubectl(plane):
    plane.apply("apiVersion: v1\nkind: Service\nmetadata: {name: by-kubectl}\nspec: {ports: [{port: 80}]}\n")
    assert "by-kubectl" in plane.kubectl("get", "services", "-o", "name")
    try:
        plane.kubectl("get", "secrets", user="agent")
    except RuntimeError as error:
        assert "orbidden" in str(error)
    else:
        raise AssertionError("the agent may read secrets")


def real_slices(plane):
    """The real controller makes slices of Pods whose status is said here."""
    plane.api().create(api.service("real", {"app": "real"}))
    plane.run_pod("real-1", {"app": "real"}, ["10.200.0.1"])
    plane.run_pod("real-2", {"app": "real"}, ["10.200.0.2"], ready=False)

    def endpoints():
        slices = plane.api().list("EndpointSlice", selector="kubernetes.io/service-name=real")
        return {one["addresses"][0]: one["conditions"]["ready"] for each in slices for one in each["endpoints"] or []}

    wait_for("the controller's slice", lambda: endpoints() == {"10.200.0.1": True, "10.200.0.2": False})
    plane.pod_status("real-2", ["10.200.0.2"])
    wait_for("the second endpoint to be ready", lambda: endpoints() == {"10.200.0.1": True, "10.200.0.2": True})
    plane.api().delete("Pod", "real-1", now=True)
    wait_for("the first endpoint to leave", lambda: endpoints() == {"10.200.0.2": True})


def deaths(plane):
    plane.apiserver.kill()
    assert not plane.api().answers()
    plane.apiserver.start()
    plane.etcd.kill()
    wait_for("the apiserver to miss etcd", lambda: plane.api().raw("GET", "/readyz")[0] == 500)
    plane.etcd.start()
    wait_for("the apiserver to find etcd again", plane.api().answers)
    plane.etcd.pause()
    assert plane.apiserver.running()
    plane.etcd.resume()
    wait_for("etcd to go on", plane.api().answers)


def rewind(plane):
    before, identity = resource_version(plane), plane.uid()
    snapshot = plane.save_snapshot()
    plane.seed(30, 1)
    after = resource_version(plane)
    assert after > before + 30, (before, after)
    plane.restore_snapshot(snapshot)
    assert resource_version(plane) < after and plane.uid() == identity
    assert plane.api().raw("GET", api.Api.path("Service", name="svc-000001"))[0] == 404


def tokens(plane):
    token = plane.service_account_token("temporary")
    access = api.Api(plane.address, plane.port, plane.ca_file(), token)
    assert access.raw("GET", "/api/v1/services")[0] == 403  # known, without rights
    plane.api().request("DELETE", "/api/v1/namespaces/default/serviceaccounts/temporary")
    wait_for("the token to be refused", lambda: access.raw("GET", "/api/v1/services")[0] == 401)


def replicas_and_certificates(plane):
    program, access, url = plane.second_apiserver()
    assert access.get("Namespace", "kube-system")["metadata"]["uid"] == plane.uid() and url != plane.url
    program.stop()
    old = plane.ca_file().read_bytes()
    plane.rotate_certificate()
    assert plane.ca_file().read_bytes() != old and plane.api().answers()


def killed_owner(_):
    """A test that is killed leaves no process, and the next one removes its directory."""
    code = ("import sys, time; sys.path.insert(0, sys.argv[1])\n"
            "from cluster import ControlPlane\n"
            "plane = ControlPlane('owned').start()\n"
            "print(plane.directory, plane.etcd.process.pid, plane.apiserver.process.pid, flush=True)\n"
            "time.sleep(600)")
    owner = subprocess.Popen([sys.executable, "-c", code, pathlib.Path(__file__).parent], stdout=subprocess.PIPE, text=True)
    directory, *pids = owner.stdout.readline().split()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    wait_for("its programs to end", lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    assert os.path.exists(directory)
    Workspace.remove_leftovers()
    assert not os.path.exists(directory)


CASES = [permissions, seeding, kubectl, real_slices, deaths, rewind, tokens, replicas_and_certificates, killed_owner]


def run_cases(label, cases, *arguments):
    """1 when one failed; each says its name and how long it took, which nothing judges."""
    failed = 0
    for case in cases:
        begun = time.monotonic()
        try:
            case(*arguments)
            print(f"ok {label}:{case.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        except Exception as error:  # every failure is a failed case, and the next one runs
            traceback.print_exc(file=sys.stdout)
            print(f"FAIL {label}:{case.__name__}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", flush=True)
            failed = 1
    return failed


def main():
    with ControlPlane(controllers=(ENDPOINTS,)) as plane:
        return run_cases("cluster", CASES, plane)


if __name__ == "__main__":
    sys.exit(main())
