# SPDX-License-Identifier: Apache-2.0
"""The fault proxy between the agent and the API server (cmd/apiproxy). `python3 tests/cluster/cluster.py modes`
prints its modes."""
import contextlib
import json
import urllib.error
import urllib.parse
import urllib.request

from api import Api
from programs import free_port, wait_for


class ApiProxy:
    """In front of a ControlPlane, with the apiserver's own certificate, or, own_certificate, one that only
    the proxy has. alt: another ControlPlane, for mode alt; its user `user` answers for the agent there."""

    def __init__(self, plane, alt=None, user="agent", own_certificate=False, name="apiproxy"):
        self.plane, self.name = plane, name
        self.port, self.control_port = free_port(), free_port()
        self.certificate = plane.directory / f"{name}.crt"
        arguments = ["--cert-out", self.certificate]
        if not own_certificate:
            self.certificate = plane.ca_file()
            arguments = ["--cert", self.certificate, "--key", plane.certificates / "apiserver.key"]
        if alt:
            arguments += ["--alt", alt.url, "--alt-ca", alt.ca_file(), "--alt-token", alt.token(user)]
        command = [plane.bin / "apiproxy", "--listen", f"127.0.0.1:{self.port}", "--control", f"127.0.0.1:{self.control_port}",
                   "--upstream", plane.url, "--upstream-ca", plane.ca_file(), *arguments]
        self.program = plane.workspace.program(name, lambda: command, ready=self.ready)

    def start(self):
        self.program.start()
        return self

    def stop(self):
        self.program.stop()

    def ready(self):
        try:
            return self.control("GET", "/mode")["name"] == "pass"
        except OSError:
            return False

    def control(self, method, path, **query):
        text = urllib.parse.urlencode({key: value for key, value in query.items() if value})
        request = urllib.request.Request(f"http://127.0.0.1:{self.control_port}{path}?{text}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(f"apiproxy: {error.read().decode().strip()}") from None

    # --- towards the agent ----------------------------------------------------------------------------
    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def kubeconfig(self, user="agent", **options):
        return self.plane.kubeconfig(user, server=self.url, ca=self.certificate, name=f"{self.name}-{user}.kubeconfig", **options)

    def api(self, user="agent", timeout=10.0):
        return Api("127.0.0.1", self.port, self.certificate, self.plane.token(user), timeout=timeout)

    # --- towards the test -----------------------------------------------------------------------------
    def mode(self, mode="pass", resources=(), onset=None, restore=None):
        """"status:429:1", "empty" ...; resources: only for these; onset and restore: what befalls open
        streams when the mode begins and ends: keep, close, expired, cut, halfway."""
        return self.control("PUT", "/mode", mode=mode, resources=",".join(resources), onset=onset, restore=restore)

    @contextlib.contextmanager
    def fault(self, mode, **options):
        """The mode inside, pass afterwards."""
        self.mode(mode, **options)
        try:
            yield self
        finally:
            self.mode("pass")

    def remember(self):
        """Keeps every list the agent has asked for as it is now: what mode stale answers."""
        return self.control("POST", "/remember")["lists"]

    def log(self, since=0):
        """Requests: dictionaries of id, verb (GET, LIST, WATCH, WATCHLIST, OTHER), resource, path, query,
        status, bytes, mode, done ... (cmd/apiproxy/log.go)."""
        return self.control("GET", "/log", since=since)

    def last_id(self):
        return max((one["id"] for one in self.log()), default=0)

    def requests(self, verb=None, resource=None, since=0):
        return [one for one in self.log(since) if verb in (None, one["verb"]) and resource in (None, one.get("resource"))]

    def wait_request(self, verb=None, resource=None, since=0, seconds=30.0):
        wait_for(f"a request {verb or ''} {resource or ''}", lambda: self.requests(verb, resource, since), seconds)

    def clear_log(self):
        self.control("DELETE", "/log")

    def stats(self):
        """accepted (connections since the start), connections and streams open now."""
        return self.control("GET", "/stats")

    def modes(self):
        return self.control("GET", "/modes")
