#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program as a container runtime would: uid 0, every capability but the named ones dropped from
the bounding set, no new privileges; with --root inside a root file system that is made read-only first.

    confined.py [--root DIR [--bind FROM=TO[:ro]]...] --keep BPF,NET_ADMIN,... PROGRAM [ARGUMENT...]

With --root it wants a mount namespace of its own (unshare --mount --propagation private)."""
import argparse
import ctypes
import os
import subprocess
import sys

# include/uapi/linux/capability.h and prctl.h
CAPABILITIES = {"NET_ADMIN": 12, "SYS_ADMIN": 21, "PERFMON": 38, "BPF": 39}
PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 23, 24, 38


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def enter_root(root, binds):
    mount("--bind", root, root)
    mount("-o", "remount,bind,ro", root)
    mount("-t", "sysfs", "-o", "ro", "sysfs", root + "/sys")  # as runtimes do; it has the kernel's BTF
    mount("-t", "proc", "proc", root + "/proc")
    for bind in binds:
        source, target = bind.removesuffix(":ro").split("=", 1)
        mount("--bind", source, root + target)
        if bind.endswith(":ro"):
            mount("-o", "remount,bind,ro", root + target)
    os.chroot(root)
    os.chdir("/")


def drop_all_but(kept):
    libc = ctypes.CDLL(None, use_errno=True)
    number = 0
    while libc.prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0:  # EINVAL after the kernel's last one
        if number not in kept and libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            sys.exit(f"drop capability {number}: {os.strerror(ctypes.get_errno())}")
        number += 1
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        sys.exit("no new privileges: refused")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root")
    parser.add_argument("--bind", action="append", default=[])
    parser.add_argument("--keep", required=True)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    kept = {CAPABILITIES[name] for name in options.keep.split(",") if name}
    if options.root:
        enter_root(options.root, options.bind)
    drop_all_but(kept)
    # The kernel computes a root process's capabilities anew at exec: the bounding set is what is left.
    os.execv(options.command[0], options.command)


if __name__ == "__main__":
    main()
