#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The fault proxy, tested before the real API server: each mode does what its row says, towards a client
that lists and watches as the agent does. Prints "ok NAME" or "FAIL NAME: why" for each case."""
import contextlib
import http.client
import json
import re
import sys
import time

from apiproxy import ApiProxy
from cluster import ControlPlane
from cluster_check import run_cases
from programs import wait_for

SERVICES = "/api/v1/services"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
STREAMING = "?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
COUNT = 40  # seeded services of two endpoints


def ask(proxy, path, timeout=5.0):
    """A connection with a request on it whose answer is not read yet."""
    access = proxy.api(timeout=timeout)
    connection = access.connection()
    connection.request("GET", path, headers={"Authorization": f"Bearer {access.token}", "Accept": "application/json"})
    return connection


class Stream:
    """A watch, read event by event."""

    def __init__(self, proxy, path):
        self.connection = ask(proxy, path)
        self.answer = self.connection.getresponse()

    def line(self):
        """One line as it came; empty at a clean end; raises where the connection broke or is silent."""
        return self.answer.readline()

    def event(self):
        text = self.line()
        return json.loads(text) if text else None

    def initial(self):
        """Names of the initial events, and the resourceVersion of the bookmark that ends them."""
        names = []
        while True:
            event = self.event()
            if event["type"] == "BOOKMARK":
                assert event["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"
                return names, event["object"]["metadata"]["resourceVersion"]
            assert event["type"] == "ADDED" and event["object"]["kind"] and event["object"]["apiVersion"], event
            names.append(event["object"]["metadata"]["name"])

    def silent(self, seconds=1.0):
        self.connection.sock.settimeout(seconds)
        try:
            self.line()
        except TimeoutError:
            return True
        return False

    def is_expired(self):
        event = self.event()
        return event["type"] == "ERROR" and event["object"]["code"] == 410 and event["object"]["reason"] == "Expired" and self.event() is None


class Bench:
    """What each case is given. Each case leaves the proxy at pass and the seeded objects as they were."""

    def __init__(self, plane, other):
        self.plane = plane
        self.proxy = ApiProxy(plane, alt=other).start()

    def names(self, path=SERVICES, accept="application/json"):
        return [one["metadata"]["name"] for one in self.proxy.api().request("GET", path, accept=accept)["items"]]

    def touch(self, name="svc-000003"):
        """Something happens to a service."""
        self.plane.api().patch("Service", name, {"metadata": {"annotations": {"touched": str(time.monotonic_ns())}}})

    @contextlib.contextmanager
    def passing_watch(self, path=SERVICES):
        """A watch opened under pass, its initial events read."""
        stream = Stream(self.proxy, path + STREAMING)
        stream.initial()
        yield stream
        stream.connection.close()


def passing(bench):
    since = bench.proxy.last_id()
    true = bench.plane.api().request("GET", SERVICES)
    assert bench.proxy.api().request("GET", SERVICES)["items"] == true["items"]
    with bench.passing_watch() as stream:
        bench.touch()
        event = stream.event()
        assert event["type"] == "MODIFIED" and event["object"]["metadata"]["name"] == "svc-000003"
        assert bench.proxy.stats()["streams"] >= 1
    listed, watched = bench.proxy.requests("LIST", "services", since), bench.proxy.requests("WATCHLIST", "services", since)
    assert len(listed) == len(watched) == 1 and listed[0]["status"] == 200 and listed[0]["bytes"] > 10000
    bench.names(accept=METADATA)
    assert bench.proxy.log()[-1]["metadata"] and bench.proxy.log()[-1]["bytes"] < listed[0]["bytes"]
    assert bench.proxy.api("nobody").raw("GET", SERVICES)[0] == 403  # rights are the server's own


def refusing(bench):
    with bench.passing_watch() as stream, bench.proxy.fault("refuse"):
        with contextlib.suppress(ConnectionError, OSError):
            assert stream.line() == b"", "the open stream goes on"
        try:
            bench.names()
        except ConnectionRefusedError:
            pass
        else:
            raise AssertionError("it was not refused")
    assert bench.names()


def black_holes(bench):
    for mode in ("blackhole", "blackhole-syn"):
        with bench.passing_watch() as stream:
            accepted = bench.proxy.stats()["accepted"]
            with bench.proxy.fault(mode):
                bench.touch()
                assert stream.silent()
                try:
                    bench.proxy.api(timeout=1).raw("GET", SERVICES)
                except TimeoutError as error:
                    # With a handshake it is TLS that waits, without one it is connect().
                    assert ("handshake" in str(error)) == (mode == "blackhole"), error
                else:
                    raise AssertionError(f"{mode}: it was answered")
                assert (bench.proxy.stats()["accepted"] > accepted) == (mode == "blackhole")
        assert bench.names()


def hanging(bench):
    with bench.passing_watch() as stream:
        with bench.proxy.fault("hang"):
            bench.touch()
            assert stream.silent()
            connection = ask(bench.proxy, SERVICES)
            wait_for("the request to be in the log", lambda: not bench.proxy.log()[-1]["done"])
        assert json.load(connection.getresponse())["items"]  # answered when the mode ends


def dripping(bench):
    with bench.proxy.fault("drip:20"):
        answer = ask(bench.proxy, SERVICES).getresponse()
        assert answer.read(10)
        sent = bench.proxy.log()[-1]
        assert sent["bytes"] < 1000 and not sent["done"], sent
        bench.proxy.mode("pass")
        assert b"svc-000039" in answer.read()  # the rest at once


def statuses(bench):
    for code, reason in {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 410: "Expired", 429: "TooManyRequests",
                         500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}.items():
        with bench.passing_watch() as stream, bench.proxy.fault(f"status:{code}"):
            assert stream.line() == b""  # a clean end
            status, body = bench.proxy.api().raw("GET", SERVICES)
            assert status == code and json.loads(body)["reason"] == reason, body
    assert b"ResourceVersionTooLarge" in body
    with bench.proxy.fault("status:429:7", resources=["endpointslices"]):
        assert bench.names(SERVICES)
        answer = ask(bench.proxy, SLICES).getresponse()
        assert answer.status == 429 and answer.getheader("Retry-After") == "7"
        assert json.load(answer)["details"]["retryAfterSeconds"] == 7


def lies(bench):
    seeded = {f"svc-{number:06d}-v4-0" for number in range(COUNT)}
    for mode, fits in {"empty": lambda some: not some, "partial:30": lambda some: 0 < len(some) < COUNT, "notready": seeded.issubset}.items():
        before = bench.plane.api().request("GET", SLICES + "?limit=1")["metadata"]["resourceVersion"]
        with bench.passing_watch(SLICES) as stream:
            bench.proxy.mode(mode)
            assert stream.is_expired()
            assert Stream(bench.proxy, f"{SLICES}?watch=true&resourceVersion={before}").is_expired()  # it shall list
            assert fits(set(bench.names(SLICES))) and set(bench.names(SLICES)) == set(bench.names(SLICES))
            lying = Stream(bench.proxy, SLICES + STREAMING)
            names, version = lying.initial()
            assert set(names) == set(bench.names(SLICES)) == set(bench.names(SLICES, METADATA)) and version
            assert lying.silent()
            watching = Stream(bench.proxy, f"{SLICES}?watch=true&resourceVersion={version}")
            bench.plane.patch_endpoint("svc-000001-v4-0", 0, {"hostname": f"h{time.monotonic_ns() % 1000}"})
            assert watching.silent()
            if mode == "notready":
                endpoints = [one for each in bench.proxy.api().request("GET", SLICES)["items"] for one in each["endpoints"]]
                assert len(endpoints) >= 2 * COUNT and not any(one["conditions"]["ready"] for one in endpoints)
            watching = Stream(bench.proxy, f"{SLICES}?watch=true&resourceVersion={version}")
            bench.proxy.mode("pass")
            assert watching.is_expired()
        assert seeded.issubset(bench.names(SLICES))


def polite_lie(bench):
    """The permanent one: it ends cleanly, and who resumes from it is told nothing."""
    bench.proxy.mode("empty", restore="close")
    lying = Stream(bench.proxy, SERVICES + STREAMING)
    names, version = lying.initial()
    assert names == []
    bench.proxy.mode("pass")
    assert lying.line() == b""
    assert Stream(bench.proxy, f"{SERVICES}?watch=true&resourceVersion={version}").silent()
    assert bench.names()


def staleness(bench):
    bench.plane.api().create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "short-lived"}, "spec": {"ports": [{"port": 80}]}})
    listed = bench.proxy.api().request("GET", SERVICES)
    assert bench.proxy.remember() >= 1
    bench.plane.api().delete("Service", "short-lived")
    assert "short-lived" not in bench.names()
    with bench.proxy.fault("stale"):
        assert bench.proxy.api().request("GET", SERVICES) == listed  # its old resourceVersion too
        names, version = Stream(bench.proxy, SERVICES + STREAMING).initial()
        assert "short-lived" in names and version == listed["metadata"]["resourceVersion"]
        assert "short-lived" in bench.names(accept=METADATA)
    assert "short-lived" not in bench.names()


def garbage(bench):
    for mode, good in (("garbage", 0), ("garbage1", 1)):
        with bench.passing_watch() as stream, bench.proxy.fault(mode):
            broken = Stream(bench.proxy, SERVICES + STREAMING)
            for _ in range(good):
                assert broken.event()["type"] == "ADDED"
            status, body = bench.proxy.api().raw("GET", SERVICES)
            assert status == 200
            for text in (stream.line(), broken.line(), body):
                try:
                    json.loads(text)
                except ValueError:
                    continue
                raise AssertionError(f"{mode}: {text[:80]} is good JSON")
            assert broken.line() == b""


def of_any_version(body):
    """The list's own resourceVersion, the first in the body, is the whole cluster's and moves with every lease."""
    return re.sub(rb'("resourceVersion":")[0-9]+', rb"\1", body, count=1)


def cuts(bench):
    whole = bench.proxy.api().raw("GET", SERVICES)[1]
    for offset in range(0, len(whole), len(whole) // 25):
        with bench.proxy.fault(f"cut:{offset}"):
            try:
                bench.proxy.api().raw("GET", SERVICES)
            except http.client.IncompleteRead as error:
                # The reset may take along what had arrived and was not read yet.
                assert len(error.partial) <= offset and of_any_version(whole).startswith(of_any_version(error.partial)), offset
            except ConnectionResetError:  # RemoteDisconnected is one: before the answer's head
                pass
            else:
                raise AssertionError(f"not cut at {offset}")
            assert bench.proxy.api().raw("GET", "/api/v1/namespaces/kube-system")[0] == 200  # lists and streams only
    with bench.proxy.fault("cut:5000"):
        try:
            Stream(bench.proxy, SERVICES + STREAMING).initial()
        except (http.client.HTTPException, ValueError):
            pass  # a half event, as it was when the connection broke
        assert bench.proxy.requests("WATCHLIST")[-1]["bytes"] == 5000


def expiry(bench):
    with bench.passing_watch() as stream, bench.proxy.fault("watch-expired"):
        assert stream.is_expired()
        version = bench.proxy.api().request("GET", SERVICES)["metadata"]["resourceVersion"]
        assert Stream(bench.proxy, f"{SERVICES}?watch=true&resourceVersion={version}").is_expired()
        assert len(Stream(bench.proxy, SERVICES + STREAMING).initial()[0]) > COUNT


def without_watchlist(bench):
    for mode, code in (("no-watchlist", 400), ("no-watchlist:422", 422)):
        with bench.proxy.fault(mode):
            assert bench.proxy.api().raw("GET", SERVICES + STREAMING)[0] == code
            version = bench.proxy.api().request("GET", SERVICES)["metadata"]["resourceVersion"]
            watching = Stream(bench.proxy, f"{SERVICES}?watch=true&resourceVersion={version}")
            bench.touch()
            assert watching.event()["type"] == "MODIFIED"


def losses(bench):
    for mode in ("drop:100", "silent"):
        with bench.passing_watch() as stream:
            bench.proxy.mode(mode)
            bench.touch()
            fresh = Stream(bench.proxy, SERVICES + STREAMING)
            assert len(fresh.initial()[0]) > COUNT  # a list arrives whole
            wait_for("the event to be lost", lambda: stream.silent(0.5))
            bench.proxy.mode("pass")
    with bench.passing_watch() as stream, bench.proxy.fault("drop:50"):
        for number in range(40):
            bench.touch(f"svc-{number:06d}")
        arrived = 0
        while not stream.silent():
            arrived += 1
        assert 2 < arrived < 38, arrived


def other_cluster(bench, other):
    with bench.passing_watch() as stream:
        with bench.proxy.fault("alt"):
            with contextlib.suppress(ConnectionError, http.client.HTTPException, OSError):
                assert stream.line() == b""
            assert bench.names() == ["kubernetes"]
            uid = bench.proxy.api().get("Namespace", "kube-system")["metadata"]["uid"]
            assert uid == other.uid() != bench.plane.uid()
    assert len(bench.names()) > COUNT


def flapping(bench):
    def outcomes(expected):
        seen = set()

        def look():
            try:
                seen.add(len(bench.names()) > COUNT)
            except (OSError, http.client.HTTPException):
                seen.add("broken")
            return expected <= seen
        return look

    with bench.proxy.fault("flap:2"):
        wait_for("both turns of refusing", outcomes({True, "broken"}))
    with bench.proxy.fault("flap:2:empty"):
        wait_for("both turns of emptiness", outcomes({True, False}))
    assert len(bench.names()) > COUNT


def bad_orders(bench):
    for mode, options in (("nonsense", {}), ("cut", {}), ("cut:x", {}), ("flap:0", {}), ("flap:1:flap", {}), ("pass:1", {}),
                          ("empty", {"restore": "keep"}), ("empty", {"onset": "boom"})):
        try:
            bench.proxy.mode(mode, **options)
        except ValueError:
            assert bench.proxy.control("GET", "/mode")["name"] == "pass"
        else:
            raise AssertionError(f"{mode} {options} was taken")


def own_certificate(bench):
    proxy = ApiProxy(bench.plane, own_certificate=True, name="apiproxy-own").start()
    assert proxy.certificate != bench.plane.ca_file() and proxy.api().request("GET", SERVICES)["items"]
    proxy.stop()


CASES = [passing, refusing, black_holes, hanging, dripping, statuses, lies, polite_lie, staleness, garbage, cuts, expiry,
         without_watchlist, losses, flapping, bad_orders, own_certificate]


def main():
    with ControlPlane() as plane, ControlPlane("other") as other:
        for one in (plane, other):
            one.bind_agent()
        bench = Bench(plane, other)
        plane.seed(COUNT, 2)
        return run_cases("apiproxy", CASES, bench) | run_cases("apiproxy", [other_cluster], bench, other)


if __name__ == "__main__":
    sys.exit(main())
