# SPDX-License-Identifier: Apache-2.0
"""A laboratory of two hosts: a network namespace and a cgroup each, joined by veth, with a holdfastd
each. Everything carries this process's id, and goes when it ends, however it ends; what a killed
earlier run left is removed at the start. Only processes started here are ended, by id."""
import argparse
import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
SHOP = HERE / "shop"


class Failed(Exception):
    """What a case expected did not hold."""


def expect(holds, what):
    if not holds:
        raise Failed(what)


def parser(description, only=True):
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--bin", required=True)
    if only:
        result.add_argument("--only", default="", help="only cases whose name contains this")
    return result


def lacks_root(label):
    if os.geteuid() == 0:
        return False
    print(f"skip {label}: needs root, for network namespaces and BPF")
    return True


def cases_of(thing, only=""):
    """Its methods case_NAME or case_<number>_NAME, in their order."""
    named = [(re.sub(r"^case_(\d+_)?", "", name), getattr(thing, name)) for name in sorted(dir(thing)) if name.startswith("case_")]
    return [(name, case) for name, case in named if only in name]


def run_cases(label, cases, host=None, mend=None, after=None):
    """Says `ok LABEL:NAME: figures` or `FAIL LABEL:NAME: what` and, of a failure, the end of the host's log. `mend` gets
    the error and restores what the next case starts from; what it raises ends the run. Returns the exit code."""
    failed = 0
    for name, case in cases:
        try:
            print(f"ok {label}:{name}: {case()}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAIL {label}:{name}: {type(error).__name__}: {error}", flush=True)
            log = host and host.directory / "holdfastd.log"
            if log and log.exists():
                print(log.read_text()[-2000:], flush=True)
            try:
                if mend:
                    mend(error)
            except Exception as again:
                print(f"   and could not be restored: {again}", flush=True)
                break
        if after:
            after()
    return 1 if failed else 0


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True)


def cgroup2_root():
    for line in open("/proc/self/mounts"):
        _, path, kind, *_ = line.split()
        if kind == "cgroup2":
            return pathlib.Path(path)
    sys.exit("no cgroup2 is mounted on this machine")


def wait_for(what, condition, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise TimeoutError(f"waited {seconds:.0f} s for {what}")


def unmount_below(directory):
    """Everything that was mounted there, the last first."""
    paths = [line.split()[1] for line in open("/proc/self/mounts")]
    for path in reversed([one for one in paths if one.startswith(f"{directory}/")]):
        run("umount", path, check=False)


class Host:
    """One host: `index` 1 or 2; pods at 10.77.<index>.x and fd77:<index>::x."""

    def __init__(self, lab, name, index):
        self.lab, self.name, self.index = lab, name, index
        self.netns = f"hf{os.getpid()}{name}"
        self.cgroup = lab.cgroup / name
        self.directory = lab.directory / name
        self.bpffs = lab.bpffs / name
        self.catalog = self.directory / "catalog.d"
        self.daemon = None
        self.guard = True
        self.probes = True
        self.program = "holdfastd"
        self.extra_config = ""
        self.source_name = "file"
        self.extra_guard = ""

    def create(self):
        self.catalog.mkdir(parents=True)
        self.cgroup.mkdir()
        run("ip", "netns", "add", self.netns)
        run("ip", "-n", self.netns, "link", "set", "lo", "up")

    def cable(self, peer):
        veth = f"hfv{os.getpid() % 100000}{self.name}"
        if self.index == 1:
            other = f"hfv{os.getpid() % 100000}{peer.name}"
            run("ip", "link", "add", veth, "netns", self.netns, "type", "veth", "peer", "name", other, "netns", peer.netns)
        run("ip", "-n", self.netns, "addr", "add", f"10.77.0.{self.index}/24", "dev", veth)
        run("ip", "-n", self.netns, "addr", "add", f"fd77::{self.index}/64", "dev", veth, "nodad")
        run("ip", "-n", self.netns, "link", "set", veth, "up")
        return veth

    def route(self, peer):
        run("ip", "-n", self.netns, "route", "add", f"10.77.{peer.index}.0/24", "via", f"10.77.0.{peer.index}")
        run("ip", "-n", self.netns, "-6", "route", "add", f"fd77:{peer.index}::/64", "via", f"fd77::{peer.index}")

    def add_address(self, address):
        length = 128 if ":" in address else 32
        run("ip", "-n", self.netns, "addr", "replace", f"{address}/{length}", "dev", "lo", *(["nodad"] if ":" in address else []))

    def start(self, *command, **options):
        """Starts a process inside this host: its cgroup is entered before the program runs. Not by
        `ip netns exec`, which mounts a new /sys, and so hides the cgroups."""
        procs = str(self.cgroup / "cgroup.procs")

        def enter():
            with open(procs, "w") as file:
                file.write(str(os.getpid()))

        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.netns}", *map(str, command)], preexec_fn=enter, **options)
        self.lab.processes.append(process)
        return process

    def run(self, *command, timeout=20):
        process = self.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = process.communicate(timeout=timeout)
        return process.returncode, out, err

    # --- holdfastd -------------------------------------------------------------------------------
    def write_config(self):
        text = (f"node: {{name: host-{self.name}}}\n"
                f"dataplane: {{cgroup: {self.cgroup}, bpffs: {self.bpffs}{self.extra_config}}}\n"
                f"state_dir: {self.directory}/state\n"
                f"admin: {{socket: {self.directory}/admin.sock, listen: '127.0.0.1:9464'}}\n"
                f"guard: {{enabled: {json.dumps(self.guard)}, probe: {{enabled: {json.dumps(self.probes)}}}{self.extra_guard}}}\n"
                f"sources: [{{name: {self.source_name}, file: {{path: {self.catalog}}}}}]\n")
        (self.directory / "config.yaml").write_text(text)

    def start_daemon(self, wait=True):
        self.write_config()
        log = open(self.directory / "holdfastd.log", "a")
        self.daemon = self.start(self.lab.bin / self.program, "--config", self.directory / "config.yaml", stderr=log)
        if wait:
            wait_for(f"holdfastd of host {self.name} to be ready", self.ready)
        return self.daemon

    def ready(self):
        return self.cli("status", "-o", "json")[0] == 0

    def stop_daemon(self, how=signal.SIGTERM):
        self.daemon.send_signal(how)
        return self.daemon.wait(10)

    def cli(self, *arguments):
        command = [self.lab.bin / "holdfast", "--config", self.directory / "config.yaml", *arguments]
        done = run(*map(str, command), check=False)
        return done.returncode, done.stdout, done.stderr

    def json(self, *arguments):
        code, out, err = self.cli(*arguments, "-o", "json")
        if not out:
            raise RuntimeError(f"holdfast {' '.join(arguments)}: exit {code}: {err.strip()}")
        return json.loads(out)

    def endpoints(self, service):
        for row in self.json("service", "list"):
            if row["name"] == service:
                return [f"{one['address']}:{one['port']}" for one in row["endpoints"]]
        return None

    def write_catalog(self, text, name="catalog.yaml"):
        """As kubectl and editors do: beside, then renamed."""
        (self.catalog / (name + ".new")).write_text(text)
        os.rename(self.catalog / (name + ".new"), self.catalog / name)


class Lab:
    PREFIX = "holdfast-lab-"

    def __init__(self, bin_directory, keep=False):
        self.bin = pathlib.Path(bin_directory).resolve()
        self.keep = keep
        self.processes = []
        self.removed = False
        root = cgroup2_root()
        self.remove_leftovers(root)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.PREFIX}{os.getpid()}-"))
        self.cgroup = root / f"{self.PREFIX}{os.getpid()}"
        self.bpffs = self.directory / "bpf"
        atexit.register(self.remove)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(1))
        self.cgroup.mkdir()
        self.bpffs.mkdir()
        run("mount", "-t", "bpf", "bpf", str(self.bpffs))
        self.hosts = self.make_hosts()

    def make_hosts(self):
        """Two, joined by a cable."""
        self.a, self.b = Host(self, "a", 1), Host(self, "b", 2)
        for host in (self.a, self.b):
            host.create()
        for host, peer in ((self.a, self.b), (self.b, self.a)):
            host.cable(peer)
        for host, peer in ((self.a, self.b), (self.b, self.a)):
            host.route(peer)
        return self.a, self.b

    @classmethod
    def remove_leftovers(cls, root):
        """Of runs whose process is gone (killed by SIGKILL)."""
        def alive(pid):
            return os.path.exists(f"/proc/{pid}")

        for path in root.glob(cls.PREFIX + "*"):
            pid = path.name[len(cls.PREFIX):]
            if alive(pid):
                continue
            for procs in path.glob("*/cgroup.procs"):
                for member in procs.read_text().split():
                    os.kill(int(member), signal.SIGKILL)
            time.sleep(0.2)
            for part in [*path.glob("*/"), path]:
                if part.is_dir():
                    part.rmdir()
        for line in run("ip", "netns", "list", check=False).stdout.splitlines():
            found = re.match(r"hf(\d+)[ab]\b", line)
            if found and not alive(found[1]):
                run("ip", "netns", "del", line.split()[0], check=False)
        for path in pathlib.Path(tempfile.gettempdir()).glob(cls.PREFIX + "*"):
            if not alive(path.name[len(cls.PREFIX):].split("-")[0]):
                unmount_below(path)
                shutil.rmtree(path, ignore_errors=True)

    def remove(self):
        if self.removed or self.keep:
            return
        self.removed = True
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for process in self.processes:
            process.wait()
        for host in self.hosts:
            run(str(self.bin / "holdfast"), "uninstall", "--bpffs", str(host.bpffs), check=False)
            run("ip", "netns", "del", host.netns, check=False)
        unmount_below(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        for path in (*(host.cgroup for host in self.hosts), self.cgroup):
            for _ in range(50):
                try:
                    path.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.05)


# --- the catalog: standard Kubernetes objects ---------------------------------------------------------
def service_yaml(name, cluster_ips, port=80):
    return (f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\n"
            f"spec:\n  clusterIP: '{cluster_ips[0]}'\n  clusterIPs: {json.dumps(cluster_ips)}\n"
            f"  ports: [{{name: http, port: {port}, protocol: TCP}}]\n")


def slice_yaml(service, family, port, endpoints):
    """endpoints: (address, node, uid), uid a real UUID or any text."""
    rows = "".join(f"- addresses: ['{address}']\n  nodeName: {node}\n  conditions: {{ready: true, serving: true, terminating: false}}\n"
                   f"  targetRef: {{kind: Pod, name: {service}-{uid}, uid: {uid}}}\n" for address, node, uid in endpoints)
    return (f"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
            f"metadata: {{name: {service}-v{family}, namespace: default, labels: {{kubernetes.io/service-name: {service}}}}}\n"
            f"addressType: IPv{family}\nports: [{{name: http, port: {port}, protocol: TCP}}]\n"
            f"endpoints:{' []' if not rows else ''}\n{rows}")


class Shop:
    """song, artist and image, with a first instance of each on both hosts, IPv4 and IPv6."""
    ROLES = {"song": ["10.96.0.10", "fd96::10"], "artist": ["10.96.0.11", "fd96::11"], "image": ["10.96.0.12", "fd96::12"]}
    PORT = 8080

    def __init__(self, lab):
        self.lab = lab
        self.instances = {}  # name -> (role, host, address4, address6)
        for number, role in enumerate(self.ROLES):
            for host in (lab.a, lab.b):
                self.start(f"{role}-{host.name}1", role, host, 11 + 10 * number)

    def start(self, name, role, host, last):
        v4, v6 = f"10.77.{host.index}.{last}", f"fd77:{host.index}::{last:x}"
        upstreams = [f"http://{self.ROLES[part][0]}/" for part in ("artist", "image")] if role == "song" else []
        for address in (v4, v6):
            host.add_address(address)
            host.start(sys.executable, SHOP / "service.py", role, name, address, self.PORT, *upstreams)
        for address in (v4, v6):
            url = f"http://[{address}]:{self.PORT}/" if ":" in address else f"http://{address}:{self.PORT}/"
            wait_for(f"{name} to listen", lambda url=url: host.run("curl", "-s", "-m", "1", "-o", "/dev/null", url)[0] == 0)
        self.instances[name] = (role, host, v4, v6)

    def catalog(self, without=()):
        parts = []
        for role, addresses in self.ROLES.items():
            parts.append(service_yaml(role, addresses))
            members = [(name, *rest) for name, (owner, *rest) in self.instances.items() if owner == role and name not in without]
            for family, at in ((4, 2), (6, 3)):
                parts.append(slice_yaml(role, family, self.PORT, [(one[at], f"host-{one[1].name}", f"uid-{one[0]}") for one in members]))
        return "---\n".join(parts)

    def publish(self, without=()):
        for host in (self.lab.a, self.lab.b):
            host.write_catalog(self.catalog(without))


class Load:
    """A client on a host that fetches pages until it is stopped."""

    def __init__(self, host, url, role="song"):
        self.status = host.directory / f"client-{time.monotonic_ns()}.json"
        self.process = host.start(sys.executable, SHOP / "client.py", url, role, self.status, stdout=subprocess.PIPE, text=True)
        wait_for("the client's first pages", self.status.exists)

    def count(self):
        return json.loads(self.status.read_text())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=20)
        return json.loads(out)
