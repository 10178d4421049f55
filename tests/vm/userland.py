# SPDX-License-Identifier: Apache-2.0
"""A root file system in which Debian's systemd runs the unit as it is shipped, for a guest's disk."""
import pathlib
import shutil

from guest import CONFIG, HERE, catalog, copy_programs, make_disk, run

TOP = HERE.parents[1]
PROGRAMS = ("holdfastd", "holdfast", "vm_dial")
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\nsystemd-journal:x:101:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/machine-id": "6f8c2f1be0a54d2f8f1d2f0c9a7b5e31\n",
    "etc/hostname": "guest\n",
    "etc/fstab": "/dev/vda / ext4 defaults 0 0\n",
    # Who waits for it on a real node. Starts as soon as the unit's ordering lets it.
    "etc/systemd/system/kubelet.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/busybox true\n",
    "etc/systemd/system/checks.service":
        "[Unit]\nAfter=kubelet.service\n[Service]\nExecStart=/usr/bin/busybox sh /checks/unit.sh\n"
        "StandardOutput=tty\nStandardError=tty\nTTYPath=/dev/console\nKillMode=process\n",
}
# Of no use here, and slow to emulate or without their programs.
MASKED = ("getty.target", "serial-getty@ttyS0.service", "systemd-logind.service", "systemd-udevd.service", "systemd-udev-trigger.service",
          "systemd-networkd.service", "systemd-timesyncd.service", "systemd-tmpfiles-clean.timer", "dbus.socket", "dbus.service",
          "systemd-pstore.service", "proc-sys-fs-binfmt_misc.automount", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service")
# What is behind the services, there before anybody asks: a held endpoint that refuses is dead.
SERVER = "[Unit]\nBefore=holdfastd.service\n[Service]\nExecStart=/usr/bin/vm_dial serve {} 8080 {}\n"
SERVERS = {"song4.service": SERVER.format("10.77.0.1", "song4"), "song6.service": SERVER.format("fd77::1", "song6")}
WANTED = ("holdfastd.service", "kubelet.service", "checks.service", *SERVERS)


def make_root(root, packages, binaries):
    shutil.copytree(packages, root, symlinks=True)
    for directory in ("proc", "sys", "dev", "run", "tmp", "root", "checks/bin", "var/lib", "etc/holdfast", "etc/systemd/system"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    copy_programs(root, "usr/bin", binaries, PROGRAMS)
    # Beside, not in place of what Debian has.
    for applet in run("/bin/busybox", "--list").split():
        (root / "checks/bin" / applet).symlink_to("/usr/bin/busybox")
    for name in ("common.sh", "unit.sh"):
        shutil.copy(HERE / name, root / "checks")
    for name, text in FILES.items():
        (root / name).write_text(text)
    (root / "etc/holdfast/config.yaml").write_text(CONFIG)
    (root / "etc/holdfast/later.d").mkdir()
    (root / "etc/holdfast/later.d/catalog.yaml").write_text(catalog(filler=200))
    enable(root / "etc/systemd/system")


def enable(units):
    shutil.copy(TOP / "deploy/systemd/holdfastd.service", units)
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    for name, text in SERVERS.items():
        (units / name).write_text(text)
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    for name in WANTED:
        (wants / name).symlink_to(units.relative_to(units.parents[2]) / name)
    for name in MASKED:
        (units / name).symlink_to("/dev/null")


def make_unit_disk(path, packages, binaries):
    root = pathlib.Path(path).parent / "unit-root"
    make_root(root, packages, binaries)
    used = int(run("du", "-sm", root).split()[0])
    make_disk(path, used + 64, root)
    shutil.rmtree(root)
