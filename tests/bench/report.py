#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of build/bench/*.json as Markdown tables; with --write, between the marks of
docs/performance.md. Every number in that page's tables comes from here."""
import argparse
import json
import pathlib
import re
import sys

import kubernetes_report

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "docs" / "performance.md"

SERIES = {"tcp4/hot": "TCP, IPv4, one service", "tcp4/random": "TCP, IPv4, any service",
          "tcp6/hot": "TCP, IPv6, one service", "udp4/hot": "UDP connect, one service",
          "udp4/random": "UDP connect, any service",
          "tcp4/no-route": "TCP, one socket, no route"}
ARMS = {"direct": "direct", "empty": "an empty hook", "miss": "Holdfast, a miss",
        "lookup": "Holdfast's look-up alone", "state": "Holdfast without evidence",
        "holdfast": "Holdfast", "usual": "usual layout, no LRU", "usual_lru": "usual layout"}


def machine(document):
    of = document["machine"]
    return (f"{of['date']}, Linux {of['kernel']}, {of['cpus']} × {of['processor']}, pinned to CPU {of['pinned_cpu']}, "
            f"load {of['load_before']:.1f} before and {of['load_after']:.1f} after. {document['rounds']} rounds, "
            f"{document['services']:,} services × {document['endpoints_per_service']} endpoints")


def spread(value, unit=1, digits=0, sign=False):
    parts = [f"{value[key] / unit:{'+' if sign else ''}.{digits}f}" for key in ("min", "median", "max")]
    return f"{parts[0]} / **{parts[1]}** / {parts[2]}"


def connect_figures(document):
    yield "| figure | value | in ns | rounds min / median / max | to reach | |"
    yield "|---|---|---|---|---|---|"
    for one in document["figures"]:
        digits = 2 if one["unit"] == "ratio" else 0
        value = f"{one['value']:.{digits}f}{'×' if one['unit'] == 'ratio' else ' ns'}"
        ours = f"{one['ours_ns']:.0f} beside {one['theirs_ns']:.0f}" if "ours_ns" in one else ""
        target = f"≤ {one['target']:g}" if "target" in one else ""
        reached = {True: "reached", False: "**not reached**", None: ""}[one.get("reached")]
        yield f"| {one['what']} | {value} | {ours} | {spread(one['rounds'], 1, digits)} | {target} | {reached} |"


def connect(document):
    yield f"{machine(document)}; {document['connects_per_round']} connects of each series in a turn."
    yield ""
    yield from connect_figures(document)
    yield ""
    yield "Every series; minimum / median / maximum over rounds of the p50, of its ratio and differences in the same round:"
    for series, title in SERIES.items():
        rows = {row["arm"]: row for row in document["series"] if row["series"] == series}
        yield ""
        yield f"| {title} | p50 µs | p99 µs | of direct | over direct, ns | over empty, ns | p99 over empty, ns | close, over direct, ns |"
        yield "|---|---|---|---|---|---|---|---|"
        for arm in (arm for arm in ARMS if arm in rows):
            row = rows[arm]
            close = f"{row['close_over_direct_ns']['median']:+.0f}" if "close_over_direct_ns" in row else ""
            yield (f"| {ARMS[arm]} | {spread(row['connect_p50_ns'], 1000, 2)} | {row['connect_p99_ns']['median'] / 1000:.1f} "
                   f"| {spread(row['ratio_to_direct'], 1, 2)} | {spread(row['over_direct_ns'], sign=True)} "
                   f"| {spread(row['over_empty_ns'], sign=True)} | {row['p99_over_empty_ns']['median']:+.0f} | {close} |")
    yield ""
    yield "What each program takes by the kernel's own count (bpf_stats; the counting itself is in every row):"
    yield ""
    yield "| | program | one service, ns | any service, ns |"
    yield "|---|---|---|---|"
    times = {(row["arm"], row["program"], row["pattern"]): row["mean_ns"] for row in document["programs"]}
    for arm in ARMS:
        for program in sorted({key[1] for key in times if key[0] == arm}):
            hot, cold = times.get((arm, program, "hot")), times.get((arm, program, "random"))
            yield f"| {ARMS[arm]} | `{program}` | {spread(hot)} | {spread(cold)} |"


def fill(document):
    times, ratio, memory = document["ms"], document["ratio"], document["memory_bytes"]
    yield f"{machine(document)}."
    yield ""
    cpu = document["cpu_ms"]
    yield "| filling the maps | ms, min / median / max | of them on the processor |"
    yield "|---|---|---|"
    for key, title in (("guard_and_merge", "Holdfast: guard and catalog"), ("plan", "Holdfast: plan"),
                       ("apply", "Holdfast: apply to the kernel maps"),
                       ("plan_and_apply", "Holdfast: plan and apply"),
                       ("usual_each", "usual layout, a system call for each element"),
                       ("usual_batch", "usual layout, in batches of 65,536")):
        yield f"| {title} | {spread(times[key], 1, 1)} | {spread(cpu[key], 1, 1) if key in cpu else ''} |"
    yield ""
    yield (f"Plan and apply are {spread(ratio['plan_and_apply_to_usual_each'], 1, 2)} of the usual layout by element, "
           f"{spread(ratio['plan_and_apply_to_usual_batch'], 1, 2)} of it in batches; applying alone is "
           f"{spread(ratio['apply_to_usual_each'], 1, 3)} of it by element.")
    yield ""
    mib = 1048576
    yield "| kernel memory of the maps | MiB |"
    yield "|---|---|"
    yield f"| Holdfast: what the programs use | {memory['of_the_datapath'] / mib:.1f} |"
    yield f"| Holdfast: all, with the names for the CLI and the room to grow | {memory['all_maps'] / mib:.1f} |"
    yield f"| usual layout, without its LRU | {memory['usual'] / mib:.1f} |"
    yield ""
    yield "Of these: " + ", ".join(f"`{name}` {size / mib:.1f}" for name, size in memory["each"].items()) + "."
    yield ""
    yield "| one endpoint replaced, programs attached; p50 / p99 ms | changes | guard and catalog | plan | event to switch | with what follows it |"
    yield "|---|---|---|---|---|---|"
    for row in document["changes"]:
        cells = [f"{row[key]['p50'] / 1e6:.3f} / {row[key]['p99'] / 1e6:.3f}"
                 for key in ("guard_and_merge_ns", "plan_ns", "to_switch_ns", "whole_ns")]
        yield f"| {row['services']:,} × {row['endpoints_per_service']} | {row['changes']} | " + " | ".join(cells) + " |"


def kubernetes(document):
    yield kubernetes_report.when(document["results"])
    for result in document["results"]:
        yield from kubernetes_report.beside_kube_proxy(result)


def kubernetes_large(document):
    yield kubernetes_report.when(document["results"])
    yield from kubernetes_report.large(document["results"])


def kubernetes_outages(document):
    yield kubernetes_report.when(document["results"])
    yield kubernetes_report.OUTAGES
    for row in document["results"]:
        yield kubernetes_report.outage(row)


SECTIONS = (connect, fill, kubernetes, kubernetes_large, kubernetes_outages)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench report", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("--json", type=pathlib.Path, default=TOP / "build" / "bench", help="the directory of the JSON files")
    options = parser.parse_args()
    page = PAGE.read_text() if options.write else ""
    for make in SECTIONS:
        name, path = make.__name__, options.json / f"{make.__name__}.json"
        if not path.exists():
            print(f"scripts/bench report: no {path}: what was measured before stays", file=sys.stderr)
            continue
        text = "\n".join(make(json.loads(path.read_text())))
        if not options.write:
            print(f"## {name}\n\n{text}\n")
            continue
        marks = f"<!-- figures: {name} -->", f"<!-- end: {name} -->"
        figures = f"{marks[0]}\n{text}\n{marks[1]}".replace("\\", r"\\")  # a replacement has escapes of its own
        page, count = re.subn(f"{marks[0]}.*?{marks[1]}", figures, page, flags=re.DOTALL)
        if count != 1:
            sys.exit(f"scripts/bench report: docs/performance.md has no marks for {name}")
    if options.write:
        PAGE.write_text(page)


if __name__ == "__main__":
    main()
