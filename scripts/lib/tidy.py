#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over agent/: usage tidy.py BUILD-DIRECTORY [FILE...] (default: all that git knows).

Most of what clang-tidy does, it does for the headers, and again for each file. So the files of a
folder are looked at eight at a time, as one unit. Where such a unit has findings, or is none
(two files of it have the same name in their anonymous namespaces), its files are looked at one by
one, and what is found so counts. Exit 1: findings, which are printed.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

TOGETHER = 8
ROOT = pathlib.Path(__file__).resolve().parents[2]


def command_lines(build):
    with open(build / "compile_commands.json", encoding="utf-8") as file:
        return {entry["file"]: entry for entry in json.load(file)}


def groups_of(files):
    folders = collections.defaultdict(list)
    for file in files:
        folders[os.path.dirname(file)].append(file)
    return [some[at:at + TOGETHER] for some in folders.values() for at in range(0, len(some), TOGETHER)]


def write_unit(known, build, number, group):
    """The unit of a group, and the command line that its first file is compiled with."""
    unit = build / "tidy" / f"unit{number}.cpp"
    unit.write_text("".join(f'#include "{file}"\n' for file in group), encoding="utf-8")
    first = known[group[0]]
    return {"directory": first["directory"], "file": str(unit),
            "command": first["command"].replace(group[0], str(unit))}


def tidy(database, file, *more):
    done = subprocess.run(["clang-tidy-14", "-quiet", f"--config-file={ROOT}/.clang-tidy", "-p", database, *more, file],
                          cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if not line.endswith(" generated.")]
    return done.returncode, "\n".join(said)


def look_at(build, number, group):
    """What is found in a group; "" is nothing."""
    unit = build / "tidy" / f"unit{number}.cpp"
    if tidy(build / "tidy", unit, "--checks=-bugprone-suspicious-include")[0] == 0:
        return ""
    found = [tidy(build, file) for file in group]
    return "\n".join(said for status, said in found if status)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    files = sys.argv[2:] or subprocess.run(["git", "ls-files", "agent/*.cpp"], cwd=ROOT, check=True, text=True,
                                           stdout=subprocess.PIPE).stdout.split()
    groups = groups_of([str(ROOT / file) for file in files])
    (build / "tidy").mkdir(exist_ok=True)
    known = command_lines(build)
    units = [write_unit(known, build, number, group) for number, group in enumerate(groups)]
    (build / "tidy" / "compile_commands.json").write_text(json.dumps(units), encoding="utf-8")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda one: look_at(build, *one), enumerate(groups)))
    print("\n".join(one for one in found if one))
    return 1 if any(found) else 0


if __name__ == "__main__":
    sys.exit(main())
