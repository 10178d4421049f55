# SPDX-License-Identifier: Apache-2.0
"""Long-running programs of a test: a directory of their own, free ports, and an end for each of them by
its id. A program is told by the kernel to end when the thread that started it does (so start them in the
thread that lives longest); directories of runs that were killed are removed by the next one."""
import atexit
import contextlib
import ctypes
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLONE_NEWNET = 0x40000000


def wait_for(what, condition, seconds=30.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise TimeoutError(f"waited {seconds:.0f} s for {what}")


def bin_directory():
    """Where scripts/cluster built the programs; a clear error where it did not."""
    named = os.environ.get("HOLDFAST_CLUSTER_BIN")
    path = pathlib.Path(named or subprocess.check_output([ROOT / "scripts/cluster", "path"], text=True).strip())
    if not (path / "kube-apiserver").exists():
        sys.exit(f"no Kubernetes programs in {path}: run scripts/cluster build first")
    return path


@contextlib.contextmanager
def inside(netns):
    """Sockets made by this thread meanwhile belong to that network namespace (a path; None: no change)."""
    if netns is None:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(path):
        with open(path) as file:
            if libc.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {path}")

    before = f"/proc/self/task/{threading.get_native_id()}/ns/net"
    with open(before) as own:
        enter(netns)
        try:
            yield
        finally:
            if libc.setns(own.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns back")


given_ports = set()


def free_port(netns=None):
    """Below the range from which the kernel gives out ports, so that no connection takes it meanwhile; none twice: whoever
    was given it may not listen yet."""
    with inside(netns):
        while True:
            port = random.randrange(20000, 32000)
            if port in given_ports:
                continue
            given_ports.add(port)
            with socket.socket() as one:
                try:
                    one.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue


class Workspace:
    """A directory and the programs in it, which all go when this process ends, however it ends."""
    PREFIX = "holdfast-cluster-"

    def __init__(self, name="cluster"):
        self.remove_leftovers()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.PREFIX}{os.getpid()}-{name}-"))
        self.programs = []
        self.owner = os.getpid()
        atexit.register(self.remove)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) == signal.SIG_DFL:
                    signal.signal(number, lambda *_: sys.exit(1))

    @classmethod
    def remove_leftovers(cls):
        for path in pathlib.Path(tempfile.gettempdir()).glob(cls.PREFIX + "*"):
            found = re.match(r"(\d+)-", path.name[len(cls.PREFIX):])
            if found and not os.path.exists(f"/proc/{found[1]}"):
                shutil.rmtree(path, ignore_errors=True)

    def program(self, name, command, **options):
        self.programs.append(Program(self.directory, name, command, **options))
        return self.programs[-1]

    def remove(self):
        if os.getpid() != self.owner:  # a forked child that ends must not take the parent's cluster with it
            return
        for program in reversed(self.programs):
            program.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class Program:
    """One program that can be started, stopped and started again; `command` is asked for at each start."""

    def __init__(self, directory, name, command, ready=None, netns=None, grace=10.0):
        self.name, self.command, self.ready, self.netns, self.grace = name, command, ready, netns, grace
        self.log = directory / f"{name}.log"
        self.process = None

    def start(self, wait=True):
        if self.running():
            raise RuntimeError(f"{self.name} runs already")
        enter = ["nsenter", f"--net={self.netns}"] if self.netns else []
        command = ["setpriv", "--pdeathsig", "KILL", *enter, *map(str, self.command())]
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=60.0):
        def condition():
            if not self.running():
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}; the end of its log:\n{self.log_end()}")
            return self.ready is None or self.ready()

        try:
            wait_for(f"{self.name} to be ready", condition, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the end of its log:\n{self.log_end()}") from None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def log_end(self, lines=6):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def signal(self, number):
        self.process.send_signal(number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        """Asks it to end, and after `grace` seconds makes it."""
        if self.running():
            self.resume()
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(self.grace)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait()

    def restart(self, wait=True):
        self.kill()
        return self.start(wait)

    def rss(self):
        """Resident memory in bytes."""
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0
