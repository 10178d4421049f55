#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The image of scripts/image, unpacked and run: root read-only, nothing of this machine in sight.
One line a case: `ok image:NAME: figures` or `FAIL image:NAME: what`. Exit 1 when one failed."""
import argparse
import atexit
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
# Binds the root onto itself to make it read-only, and the configuration's directory as a pod has it.
INSIDE = ('mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && '
          '{ [ -z "$2" ] || mount --bind "$2" "$1/etc/holdfast"; } && mount -t proc proc "$1/proc" && '
          'root=$1 && shift 2 && exec chroot "$root" "$@"')
CONFIG = "sources: [{name: file, file: {path: /etc/holdfast/catalog.yaml}}]\n"


class Failed(Exception):
    pass


def expect(holds, what):
    if not holds:
        raise Failed(what)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Image:
    def __init__(self, bin_directory):
        self.bin = bin_directory
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-image-"))
        atexit.register(shutil.rmtree, self.directory, ignore_errors=True)
        self.archive = self.directory / "image.tar"
        self.root = self.directory / "root"
        self.config = self.directory / "config"
        self.config.mkdir()
        (self.config / "config.yaml").write_text(CONFIG)
        self.build(self.archive)
        with tarfile.open(self.archive) as archive:
            self.manifest = json.load(archive.extractfile("manifest.json"))
            self.config_bytes = archive.extractfile(self.manifest[0]["Config"]).read()
            self.layer = archive.extractfile(self.manifest[0]["Layers"][0]).read()
        layer = self.directory / "layer.tar"
        layer.write_bytes(self.layer)
        with tarfile.open(layer) as archive:
            self.members = archive.getmembers()
            archive.extractall(self.root)

    def build(self, output):
        done = subprocess.run([TOP / "scripts/image", "--bin", self.bin, "--output", output, "--tag", "holdfast:test"],
                              capture_output=True, text=True)
        expect(done.returncode == 0, done.stderr[-2000:])

    def run(self, *command, config=True):
        return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", INSIDE, "sh",
                               self.root, self.config if config else "", *command],
                              capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, timeout=60)

    # --- cases ---------------------------------------------------------------------------------------
    def case_archive_is_what_it_says(self):
        expect(self.manifest[0]["RepoTags"] == ["holdfast:test"], str(self.manifest))
        config = json.loads(self.config_bytes)
        expect(self.manifest[0]["Config"] == f"{sha256(self.config_bytes)}.json", "the configuration's digest")
        expect(config["rootfs"]["diff_ids"] == [f"sha256:{sha256(self.layer)}"], "the layer's digest")
        expect(config["config"]["Entrypoint"] == ["/usr/bin/holdfastd"], "entry point")
        size = self.archive.stat().st_size
        expect(size < 40e6, f"{size} bytes: not small")
        return f"{size / 1e6:.1f} MB, {len(self.members)} members"

    def case_same_input_same_bytes(self):
        again = self.directory / "again.tar"
        self.build(again)
        expect(again.read_bytes() == self.archive.read_bytes(), "a second build differs")
        return "two builds are equal"

    def case_members_are_plain(self):
        names = [one.name for one in self.members]
        expect(len(set(names)) == len(names), "a name twice")
        for one in self.members:
            expect(one.uid == 0 and one.gid == 0, f"{one.name}: owner")
            expect(not one.mode & 0o6000, f"{one.name}: set-user-id")
            expect(one.name == "tmp" or not one.mode & 0o022, f"{one.name}: others may write")
        files = {pathlib.Path(one.name).name for one in self.members if not one.isdir()}
        expect(not files & {"sh", "bash", "dash", "busybox", "apt", "apt-get", "dpkg"}, f"more than it needs: {sorted(files)}")
        return f"{len(names)} members of root's, no shell"

    def case_cli_runs(self):
        done = self.run("/usr/bin/holdfast", "version")
        expect(done.returncode == 0 and done.stdout.startswith("holdfast "), done.stdout + done.stderr)
        return done.stdout.strip()

    def case_daemon_checks_a_configuration(self):
        done = self.run("/usr/bin/holdfastd", "--check")
        expect(done.returncode == 0 and "ok" in done.stdout, done.stdout + done.stderr)
        (self.config / "config.yaml").write_text("sauces: []\n")
        bad = self.run("/usr/bin/holdfastd", "--check")
        (self.config / "config.yaml").write_text(CONFIG)
        expect(bad.returncode == 1 and "sauces" in bad.stderr and ":1:1" in bad.stderr, bad.stdout + bad.stderr)
        return "good accepted; bad refused with its line"

    def case_daemon_takes_the_chart_s_configuration(self):
        """What the ConfigMap of deploy/kubernetes/ holds, word for word."""
        lines = (TOP / "deploy/kubernetes/holdfast.yaml").read_text().split("  config.yaml: |\n", 1)[1].splitlines()
        end = next(number for number, line in enumerate(lines) if not line.startswith("    "))
        (self.config / "config.yaml").write_text("".join(line[4:] + "\n" for line in lines[:end]))
        done = self.run("/usr/bin/holdfastd", "--check")
        (self.config / "config.yaml").write_text(CONFIG)
        expect(done.returncode == 0, done.stdout + done.stderr)
        return f"{end} lines"

    def case_root_is_read_only(self):
        done = self.run("/usr/bin/holdfastd", "--state-dir", "/var/lib/holdfast")
        expect(done.returncode == 1 and "Read-only file system" in done.stderr, f"{done.returncode} {done.stdout + done.stderr}")
        return "a daemon without its mounts says so"

    def case_sabotage_a_library_missing(self):
        """Without one of its libraries nothing runs: what ran came from the image."""
        library = next(self.root.rglob("libbpf.so*"))
        aside = self.directory / library.name
        shutil.move(library, aside)
        done = self.run("/usr/bin/holdfast", "version")
        shutil.move(aside, library)
        expect(done.returncode != 0 and "libbpf" in done.stderr, f"it ran without {library.name}")
        return "without libbpf it does not start"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="directory of both programs")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skip image: needs root, for a read-only root file system")
        return 0
    try:
        image = Image(options.bin)
    except Exception as error:
        print(f"FAIL image:build: {type(error).__name__}: {error}")
        return 1
    failed = 0
    for name in [one for one in dir(Image) if one.startswith("case_") and options.only in one]:
        try:
            print(f"ok image:{name[5:]}: {getattr(image, name)()}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAIL image:{name[5:]}: {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
