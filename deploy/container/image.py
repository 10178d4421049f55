#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A docker-archive tar from two programs and the shared libraries they need. Nothing is downloaded:
the libraries are those of the Debian packages that the programs were built against. Same input, same
bytes: names sorted, times and owners fixed. --root DIR leaves the root file system as a directory
instead of an archive (for the Dockerfile)."""
import argparse
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import time

PROGRAMS = ("holdfastd", "holdfast")
# Mount points: the root is read-only where it runs.
DIRECTORIES = ("dev", "etc/holdfast", "proc", "run/holdfast", "sys", "tmp", "var/lib/holdfast")
FILES = {
    "etc/passwd": "root:x:0:0:root:/:/sbin/nologin\n",
    "etc/group": "root:x:0:\n",
    # Without it glibc asks no DNS for the names of API servers.
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
LICENCES = ("LICENSE", "LICENSES/GPL-2.0-only.txt")


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"image: {' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def libraries(program):
    """Path as the program asks for it -> the file behind it; the loader is one of them."""
    found = {}
    for line in output_of("ldd", program).splitlines():
        if "not found" in line:
            sys.exit(f"image: {program}: {line.strip()}")
        match = re.search(r"(/\S+) \(0x", line)
        if match:
            found[match[1]] = os.path.realpath(match[1])
    if not found:
        sys.exit(f"image: {program} needs no shared library: what was built?")
    return found


def package_of(path):
    """The Debian package of a library: dpkg may know it with or without /usr (merged directories)."""
    for name in (path, path.removeprefix("/usr")):
        done = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split(": ")[0].split(",")[0]
    sys.exit(f"image: {path} belongs to no Debian package; its licence and version are unknown")


def fill_root(root, bin_directory, source):
    """Returns the packages that the libraries came from."""
    needed = {}
    for name in PROGRAMS:
        into = root / "usr/bin" / name
        into.parent.mkdir(parents=True, exist_ok=True)
        output_of("strip", "-o", into, bin_directory / name)
        needed.update(libraries(bin_directory / name))
    packages = set()
    for asked, real in sorted(needed.items()):
        into = root / asked.lstrip("/")
        into.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(real, into)
        into.chmod(0o755)
        packages.add(package_of(real))
    for directory in DIRECTORIES:
        (root / directory).mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (root / name).write_text(text)
    for name in LICENCES:
        into = root / "usr/share/doc/holdfast" / pathlib.Path(name).name
        into.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, into)
    for package in sorted(packages):
        describe(root, package)
    return sorted(packages)


def describe(root, package):
    """What scanners of images read (as distroless images have it), and the licence."""
    name = package.split(":")[0]
    status = root / "var/lib/dpkg/status.d" / name
    status.parent.mkdir(parents=True, exist_ok=True)
    status.write_text(output_of("dpkg-query", "-s", package))
    licence = pathlib.Path("/usr/share/doc") / name / "copyright"
    if licence.exists():
        into = root / "usr/share/doc" / name / "copyright"
        into.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(licence, into)


def add(archive, name, data=None, *, epoch, mode=0o644, link=None):
    """A file of these bytes, or a hard link to an earlier one; without bytes a directory."""
    info = tarfile.TarInfo(name)
    info.mtime, info.mode = epoch, mode
    if data is None:
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    elif link:
        info.type, info.linkname = tarfile.LNKTYPE, link
        archive.addfile(info)
    else:
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))


def layer_of(root, epoch):
    """One tar; a file whose bytes came before (packages of one source share a licence) is a hard link."""
    buffer, seen = io.BytesIO(), {}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            if path.is_dir():
                add(archive, name, epoch=epoch, mode=0o1777 if name == "tmp" else 0o755)
            else:
                data = path.read_bytes()
                executable = name.startswith("usr/bin/") or ".so" in path.name
                add(archive, name, data, epoch=epoch, mode=0o755 if executable else 0o644, link=seen.get(data))
                seen.setdefault(data, name)
    return buffer.getvalue()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def config_of(layer, options, packages):
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(options.epoch))
    labels = {
        "org.opencontainers.image.title": "holdfast",
        "org.opencontainers.image.version": options.version,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.created": created,
        "holdfast.packages": " ".join(packages),
    }
    if options.revision:
        labels["org.opencontainers.image.revision"] = options.revision
    return json.dumps({
        "architecture": output_of("dpkg", "--print-architecture").strip(),
        "os": "linux",
        "created": created,
        "config": {"Entrypoint": ["/usr/bin/holdfastd"], "Env": ["PATH=/usr/bin"], "WorkingDir": "/", "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest(layer)}"]},
        "history": [{"created": created, "created_by": "scripts/image"}],
    }, sort_keys=True).encode()


def write_archive(layer, options, packages):
    config = config_of(layer, options, packages)
    manifest = json.dumps([{"Config": f"{digest(config)}.json", "RepoTags": [options.tag], "Layers": [f"{digest(layer)}/layer.tar"]}]).encode()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    beside = options.output.with_suffix(".new")
    with tarfile.open(beside, "w", format=tarfile.USTAR_FORMAT) as archive:
        add(archive, f"{digest(config)}.json", config, epoch=options.epoch)
        add(archive, digest(layer), epoch=options.epoch, mode=0o755)
        add(archive, f"{digest(layer)}/layer.tar", layer, epoch=options.epoch)
        add(archive, "manifest.json", manifest, epoch=options.epoch)
    beside.rename(options.output)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, type=pathlib.Path, help="directory of both programs")
    parser.add_argument("--tag", default="holdfast:latest")
    parser.add_argument("--version", required=True)
    parser.add_argument("--revision", default="")
    parser.add_argument("--epoch", type=int, default=0, help="time of everything inside, seconds since 1970")
    parser.add_argument("--output", type=pathlib.Path, help="the archive")
    parser.add_argument("--root", type=pathlib.Path, help="a directory to fill, and no archive")
    options = parser.parse_args()
    if bool(options.root) == bool(options.output):
        parser.error("either --output or --root")
    source = pathlib.Path(__file__).resolve().parents[2]
    if options.root:
        fill_root(options.root, options.bin, source)
        return
    root = options.output.with_suffix(".root")
    shutil.rmtree(root, ignore_errors=True)
    try:
        packages = fill_root(root, options.bin, source)
        layer = layer_of(root, options.epoch)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    write_archive(layer, options, packages)
    print(f"{options.output}: {options.tag}, {options.output.stat().st_size / 1e6:.1f} MB, "
          f"{len(packages)} Debian packages, sha256 {digest(options.output.read_bytes())}")


if __name__ == "__main__":
    main()
