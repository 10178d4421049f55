#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""deploy/kubernetes/ and the chart before a real API server: accepted strictly, the account may what it needs
and nothing else. Prints "ok NAME" or "FAIL NAME: why" for each case."""
import json
import re
import subprocess
import sys
import traceback

import api
from cluster import ControlPlane
from programs import ROOT

MANIFEST = ROOT / "deploy/kubernetes/holdfast.yaml"
ACCOUNT = "system:serviceaccount:kube-system:holdfast"
READ = {"get", "list", "watch"}
# What docs/deploy.md promises: (resource, names) -> verbs.
ALLOWED = {("services", ""): READ, ("endpointslices.discovery.k8s.io", ""): READ, ("nodes", ""): READ, ("namespaces", "kube-system"): {"get"}}


def template(*arguments):
    return subprocess.run([ROOT / "scripts/chart", "template", *arguments], check=True, capture_output=True, text=True).stdout


def dry_run(plane, text):
    return plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=text)


def objects(plane, text):
    lines = plane.kubectl("create", "--dry-run=client", "-o", "jsonpath={}{'\\n'}", "-f", "-", input=text).splitlines()
    return [json.loads(line) for line in lines if line]


def pod_of(plane, text):
    """The pod that the DaemonSet's controller would make: what its template says is checked only then."""
    daemon_set = next(one for one in objects(plane, text) if one["kind"] == "DaemonSet")
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "holdfast-x", "namespace": "kube-system"}, "spec": daemon_set["spec"]["template"]["spec"]}


def default_manifests(plane):
    dry_run(plane, MANIFEST.read_text())
    plane.apply(MANIFEST.read_text())
    again = plane.apply(MANIFEST.read_text()).splitlines()
    assert len(again) == 5 and all(line.endswith(" unchanged") for line in again), again


def misspelt_field_refused(plane):
    try:
        dry_run(plane, MANIFEST.read_text().replace("hostNetwork:", "hostNetwrk:"))
    except RuntimeError as error:
        assert "hostNetwrk" in str(error), error
    else:
        raise AssertionError("the server takes anything")


def other_values(plane):
    for name in ("servers", "own-rbac"):
        dry_run(plane, template("--values", ROOT / f"tests/helm/values/{name}.yaml"))


def pods(plane):
    dry_run(plane, json.dumps(pod_of(plane, MANIFEST.read_text())))
    values = ROOT / "tests/helm/values/everything.yaml"
    kinds = ("PodMonitor", "PrometheusRule")
    text = template("--values", values, *(part for kind in kinds for part in ("--api-version", f"monitoring.coreos.com/v1/{kind}")))
    # Without the Prometheus operator's kinds: this server has none.
    text = "---\n".join(part for part in text.split("---\n") if "monitoring.coreos.com" not in part)
    for account in ("agent", "default"):  # no controller runs that would make the second
        plane.kubectl("create", "serviceaccount", account, "-n", "kube-system")
    dry_run(plane, json.dumps(pod_of(plane, text)))
    dry_run(plane, (ROOT / "deploy/kubernetes/uninstall-pod.yaml").read_text().replace("NODE", "node-0"))


def rights(plane, account):
    """As the real authorizer lists them: {(resource, names): verbs}, without the URLs that everybody may read."""
    rows = {}
    for line in plane.kubectl("auth", "can-i", "--list", "--no-headers", "--as", account, "-n", "kube-system").splitlines():
        found = re.fullmatch(r"(\S+) +\[\] +\[(.*)\] +\[(.*)\]", line.strip())
        if found:
            rows[found[1], found[2]] = set(found[3].split())
    return rows


def account_only_reads(plane):
    everybody = rights(plane, "system:serviceaccount:kube-system:other")
    own = {key: verbs for key, verbs in rights(plane, ACCOUNT).items() if everybody.get(key) != verbs}
    assert own == ALLOWED, own


def token_of_the_account(plane):
    token = plane.kubectl("create", "token", "holdfast", "-n", "kube-system").strip()
    agent = api.Api(plane.address, plane.port, plane.ca_file(), token)
    assert agent.list("Service") and agent.get("Namespace", "kube-system")["metadata"]["uid"] == plane.uid()
    for method, path in (("GET", "/api/v1/secrets"), ("GET", "/api/v1/pods"), ("GET", "/api/v1/namespaces/default"),
                         ("DELETE", api.Api.path("Service", name="kubernetes"))):
        status, _ = agent.raw(method, path)
        assert status == 403, f"{method} {path}: {status}"


CASES = [default_manifests, misspelt_field_refused, other_values, pods, account_only_reads, token_of_the_account]


def main():
    failed = 0
    with ControlPlane("manifests", admission=True) as plane:
        for case in CASES:
            try:
                case(plane)
                print(f"ok manifests:{case.__name__}", flush=True)
            except Exception as error:
                failed += 1
                print(f"FAIL manifests:{case.__name__}: {error}", flush=True)
                traceback.print_exc()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
