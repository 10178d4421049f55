#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/fuzz/corpus anew, as root: what a real API server answers, what kubectl prints of it, and the
generation that a real daemon wrote of it. Seeds are checked in, so this runs only when they are to change."""
import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "cluster")]
import api  # noqa: E402
from cluster import ControlPlane  # noqa: E402
from kubelab import KubeLab, own_network  # noqa: E402
from lab import wait_for  # noqa: E402

SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
SERVICES = "/api/v1/services"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
DIGEST = 32  # SHA-256 at a generation's end: the fuzz target makes it anew


def populate(plane):
    """Services of every sort that the decoder tells apart, dual stack among them."""
    plane.seed(2, 2, "-dual-stack")
    access = plane.api()
    access.create(api.service("album", {}, 8080, clusterIP="None"))
    access.create(api.endpoint_slice("album-1", "album", {"10.1.2.3": "6f2d2f2a-3d39-4d7b-9f0e-0a6d5c0f9a11"}))
    access.create(api.service("artist", {}, type="NodePort", externalIPs=["192.0.2.7"], internalTrafficPolicy="Local"))
    annotated = api.service("song", {})
    annotated["metadata"]["annotations"] = {"holdfast.io/weight": "50", "holdfast.io/no-endpoints": "pass", "holdfast.io/guard": "trust"}
    access.create(annotated)
    access.create(api.endpoint_slice("song-1", "song", {"10.1.2.4": "a", "10.1.2.5": "b"}))


def change(plane):
    """Every sort of event."""
    access = plane.api()
    access.create(api.service("image", {}))
    access.create(api.endpoint_slice("image-1", "image", {"10.1.2.9": "c", "10.1.2.10": "d"}))
    plane.patch_endpoint("image-1", 0, {"conditions": {"ready": False, "serving": True, "terminating": True}})
    plane.patch_endpoint("image-1", 1, {"addresses": ["10.1.2.6"]})
    access.patch("Service", "image", {"metadata": {"annotations": {"holdfast.io/weight": "0"}}})
    access.delete("EndpointSlice", "image-1")
    access.delete("Service", "image")


def watch(plane, path, query):
    """Long enough for a bookmark, which comes before the end that is asked for."""
    status, body = plane.api().raw("GET", f"{path}?watch=true&allowWatchBookmarks=true&timeoutSeconds=4&{query}")
    if status != 200:
        raise RuntimeError(f"{path}: {status}: {body[:300]}")
    return body


def capture_api(plane, put):
    def get(path, accept="application/json"):
        return plane.api().raw("GET", path, accept=accept)[1]

    listing = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    put("services-list.json", get(SERVICES))
    put("services-page.json", get(f"{SERVICES}?limit=3"))
    put("slices-list.json", get(SLICES))
    put("slices-page.json", get(f"{SLICES}?limit=2"))
    put("slices-metadata.json", get(SLICES, METADATA))
    put("nodes-list.json", get("/api/v1/nodes"))
    put("refused-422.json", get(f"{SLICES}?watch=true&sendInitialEvents=true"))
    put("slices-streaming-list.json", watch(plane, SLICES, listing))
    put("services-streaming-list.json", watch(plane, SERVICES, listing))
    put("slices-from-the-future.json", watch(plane, SLICES, f"{listing}&resourceVersion=99999999"))
    before = plane.api().request("GET", SERVICES)["metadata"]["resourceVersion"]
    change(plane)
    put("services-watch.json", watch(plane, SERVICES, f"resourceVersion={before}"))
    put("slices-watch.json", watch(plane, SLICES, f"resourceVersion={before}"))
    plane.apiserver.restart()  # its cache then knows no history
    put("slices-expired.json", watch(plane, SLICES, "resourceVersion=2"))


def capture_snapshot(lab, plane, put):
    host = lab.a
    host.kubeconfig = plane.kubeconfig("agent")
    host.start_daemon(wait=False)
    wait_for("a generation on disk", lambda: list((host.directory / "state").glob("*.snap")), 60)
    host.stop_daemon()
    newest = max((host.directory / "state").glob("*.snap"))
    put("generation", newest.read_bytes()[:-DIGEST])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="where holdfastd is")
    options = parser.parse_args()
    own_network()
    lab = KubeLab(options.bin)

    def into(target):
        directory = HERE / "corpus" / target
        directory.mkdir(parents=True, exist_ok=True)
        return lambda name, body: (directory / name).write_bytes(body)

    with ControlPlane() as plane:
        plane.bind_agent()
        populate(plane)
        into("catalog")("kubectl.yaml", plane.kubectl("get", "services,endpointslices", "-o", "yaml").encode())
        into("catalog")("kubectl.json", plane.kubectl("get", "services,endpointslices", "-o", "json").encode())
        capture_snapshot(lab, plane, into("snapshot"))
        capture_api(plane, into("api"))


if __name__ == "__main__":
    main()
