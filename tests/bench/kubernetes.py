#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holdfast beside the real kube-proxy (nftables and iptables modes) on the same API server. In each round each
has one turn, alone and in random order: started anew, then one endpoint of a service of one is replaced again
and again: from the API's answer to the first connect to the ClusterIP that reaches the new endpoint. With
--large: Holdfast with 10,000 services of 100 endpoints (kubernetes_large.py). With --outages: how soon the maps
equal the API again (kubernetes_outage.py)."""
import argparse
import datetime
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kubenode import API, SERVER, SETTLE, STARTS, Arm, NodeLab, make_probe, metrics, spread  # noqa: E402
from kubelab import own_network  # noqa: E402
from kubernetes_large import large  # noqa: E402
from kubernetes_outage import WAYS, outages  # noqa: E402
from kubernetes_report import beside_kube_proxy  # noqa: E402
from lab import run  # noqa: E402
from seeded import start_seeded  # noqa: E402
from switches import switches  # noqa: E402


def turn(options, name, plane, number):
    """One agent's turn; the changes it makes begin with `number`."""
    lab = NodeLab(options.bin)
    try:
        arm = Arm(name, plane, lab.node, number - 1)
        before, used = metrics(lab.node) if name == "Holdfast" else "", arm.cpu()
        taken = []
        for change in range(number, number + options.changes):
            taken.append(arm.change(change))
            time.sleep(SETTLE)
        result = {"arm": name, "start": arm.start, "change_ms": spread(taken), "all_ms": taken,
                  "cpu_seconds_a_change": (arm.cpu() - used) / options.changes, "memory": arm.memory(), "load": os.getloadavg()[0]}
        if name == "Holdfast":
            result["switches"] = switches(before, metrics(lab.node))
        return result
    finally:
        lab.remove()


def summary(turns, name):
    own = [one for one in turns if one["arm"] == name]
    changes = [one for turn_ in own for one in turn_["all_ms"]]
    return {"change_ms": spread(changes), "cpu_seconds_a_change": spread([one["cpu_seconds_a_change"] for one in own]),
            "ready_seconds": spread([one["start"]["ready_seconds"] for one in own]), "start_cpu_seconds": spread([one["start"]["cpu_seconds"] for one in own]),
            **{row: spread([one["memory"][row] for one in own]) for row in ("anon_mib", "rss_mib", "peak_rss_mib")}}


def ratios(turns, name):
    """Of the arm beside Holdfast's, of the medians in the same round."""
    rounds = {}
    for one in turns:
        rounds.setdefault(one["round"], {})[one["arm"]] = one
    both = [(one[name], one["Holdfast"]) for one in rounds.values()]
    # A median below a tenth of a millisecond (the connect may come before the API's answer) says no ratio.
    return {"change": spread([theirs["change_ms"]["median"] / max(ours["change_ms"]["median"], 0.1) for theirs, ours in both]),
            "cpu": spread([theirs["cpu_seconds_a_change"] / max(ours["cpu_seconds_a_change"], 1e-4) for theirs, ours in both]),
            "start": spread([theirs["start"]["ready_seconds"] / ours["start"]["ready_seconds"] for theirs, ours in both]),
            "anon": spread([theirs["memory"]["anon_mib"] / ours["memory"]["anon_mib"] for theirs, ours in both])}


def measure(options, services, count):
    plane = start_seeded(services, count, address=API)
    server = subprocess.Popen([sys.executable, "-c", SERVER])
    try:
        plane.bind_agent()
        make_probe(plane)
        turns, number, arms = [], 1, list(options.arms)
        for round_ in range(options.rounds):
            for name in random.sample(arms, len(arms)):
                try:
                    turns.append({"round": round_, **turn(options, name, plane, number)})
                except TimeoutError as error:
                    if name == "Holdfast" or round_:
                        raise
                    print(f"{services}x{count}: {name} is left out: {error}", file=sys.stderr, flush=True)
                    arms.remove(name)
                    continue
                number += options.changes
                print(f"{services}x{count} round {round_ + 1}: {name}: {turns[-1]['change_ms']['median']:.1f} ms", file=sys.stderr, flush=True)
    finally:
        server.kill()
        plane.remove()
    return {"services": services, "endpoints": count, "rounds": options.rounds, "changes": options.changes, "turns": turns,
            "left_out": [name for name in options.arms if name not in arms],
            "arms": {name: summary(turns, name) for name in arms},
            "ratios": {name: ratios(turns, name) for name in arms if name != "Holdfast"}}


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench kubernetes", description=__doc__)
    parser.add_argument("--bin", default="build/release/bin", help="where holdfastd is")
    parser.add_argument("--size", action="append", metavar="SERVICESxENDPOINTS", help="default 1000x10 and 5000x10; may be repeated")
    parser.add_argument("--arms", nargs="+", choices=STARTS, default=list(STARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--changes", type=int, default=10, help="in each turn")
    parser.add_argument("--large", action="store_true", help="Holdfast alone, with 10000x100 and, for its memory, 1000x10")
    parser.add_argument("--single", type=int, default=1000, help="with --large: single changes")
    parser.add_argument("--outages", nargs="*", type=float, metavar="SECONDS", help="Holdfast alone, while the API is away; default 5 30 120")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="with --outages: what the agent sees of it")
    parser.add_argument("--quick", action="store_true", help="200x10, few changes, and --large with as many: that it works, no figures")
    parser.add_argument("--json", type=pathlib.Path, help="default build/bench/kubernetes.json, kubernetes_large.json")
    options = parser.parse_args()
    name = "kubernetes_large" if options.large else "kubernetes" if options.outages is None else "kubernetes_outages"
    options.outages = [5, 30, 120] if options.outages == [] else options.outages
    options.json = options.json or pathlib.Path(f"build/bench/{name}.json")
    if options.quick:
        options.size, options.rounds, options.changes, options.single = ["200x10"], 1, 3, 30
    return options


def write(options, results):
    """What was measured anew, and of an earlier run what was not: sizes, and outages, are measured one by one."""
    now = {"date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"), "kernel": os.uname().release}
    key = lambda one: [one.get(name, 0) for name in ("services", "endpoints", "outage_seconds", "way", "return")]  # noqa: E731
    new = [key(one) for one in results]
    kept = [one for one in (json.loads(options.json.read_text())["results"] if options.json.exists() else []) if key(one) not in new]
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"results": sorted([*kept, *({**now, **one} for one in results)], key=key)}, indent=1))


def main():
    options = parse()
    own_network()
    run("ip", "addr", "add", f"{API}/32", "dev", "lo")
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    if options.outages:
        return write(options, outages(options))
    if not options.large:
        results = []
        for size in options.size or ["1000x10", "5000x10"]:
            results.append(measure(options, *map(int, size.split("x"))))
            if not options.quick:
                write(options, results)
            print("\n".join(beside_kube_proxy(results[-1])), flush=True)
    if options.large or options.quick:
        results = large(options, options.size or ["1000x10", "10000x100"])
        if options.large:
            write(options, results)
    if options.quick:
        print(f"ok bench:kubernetes: {options.changes} changes reached by connects through {len(options.arms)} agents, {options.single} seen in the maps")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
