# SPDX-License-Identifier: Apache-2.0
"""Container images without a registry or a container tool: a docker-archive tar, which `ctr images import`
takes. Files come from this machine; what they are is all that is in them."""
import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile

BUSYBOX = "holdfast.test/busybox:1"
PAUSE = "holdfast.test/pause:1"


def layer(files):
    """A layer's bytes. files: {path in the image: path here, bytes, or ("link", target)}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        directories = {str(parent) for path in files for parent in pathlib.PurePath(path).parents} - {".", "/"}
        for path in sorted({"tmp", *directories}):
            one = tarfile.TarInfo(path)
            one.type, one.mode = tarfile.DIRTYPE, 0o1777 if path == "tmp" else 0o755
            archive.addfile(one)
        for path, content in files.items():
            one = tarfile.TarInfo(path)
            if isinstance(content, tuple):
                one.type, one.linkname = tarfile.SYMTYPE, content[1]
                archive.addfile(one)
                continue
            executable = isinstance(content, bytes) or os.access(content, os.X_OK)
            data = content if isinstance(content, bytes) else pathlib.Path(content).read_bytes()
            one.size, one.mode = len(data), 0o755 if executable else 0o644
            archive.addfile(one, io.BytesIO(data))
    return out.getvalue()


def write_image(path, tag, files, entrypoint, environment=()):
    """Writes the tar and returns its path."""
    content = layer(files)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = json.dumps({"architecture": machine, "os": "linux",
                         "config": {"Entrypoint": list(entrypoint), "Env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin", *environment]},
                         "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]}}).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, "w") as archive:
        for member, data in ((name, config), ("layer.tar", content), ("manifest.json", manifest)):
            one = tarfile.TarInfo(member)
            one.size = len(data)
            archive.addfile(one, io.BytesIO(data))
    return path


def busybox_files():
    names = subprocess.check_output(["/bin/busybox", "--list"], text=True).split()
    return {"bin/busybox": "/bin/busybox", **{f"bin/{name}": ("link", "busybox") for name in names if name != "busybox"}}


def base_images(directory):
    """What every node needs: busybox, and the program that holds a pod's namespaces."""
    return [write_image(directory / "busybox.tar", BUSYBOX, busybox_files(), ["/bin/sh"]),
            write_image(directory / "pause.tar", PAUSE, {"bin/busybox": "/bin/busybox"}, ["/bin/busybox", "sleep", "2147483647"])]
