# SPDX-License-Identifier: Apache-2.0
"""A guest: a Debian kernel under QEMU's software emulation, an initramfs of busybox, the agent and
its libraries, and perhaps a disk. Nothing of the machine is used but files of one directory."""
import ctypes
import gzip
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import time

HERE = pathlib.Path(__file__).parent
PROGRAMS = ("holdfastd", "holdfast", "vm_dial", "vm_writer", "refused_agent")
MODULES = ("virtio_pci", "virtio_blk", "ext4")
CONFIG = """node: {name: guest}
dataplane: {bpffs: /sys/fs/bpf/holdfast}
sources: [{name: file, file: {path: /etc/holdfast/catalog.d}}]
"""


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def service(name, addresses):
    import json
    return (f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\n"
            f"spec:\n  clusterIP: '{addresses[0]}'\n  clusterIPs: {json.dumps(addresses)}\n"
            f"  ipFamilies: {json.dumps(['IPv6' if ':' in one else 'IPv4' for one in addresses])}\n"
            f"  ports: [{{name: http, port: 80, protocol: TCP}}]\n---\n")


def endpoints(name, address):
    family = 6 if ":" in address else 4
    return (f"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
            f"metadata: {{name: {name}-{family}, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}\n"
            f"addressType: IPv{family}\nports: [{{name: http, port: 8080, protocol: TCP}}]\n"
            f"endpoints:\n- addresses: ['{address}']\n  conditions: {{ready: true}}\n---\n")


def catalog(filler):
    """The two services that are dialled, and `filler` more, which make the snapshot longer."""
    text = service("song", ["10.96.0.10", "fd96::10"]) + endpoints("song", "10.77.0.1") + endpoints("song", "fd77::1")
    text += service("void", ["10.96.0.11"])
    for number in range(filler):
        text += service(f"filler-{number}", [f"10.97.{number >> 8}.{number & 255}"])
        text += endpoints(f"filler-{number}", f"10.78.{number >> 8}.{number & 255}")
    return text


def libraries(program):
    found = set()
    for line in run("ldd", program).splitlines():
        match = re.search(r"(/\S+) \(0x", line)
        if match:
            found.add(match[1])
    return found


def copy_programs(root, directory, binaries, names):
    """Programs, the libraries they need, and busybox."""
    wanted = set()
    for name in names:
        shutil.copy(binaries / name, root / directory / name)
        run("strip", root / directory / name)
        wanted |= libraries(binaries / name)
    shutil.copy("/bin/busybox", root / directory / "busybox")
    for path in wanted:
        into = root / path.lstrip("/")
        into.parent.mkdir(parents=True, exist_ok=True)
        into.unlink(missing_ok=True)  # it may be a link, out of `root`
        shutil.copy(os.path.realpath(path), into)


class Image:
    """Kernel and initramfs of one kernel package, unpacked at `package`."""

    def __init__(self, package, binaries, directory, filler=200):
        self.package, self.directory = package, directory
        self.kernel = next((package / "boot").glob("vmlinuz-*"))
        self.release = self.kernel.name.removeprefix("vmlinuz-")
        self.initrd = directory / f"initrd-{self.release}.gz"
        self.root = directory / f"root-{self.release}"
        shutil.rmtree(self.root, ignore_errors=True)
        for part in ("bin", "proc", "sys", "dev", "run", "tmp", "etc/holdfast/catalog.d", "var/lib/holdfast"):
            (self.root / part).mkdir(parents=True)
        copy_programs(self.root, "bin", binaries, PROGRAMS)
        self.fill_modules()
        (self.root / "etc/holdfast/config.yaml").write_text(CONFIG)
        (self.root / "etc/holdfast/catalog.d/catalog.yaml").write_text(catalog(filler))
        shutil.copy(HERE / "common.sh", self.root)
        shutil.copy(HERE / "init.sh", self.root / "init")
        (self.root / "init").chmod(0o755)
        names = run("find", ".", cwd=self.root)
        archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "--owner=0:0"], input=names.encode(), cwd=self.root,
                                 capture_output=True, check=True).stdout
        self.initrd.write_bytes(gzip.compress(archive, 1))
        shutil.rmtree(self.root)

    def fill_modules(self):
        """The few that a disk needs, with what they need: depmod says what that is."""
        version = f"lib/modules/{self.release}"
        if not (self.package / version).exists():  # merged directories
            version = f"usr/{version}"
        for packed in (self.package / version).rglob("*.ko.xz"):
            run("xz", "-d", "-f", packed)
        run("depmod", "-b", (self.package / version).parents[2], self.release)
        needs = {}
        for line in (self.package / version / "modules.dep").read_text().splitlines():
            name, _, rest = line.partition(":")
            needs[pathlib.Path(name).stem.replace("-", "_")] = [name, *rest.split()]
        into = self.root / "lib/modules" / self.release
        # ext4 asks for its checksum by name at the mount, which depmod does not see.
        for module in (*MODULES, "crc32c_generic", "crc32c_intel"):
            for name in needs.get(module, []):  # built in: not there
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.package / version / name, into / name)
        run("depmod", "-b", self.root, self.release)


def make_disk(path, megabytes=32, content=None):
    path.unlink(missing_ok=True)
    empty = path.parent / "empty"
    empty.mkdir(exist_ok=True)
    run("mke2fs", "-q", "-t", "ext4", "-d", content or empty, path, f"{megabytes}M")


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    os.setsid()


class Boot:
    """One run of a guest, bounded in time. `lines()` yields what its console says."""

    def __init__(self, image, mode, disk=None, cpus=2, seconds=400):
        command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,-cx16", "-m", "1024", "-smp", str(cpus), "-display", "none",
                   "-no-reboot", "-nic", "none", "-monitor", "none", "-serial", "stdio", "-kernel", str(image.kernel),
                   "-initrd", str(image.initrd), "-append", f"console=ttyS0 quiet loglevel=1 panic=-1 no_timer_check nowatchdog hf.mode={mode}"]
        if disk:
            command += ["-drive", f"file={disk},if=virtio,format=raw,cache=writeback"]
        # A machine that is busy with other things emulates a slow guest: no timer check, no watchdog.
        self.end = time.monotonic() + seconds
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        preexec_fn=die_with_parent)
        self.log = []

    def lines(self):
        buffer = b""
        fd = self.process.stdout.fileno()
        while True:
            left = self.end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the guest did not end in time")
            if not select.select([fd], [], [], left)[0]:
                continue
            data = os.read(fd, 65536)
            if not data:
                return
            *whole, buffer = (buffer + data).split(b"\n")
            for line in whole:
                text = line.decode(errors="replace").strip("\r\x00 ")
                self.log.append(text)
                yield text

    def cut(self):
        """The power goes: no shutdown, no flush."""
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
        self.process.stdout.close()
