#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks in their quick form and checks that they work: that the JSON is complete and
that what was measured happened. Asserts no time. One line a case, `ok bench:NAME` or `FAIL ...`."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

SERIES = {f"tcp4/{pattern}": {"direct", "empty", "miss", "lookup", "state", "holdfast", "usual", "usual_lru"}
          for pattern in ("hot", "random")}
SERIES |= {f"udp4/{pattern}": {"direct", "empty", "lookup", "usual", "usual_lru"} for pattern in ("hot", "random")}
SERIES["tcp4/no-route"] = {"direct", "empty", "miss"}
SERIES["tcp6/hot"] = {"direct", "empty", "miss", "holdfast"}
WARM_UP = 64  # as in connect.cpp


def expect(holds, what):
    if not holds:
        raise AssertionError(what)


def is_spread(value):
    return set(value) == {"min", "median", "max"} and value["min"] <= value["median"] <= value["max"]


def check_connect(document):
    rows = {(row["series"], row["arm"]): row for row in document["series"]}
    wanted = {(series, arm) for series, arms in SERIES.items() for arm in arms}
    expect(set(rows) == wanted, f"series differ: {sorted(set(rows) ^ wanted)}")
    for key, row in rows.items():
        expect(row["connect_p50_ns"]["min"] > 0, f"{key}: took no time")
        expect(all(is_spread(value) for name, value in row.items() if name not in ("series", "arm")), f"{key}: not a spread")
    # Each of two arms dials services in both IPv4 series and in the program-time pass of each
    # pattern; the one with evidence also over IPv6. The look-up's arm counts too: TCP and UDP.
    rounds, connects = document["rounds"], document["connects_per_round"]
    timed = 2 * (connects + WARM_UP) + 2 * connects
    look_up = 4 * (connects + WARM_UP) + 2 * connects
    expect(document["redirected"] == rounds * (2 * timed + connects + WARM_UP + look_up),
           f"{document['redirected']} redirected: not every connect was measured through the programs")
    expect(document["passed"] == rounds * (timed + connects + WARM_UP + 2 * connects), f"{document['passed']} misses")
    programs = {(row["arm"], row["program"]) for row in document["programs"]}
    for wanted in (("holdfast", "hf_connect4"), ("holdfast", "hf_sock_release"), ("miss", "hf_connect4"),
                   ("empty", "bench_empty4"), ("lookup", "bench_lookup"), ("usual_lru", "bench_usual_lru")):
        expect(wanted in programs, f"no time of {wanted}")
    targets = [one for one in document["figures"] if "target" in one]
    expect(len(targets) == 12 and all("reached" in one and "value" in one for one in targets), f"{len(targets)} figures")
    return f"{len(rows)} series, {document['redirected']} connects redirected"


def check_fill(document):
    for key in ("guard_and_merge", "plan", "apply", "plan_and_apply", "usual_each", "usual_batch"):
        expect(is_spread(document["ms"][key]) and document["ms"][key]["min"] > 0, f"no time of {key}")
    for group in ("cpu_ms", "ratio"):
        expect(all(is_spread(value) for value in document[group].values()), f"{group}: not a spread")
    memory = document["memory_bytes"]
    expect(memory["all_maps"] > memory["of_the_datapath"] > 0 and memory["usual"] > 0, "no memory")
    expect(len(document["changes"]) == 2, "two sizes of catalog")
    for row in document["changes"]:
        expect(row["changes"] > 0 and 0 < row["plan_ns"]["p50"] < row["to_switch_ns"]["p50"] <= row["whole_ns"]["p50"], str(row))
    return f"{sum(row['changes'] for row in document['changes'])} changes applied"


def check_start(document):
    for key in ("ready_ms", "anonymous_mib"):
        expect(is_spread(document[key]) and document[key]["min"] > 0, f"no {key}")
    expect(document["file_bytes"] > 200 * 20 * 40, f"a snapshot of {document['file_bytes']} bytes")
    return f"{document['rounds']} starts, every service in the maps"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="the directory of holdfast_bench")
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name, check in (("connect", check_connect), ("fill", check_fill), ("start", check_start)):
            path = pathlib.Path(scratch) / f"{name}.json"
            try:
                done = subprocess.run([options.bin / "holdfast_bench", name, "--quick", "--json", path],
                                      capture_output=True, text=True, timeout=120, check=False)
                expect(done.returncode == 0, done.stderr.strip().splitlines()[-1] if done.stderr else "failed")
                print(f"ok bench:{name}: {check(json.loads(path.read_text()))}")
            except (AssertionError, KeyError, OSError, ValueError, subprocess.TimeoutExpired) as error:
                print(f"FAIL bench:{name}: {error!r}")
                failed += 1
        marks = [f"<!-- {kind}: {name} -->" for name in ("connect", "fill") for kind in ("figures", "end")]
        report = pathlib.Path(__file__).parent / "report.py"
        done = subprocess.run([sys.executable, report, "--json", scratch], capture_output=True, text=True, check=False)
        page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "performance.md").read_text()
        good = done.returncode == 0 and done.stdout.count("|---") > 6 and all(page.count(mark) == 1 for mark in marks)
        print(f"ok bench:report: {done.stdout.count(chr(10))} lines" if good else f"FAIL bench:report: {done.stderr}")
        failed += not good
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
