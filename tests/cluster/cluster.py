#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real control plane on one machine: etcd, kube-apiserver and, where asked for, kube-controller-manager
and kube-scheduler. `python3 tests/cluster/cluster.py up` leaves one running for a person."""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import urllib.request

import api
from apiproxy import ApiProxy
from programs import Workspace, bin_directory, free_port, inside

# name: token's groups. The agent has what the chart's ClusterRole gives it and no more, so that a missing
# permission shows; nobody has nothing.
USERS = {"admin": "system:masters", "agent": "", "nobody": ""}
# What the agent needs, where no chart is given to bind_agent().
AGENT_RULES = [
    {"apiGroups": [""], "resources": ["services", "nodes"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}]
# The real EndpointSlice controller, and the one of kubernetes#77864.
ENDPOINTS, ACCIDENT = "endpointslice-controller", "node-lifecycle-controller"


class ControlPlane:
    """controllers: names for kube-controller-manager's --controllers, none: it is not run. users: more of
    name: groups. admission: with the ServiceAccount plugin, as pods on real nodes need it."""

    def __init__(self, name="cluster", bin=None, service_cidrs=("10.96.0.0/12", "fd00:10:96::/112"), controllers=(),
                 scheduler=False, users=None, address="127.0.0.1", netns=None, admission=False, apiserver_flags=(), manager_flags=()):
        self.bin = pathlib.Path(bin) if bin else bin_directory()
        self.service_cidrs, self.address, self.netns = service_cidrs, address, netns
        self.admission, self.apiserver_flags, self.manager_flags = admission, list(apiserver_flags), list(manager_flags)
        self.controllers = controllers
        self.users = {**USERS, **(users or {})}
        self.workspace = Workspace(name)
        self.directory = self.workspace.directory
        self.certificates = self.directory / "certificates"
        self.data = self.directory / "etcd"
        self.etcd_port, self.peer_port, self.port, self.manager_port, self.scheduler_port = (free_port(netns) for _ in range(5))
        self.write_keys()
        self.etcd = self.program("etcd", self.etcd_command, lambda: self.healthy(self.etcd_port, "health", "http"))
        # With open watches a SIGTERM takes the apiserver a minute: its grace is cut here.
        self.apiserver = self.program("kube-apiserver", lambda: self.apiserver_command(self.port, self.certificates), self.api_ready, grace=3)
        self.controller_manager = self.program("kube-controller-manager", self.manager_command, lambda: self.healthy(self.manager_port)) if controllers else None
        self.scheduler = self.program("kube-scheduler", self.scheduler_command, lambda: self.healthy(self.scheduler_port)) if scheduler else None
        self.apis = {}

    def program(self, name, command, ready=None, **options):
        return self.workspace.program(name, command, ready=ready, netns=self.netns, **options)

    # --- life ---------------------------------------------------------------------------------------
    def start(self):
        self.etcd.start()
        self.apiserver.start()
        for one in (self.controller_manager, self.scheduler):
            if one:
                one.start()
        return self

    def stop(self):
        """The apiserver before etcd: without etcd its own end takes a minute."""
        for one in (self.scheduler, self.controller_manager, self.apiserver, self.etcd):
            if one:
                one.stop()

    def remove(self):
        self.workspace.remove()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()

    def second_apiserver(self, *flags):
        """Another apiserver on the same etcd, with a certificate of its own: (program, its Api, its URL)."""
        port, certificates = free_port(self.netns), self.directory / "certificates-second"
        access = api.Api(self.address, port, certificates / "apiserver.crt", self.token("admin"), self.netns)
        program = self.program("kube-apiserver-second", lambda: [*self.apiserver_command(port, certificates), *flags], access.answers, grace=3)
        return program.start(), access, f"https://{self.address}:{port}"

    # --- commands -----------------------------------------------------------------------------------
    def write_keys(self):
        self.certificates.mkdir()
        key = self.directory / "service-account.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        rows = [f'{self.token(user)},{user},uid-{user},"{groups}"\n' for user, groups in self.users.items()]
        (self.directory / "tokens.csv").write_text("".join(rows))

    def token(self, user):
        return f"token-{user}-{self.directory.name}".replace(":", "-")

    def etcd_url(self):
        return f"http://127.0.0.1:{self.etcd_port}"

    def peer_url(self):
        return f"http://127.0.0.1:{self.peer_port}"

    def etcd_command(self):
        return [self.bin / "etcd", "--data-dir", self.data, "--unsafe-no-fsync", "--quota-backend-bytes", 6 << 30, "--log-level", "warn",
                "--listen-client-urls", self.etcd_url(), "--advertise-client-urls", self.etcd_url(),
                "--listen-peer-urls", self.peer_url(), "--initial-advertise-peer-urls", self.peer_url(),
                "--initial-cluster", f"default={self.peer_url()}"]

    def apiserver_command(self, port, certificates):
        key = self.directory / "service-account.key"
        return [self.bin / "kube-apiserver", "--etcd-servers", self.etcd_url(), "--secure-port", port,
                "--bind-address", "127.0.0.1" if self.address == "127.0.0.1" else "0.0.0.0", "--advertise-address", self.address,
                "--cert-dir", certificates, "--token-auth-file", self.directory / "tokens.csv",
                "--authorization-mode", "Node,RBAC", "--allow-privileged",
                "--service-account-issuer", "https://kubernetes.default.svc",
                "--service-account-key-file", key, "--service-account-signing-key-file", key,
                "--service-cluster-ip-range", ",".join(self.service_cidrs),
                *([] if self.admission else ["--disable-admission-plugins", "ServiceAccount"]), *self.apiserver_flags]

    def manager_command(self):
        return [self.bin / "kube-controller-manager", "--kubeconfig", self.kubeconfig(), "--leader-elect=false",
                "--controllers", ",".join(self.controllers), "--secure-port", self.manager_port, "--cert-dir", self.directory / "manager",
                "--service-account-private-key-file", self.directory / "service-account.key", "--root-ca-file", self.ca_file(), *self.manager_flags]

    def scheduler_command(self):
        return [self.bin / "kube-scheduler", "--kubeconfig", self.kubeconfig(), "--leader-elect=false",
                "--secure-port", self.scheduler_port, "--cert-dir", self.directory / "scheduler"]

    def healthy(self, port, path="healthz", scheme="https"):
        # Their certificates sign themselves and are of this machine only.
        context = ssl._create_unverified_context() if scheme == "https" else None
        try:
            with inside(self.netns), urllib.request.urlopen(f"{scheme}://127.0.0.1:{port}/{path}", timeout=1, context=context) as answer:
                return answer.status == 200
        except OSError:
            return False

    def api_ready(self):
        """Also what the apiserver makes for itself a moment after it is ready."""
        first = ("/readyz", api.Api.path("Namespace", name="kube-system"), api.Api.path("Service", name="kubernetes"))
        return self.ca_file().exists() and all(map(self.api().answers, first))

    # --- access -------------------------------------------------------------------------------------
    @property
    def url(self):
        return f"https://{self.address}:{self.port}"

    def ca_file(self):
        """The certificate that the apiserver made for itself, with the authority that signed it."""
        return self.certificates / "apiserver.crt"

    def api(self, user="admin"):
        if user not in self.apis:
            self.apis[user] = api.Api(self.address, self.port, self.ca_file(), self.token(user), self.netns)
        return self.apis[user]

    def uid(self):
        """The cluster's identity."""
        return self.api().get("Namespace", "kube-system")["metadata"]["uid"]

    def kubeconfig(self, user="admin", server=None, ca=None, token_file=None, name=None):
        """Writes one and returns its path. With token_file the token is read from there; ca: another file."""
        login = {"tokenFile": str(token_file)} if token_file else {"token": self.token(user)}
        path = self.directory / (name or f"{user.replace(':', '-')}.kubeconfig")
        new = path.with_name(f"{path.name}.{threading.get_native_id()}")
        new.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": server or self.url, "certificate-authority": str(ca or self.ca_file())}}],
            "users": [{"name": "it", "user": login}], "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}, indent=1))
        return new.replace(path)  # at once: another thread may be reading it

    def kubectl(self, *arguments, user="admin", input=None, check=True, timeout=120):
        """Its output; an error says what kubectl said."""
        enter = ["nsenter", f"--net={self.netns}"] if self.netns else []
        command = [*enter, self.bin / "kubectl", "--kubeconfig", self.kubeconfig(user), *arguments]
        environment = {**os.environ, "HOME": str(self.directory)}
        done = subprocess.run([*map(str, command)], input=input, capture_output=True, text=True, timeout=timeout, env=environment)
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, text):
        return self.kubectl("apply", "-f", "-", input=text)

    def bind_agent(self, manifest=None, user="agent"):
        """Gives the agent's user the ClusterRoles of a manifest (the rendered chart), else AGENT_RULES."""
        roles = [{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "holdfast"}, "rules": AGENT_RULES}]
        if manifest:
            lines = self.kubectl("create", "--dry-run=client", "-o", "jsonpath={}{'\\n'}", "-f", manifest).splitlines()
            roles = [one for one in map(json.loads, filter(None, lines)) if one["kind"] == "ClusterRole"]
            if not roles:
                raise ValueError(f"{manifest}: no ClusterRole in it")
        for role in roles:
            name = role["metadata"]["name"]
            self.api().create(role)
            self.api().create({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": f"{name}-{user}"},
                               "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
                               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}})

    def service_account_token(self, name, namespace="default"):
        """A token that ends when the account is deleted: how a 401 comes for real."""
        self.kubectl("create", "serviceaccount", name, "-n", namespace, check=False)
        return self.kubectl("create", "token", name, "-n", namespace).strip()

    def rotate_certificate(self):
        """A new authority and certificate, and the apiserver started with them."""
        self.apiserver.kill()
        shutil.rmtree(self.certificates)
        self.certificates.mkdir()
        self.apis.clear()
        self.apiserver.start()

    # --- content ------------------------------------------------------------------------------------
    def seed(self, services=1000, endpoints=10, *flags):
        """What it said; cmd/seed/main.go says the names and addresses."""
        enter = ["nsenter", f"--net={self.netns}"] if self.netns else []
        command = [*enter, self.bin / "seed", "-kubeconfig", self.kubeconfig(), "-services", services, "-endpoints", endpoints, *flags]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.strip()

    def patch_endpoint(self, slice_name, index, change, namespace="default"):
        """Replaces fields of one endpoint of a slice: change = {"addresses": [...]}, {"conditions": {...}} ..."""
        body = [{"op": "add", "path": f"/endpoints/{index}/{field}", "value": value} for field, value in change.items()]
        return self.api().patch("EndpointSlice", slice_name, body, namespace, how="json")

    def run_pod(self, name, labels, addresses, node="node-0", ready=True):
        """A Pod whose status says that it runs, where no kubelet would: the real controllers take it from there."""
        if self.api().raw("GET", api.Api.path("Node", name=node))[0] == 404:  # the controller takes no pod of an unknown node
            self.api().create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
        self.api().create(api.pod(name, labels, node))
        self.pod_status(name, addresses, ready)

    def pod_status(self, name, addresses, ready=True):
        self.api().patch("Pod", name, api.pod_status(addresses, ready), how="strategic", part="/status")

    # --- a rewound resourceVersion --------------------------------------------------------------------
    def etcdsnap(self, *arguments):
        enter = ["nsenter", f"--net={self.netns}"] if self.netns else []
        subprocess.run([*map(str, [*enter, self.bin / "etcdsnap", *arguments])], check=True, timeout=120)

    def save_snapshot(self, name="snapshot.db"):
        path = self.directory / name
        path.unlink(missing_ok=True)
        self.etcdsnap("save", self.etcd_url(), path)
        return path

    def restore_snapshot(self, path):
        """The cluster as it was when the snapshot was taken, its resourceVersions too."""
        self.apiserver.kill()
        self.etcd.kill()
        shutil.rmtree(self.data)
        self.etcdsnap("restore", path, self.data, self.peer_url())
        self.etcd.start()
        self.apiserver.start()


def modes(_):
    return subprocess.run([bin_directory() / "apiproxy", "-modes"]).returncode


def up(options):
    controllers = tuple(filter(None, options.controllers.split(",")))
    with ControlPlane(controllers=controllers) as plane:
        plane.bind_agent()
        if options.services:
            print(plane.seed(options.services, options.endpoints))
        proxied = ""
        if options.proxy:
            proxy = ApiProxy(plane).start()
            proxied = (f"# the same through the fault proxy: {proxy.kubeconfig()}\n"
                       f"#   curl -X PUT '127.0.0.1:{proxy.control_port}/mode?mode=empty'   curl 127.0.0.1:{proxy.control_port}/log\n")
        print(f"export KUBECONFIG={plane.kubeconfig()}\nexport PATH={plane.bin}:$PATH\n"
              f"# kubeconfig of a user with the agent's permissions: {plane.kubeconfig('agent')}\n"
              f"{proxied}# logs, etcd's data and certificates: {plane.directory}\n# Ctrl-C ends it.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("up", help="run a control plane until Ctrl-C")
    one.add_argument("--services", type=int, default=0, help="seed so many services")
    one.add_argument("--endpoints", type=int, default=10, help="of each seeded service")
    one.add_argument("--controllers", default=ENDPOINTS, help=f"controllers to run, comma separated; '' for none (default {ENDPOINTS})")
    one.add_argument("--proxy", action="store_true", help="also the fault proxy")
    one.set_defaults(run=up)
    commands.add_parser("modes", help="print the fault proxy's modes").set_defaults(run=modes)
    options = parser.parse_args()
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
