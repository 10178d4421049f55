#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts what scripts/test ran: the cases of every program, from what it printed. Usage: count.py DIRECTORY, with the
JUnit files of ctest (NAME.xml, its exit status in NAME.status) and lines of what ran beside (NAME.lines). Prints a line
a program, what failed once more, what cannot run here, and "N passed, N failed, N skipped"; exit status 1 when something failed."""
import pathlib
import re
import sys
import xml.etree.ElementTree

# A case of googletest ends with its time; a script's begins the line.
GOOD = re.compile(r"^(\[       OK \] .*|ok \S+.*)$", re.MULTILINE)
BAD = re.compile(r"^(\[  FAILED  \] .*\(\d+ ms\)|FAIL \S+.*)$", re.MULTILINE)
LEFT = re.compile(r"^(\[  SKIPPED \] .*\(\d+ ms\)|skip \S+.*)$", re.MULTILINE)
# Of those left: what this machine's kernel refuses, whoever asks. The test has tried it.
UNABLE = re.compile(r"^(?:skip \S+ )?cannot run here: .*$", re.MULTILINE)
FIGURE = re.compile(r"^(?:figure|interleavings).*$", re.MULTILINE)


class Count:
    def __init__(self):
        self.passed = self.skipped = self.unable = 0
        self.failures = []

    def add(self, phase, name, output, ran_well, seconds):
        good, bad, left = (pattern.findall(output) for pattern in (GOOD, BAD, LEFT))
        if not ran_well and not bad:
            bad = ["failed, or ended without saying why"]
        if not good and not bad and not left:
            bad = ["ran nothing"]
        self.passed += len(good)
        unable = UNABLE.findall(output)
        self.skipped += len(left) - len(unable)
        self.unable += len(unable)
        self.failures += [f"{phase} {name}: {one}" for one in bad]
        print(f"{phase:<8} {name:<24} {len(good):5} passed {len(bad):3} failed {len(left):3} skipped {seconds:7.1f} s")
        for line in FIGURE.findall(output) + left + sorted(set(unable)):
            print(f"         {line}")


def add_junit(count, path):
    try:
        cases = xml.etree.ElementTree.parse(path).getroot().findall("testcase")
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        cases = []
        count.failures.append(f"{path.stem}: no results: {error}")
    for case in cases:
        count.add(path.stem, case.get("name"), case.findtext("system-out") or "", case.get("status") == "run", float(case.get("time", 0)))


def main():
    directory, count = pathlib.Path(sys.argv[1]), Count()
    for status in sorted(directory.glob("*.status"), key=lambda one: one.stat().st_mtime):
        add_junit(count, status.with_suffix(".xml"))
    for lines in sorted(directory.glob("*.lines")):
        text = lines.read_text(errors="replace")
        if any(pattern.search(text) for pattern in (GOOD, BAD, LEFT)):  # a build has no cases
            count.add("beside", lines.stem, text, True, 0)
    if count.failures:
        print("\nwhat failed, once more")
        print("\n".join(count.failures))
    if count.unable:
        print(f"\n{count.unable} cannot run on this machine, as said above")
    print(f"\n{count.passed} passed, {len(count.failures)} failed, {count.skipped} skipped")
    return 1 if count.failures else 0


if __name__ == "__main__":
    sys.exit(main())
