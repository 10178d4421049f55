# SPDX-License-Identifier: Apache-2.0
"""A small client of the API server over one kept connection, and the objects tests make with it."""
import http.client
import json
import socket
import ssl
import threading

from programs import inside

PATCHES = {"json": "application/json-patch+json", "merge": "application/merge-patch+json",
           "strategic": "application/strategic-merge-patch+json"}
COLLECTIONS = {"Namespace": "/api/v1/namespaces", "Node": "/api/v1/nodes", "Pod": "/api/v1/namespaces/{}/pods",
               "Service": "/api/v1/namespaces/{}/services",
               "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
               "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
               "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"}


class ApiError(Exception):
    def __init__(self, method, path, status, text):
        super().__init__(f"{method} {path}: {status}: {text[:500]}")
        self.status = status


class NetnsConnection(http.client.HTTPSConnection):
    """HTTPS whose socket is made inside a network namespace."""

    def __init__(self, netns, *arguments, **options):
        super().__init__(*arguments, **options)
        self.netns = netns

    def connect(self):
        with inside(self.netns):
            plain = socket.create_connection((self.host, self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


class Api:
    """One user's access. Each thread has its own connection; one that broke is made again once."""

    def __init__(self, host, port, ca_file, token, netns=None, timeout=30.0):
        self.host, self.port, self.ca_file, self.token = host, port, ca_file, token
        self.netns, self.timeout = netns, timeout
        self.local = threading.local()

    def connection(self, fresh=False):
        have = getattr(self.local, "connection", None)
        if have is None or fresh:
            if have is not None:
                have.close()
            context = ssl.create_default_context(cafile=str(self.ca_file))
            self.local.connection = NetnsConnection(self.netns, self.host, self.port, timeout=self.timeout, context=context)
        return self.local.connection

    def raw(self, method, path, body=None, content_type="application/json", accept="application/json"):
        """(status, body); raises OSError or http.client.HTTPException where nobody answers."""
        data = json.dumps(body) if isinstance(body, (dict, list)) else body
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept}
        if data is not None:
            headers["Content-Type"] = content_type
        for last in (False, True):
            connection = self.connection(fresh=last)
            try:
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException):
                self.local.connection.close()
                if last:
                    raise

    def request(self, method, path, body=None, **options):
        status, data = self.raw(method, path, body, **options)
        if status >= 300:
            raise ApiError(method, path, status, data.decode(errors="replace"))
        return json.loads(data)

    def answers(self, path="/readyz"):
        try:
            return self.raw("GET", path)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    # --- objects: dictionaries as in a manifest ---------------------------------------------------
    @staticmethod
    def path(kind, namespace="default", name=None):
        collection = COLLECTIONS[kind].format(namespace)
        return f"{collection}/{name}" if name else collection

    def get(self, kind, name, namespace="default"):
        return self.request("GET", self.path(kind, namespace, name))

    def list(self, kind, namespace="default", selector=""):
        return self.request("GET", self.path(kind, namespace) + (f"?labelSelector={selector}" if selector else ""))["items"]

    def create(self, thing):
        return self.request("POST", self.path(thing["kind"], thing["metadata"].get("namespace", "default")), thing)

    def delete(self, kind, name, namespace="default", now=False):
        return self.request("DELETE", self.path(kind, namespace, name) + ("?gracePeriodSeconds=0" if now else ""))

    def patch(self, kind, name, body, namespace="default", how="merge", part=""):
        return self.request("PATCH", self.path(kind, namespace, name) + part, body, content_type=PATCHES[how])


def pod(name, labels, node="node-0", port=8080):
    """A Pod as the EndpointSlice controller reads it; where no kubelet runs, its status is the test's to say."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": labels},
            "spec": {"nodeName": node, "terminationGracePeriodSeconds": 0,
                     "containers": [{"name": "main", "image": "none", "ports": [{"name": "http", "containerPort": port}]}]}}


def pod_status(addresses, ready=True):
    return {"status": {"phase": "Running", "podIP": addresses[0], "podIPs": [{"ip": one} for one in addresses],
                       "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}}


def service(name, selector, port=80, target="http", **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
            "spec": {"selector": selector, "ports": [{"name": "http", "port": port, "targetPort": target}], **spec}}


def endpoint_slice(name, of_service, addresses, port=8080, family=4):
    """addresses: {address: uid}. For a Service without a selector: with one, the controller owns the slices."""
    endpoints = [{"addresses": [address], "conditions": {"ready": True, "serving": True, "terminating": False},
                  "nodeName": "node-0", "targetRef": {"kind": "Pod", "name": f"{of_service}-{uid}", "uid": uid}}
                 for address, uid in addresses.items()]
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": f"IPv{family}",
            "metadata": {"name": name, "namespace": "default", "labels": {"kubernetes.io/service-name": of_service}},
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}], "endpoints": endpoints}
