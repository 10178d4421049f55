#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent on kernels of other versions, over reboots and power cuts, and as a unit of systemd. Started
by scripts/vm, which fetches kernels and packages. Prints "ok NAME" and "FAIL NAME: why"; exit 1 when one failed."""
import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import time

from guest import Boot, Image, make_disk
from userland import make_unit_disk


class Report:
    def __init__(self):
        self.failed = 0

    def ok(self, name):
        print(f"ok {name}", flush=True)

    def fail(self, name, why, log=()):
        self.failed += 1
        print(f"FAIL {name}: {why}", flush=True)
        for line in list(log)[-40:]:
            print(f"     {line}", flush=True)


def words(line, kind):
    """The rest of a console line "GUEST <kind> rest"; None: another line."""
    begin = f"GUEST {kind} "
    at = line.find(begin)
    return line[at + len(begin):] if at >= 0 else None


def tell(report, prefix, line, log):
    if (name := words(line, "ok")) is not None:
        report.ok(f"{prefix} {name}")
    elif (what := words(line, "FAIL")) is not None:
        name, _, why = what.partition(": ")
        report.fail(f"{prefix} {name}", why, log)


def whole_boot(report, image, mode, prefix, disk=None, show=False):
    """A guest that ends by itself. One that does not come to its end has failed."""
    ended = False
    # Two processors for membarrier, which does not wait on one; one where it is the disk that matters.
    with Boot(image, mode, disk, cpus=1 if disk else 2) as boot:
        try:
            for line in boot.lines():
                tell(report, prefix, line, boot.log)
                ended = ended or "GUEST end" in line
                if (figure := words(line, "count")) is not None:
                    print(f"figure {prefix}: {figure}", flush=True)
                if show and "CHECK WARN" in line:
                    print(f"     {prefix} check: {line[line.find('CHECK ') + 6:]}", flush=True)
        except TimeoutError as error:
            report.fail(f"{prefix} {mode}", error, boot.log)
            return
        if not ended:
            report.fail(f"{prefix} {mode}", "the guest ended early", boot.log)


class PowerCuts:
    """Boots from one disk again and again. Each boot must serve from the snapshot, with a generation
    not below the last that was acknowledged; then the power is cut while snapshots are being saved."""

    def __init__(self, report, image, disk, prefix, seed):
        self.report, self.image, self.disk, self.prefix = report, image, disk, prefix
        self.random = random.Random(seed)
        self.acknowledged = self.starts = self.saves = self.partial = self.lost = self.corrupt = 0

    def boot(self):
        """True: it served and was cut while it wrote."""
        with Boot(self.image, "reboot", self.disk, cpus=1) as boot:
            redirected, cut_at = 0, None
            try:
                for line in boot.lines():
                    if words(line, "FAIL") is not None or "WRITER" in line:
                        tell(self.report, self.prefix, line, boot.log)
                        return False
                    redirected += words(line, "ok") is not None
                    self.take(line)
                    if "SAVED " in line:
                        self.saves += 1
                        cut_at = cut_at or time.monotonic() + self.random.uniform(0.0, 1.0)
                    if cut_at and time.monotonic() >= cut_at:
                        break
            except TimeoutError as error:
                self.report.fail(f"{self.prefix} reboot", error, boot.log)
                return False
            if redirected < 2 or not cut_at:
                self.report.fail(f"{self.prefix} reboot", "the guest ended early", boot.log)
                return False
            self.starts += 1
            return True

    def take(self, line):
        if (text := words(line, "generation")) is not None:
            self.lost += int(text) < self.acknowledged
        elif (text := words(line, "partial")) is not None:
            self.partial += int(text) > 0
        elif (text := words(line, "corrupt")) is not None:
            self.corrupt = int(text)
        elif "SAVED " in line and (number := line.split("SAVED ")[1]).isdigit():
            self.acknowledged = max(self.acknowledged, int(number))

    def run(self, cuts):
        for _ in range(cuts + 1):  # the last one shows what the last cut left
            if not self.boot():
                return
        name = f"{self.prefix} starts after every power cut"
        if self.lost:
            self.report.fail(name, f"{self.lost} starts from a generation older than one acknowledged")
        else:
            self.report.ok(name)
        print(f"figure {self.prefix}: {cuts} power cuts in {self.saves} saves, {self.partial} left a file half made; "
              f"{self.starts} of {cuts + 1} boots served from the snapshot, {self.lost} acknowledged generations lost, "
              f"{self.corrupt} files quarantined", flush=True)


def reboots(report, image, directory, prefix, cuts, seed):
    disk = directory / "disk"
    make_disk(disk)
    whole_boot(report, image, "first", prefix, disk)
    sabotaged = directory / "disk-sabotage"
    shutil.copy(disk, sabotaged)
    PowerCuts(report, image, disk, prefix, seed).run(cuts)
    whole_boot(report, image, "sabotage", f"{prefix} sabotage:", sabotaged)


def unit_boots(report, image, directory, packages, binaries):
    """systemd and the shipped unit: a first boot that knows nothing, and one that has the snapshot."""
    disk = directory / "disk-unit"
    make_unit_disk(disk, packages, binaries)
    whole_boot(report, image, "unit", "vm.unit", disk)
    whole_boot(report, image, "unitreboot", "vm.unit reboot:", disk)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--kernel", action="append", default=[], metavar="NAME=DIRECTORY", help="an unpacked kernel package")
    parser.add_argument("--userland", type=pathlib.Path, help="unpacked packages: systemd and what it needs")
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--reboot-kernel", default="6.1", help="of which reboots and power cuts are tried")
    arguments = parser.parse_args()
    report = Report()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="holdfast-vm-") as temporary:
        directory = pathlib.Path(temporary)
        for name, _, package in (one.partition("=") for one in arguments.kernel):
            prefix = f"vm.{name}"
            begin = time.monotonic()
            image = Image(pathlib.Path(package), arguments.bin.resolve(), directory)
            whole_boot(report, image, "dial", prefix, show=True)
            if name == arguments.reboot_kernel:
                reboots(report, image, directory, prefix, arguments.cuts, arguments.seed)
                if arguments.userland:
                    unit_boots(report, image, directory, arguments.userland, arguments.bin.resolve())
            print(f"     {prefix}: Linux {image.release}, {time.monotonic() - begin:.0f} s", flush=True)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
