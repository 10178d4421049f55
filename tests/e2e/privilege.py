#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which capabilities holdfastd needs, shown under load: with exactly BPF, NET_ADMIN and PERFMON it loads,
attaches, pins and takes over; without any one of them it is refused, by itself and by the kernel, and
what serves goes on. Then the container image as the chart's pod runs it. One line a case:
`ok privilege:NAME: figures` or `FAIL privilege:NAME: what`. Exit 1 when one failed."""
import pathlib
import re
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lab import Lab, Load, Shop, cases_of, expect, lacks_root, parser, run, run_cases, wait_for  # noqa: E402

TOP = HERE.parents[1]
URL = "http://10.96.0.10/"
NEEDED = ("BPF", "NET_ADMIN", "PERFMON")
# CapEff of /proc/PID/status: bits 12, 38 and 39.
NEEDED_MASK = 1 << 12 | 1 << 38 | 1 << 39


def effective(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return None


class Privilege:
    def __init__(self, lab, bpf_object):
        self.lab, self.host, self.object = lab, lab.a, bpf_object
        self.config = self.host.directory / "config.yaml"

    def confined(self, keep, *command, prefix=(), options=(), **more):
        return self.host.start(*prefix, sys.executable, HERE / "confined.py", *options, "--keep", ",".join(keep), *command, **more)

    def start_daemon(self, keep, *arguments):
        log = open(self.host.directory / "holdfastd.log", "a")
        self.host.daemon = self.confined(keep, self.lab.bin / "holdfastd", "--config", self.config, *arguments, stderr=log)
        wait_for("holdfastd to be ready", self.host.ready)
        expect(effective(self.host.daemon.pid) == sum(1 << bit for bit in self.bits(keep)), "the capabilities are not those asked for")

    @staticmethod
    def bits(keep):
        return [{"NET_ADMIN": 12, "SYS_ADMIN": 21, "PERFMON": 38, "BPF": 39}[name] for name in keep]

    def pins(self):
        """Every pin with its inode: a pin that was removed and made again has another."""
        return {str(path): path.lstat().st_ino for path in self.host.bpffs.rglob("*")}

    def none_lost(self, load):
        count = load.stop()
        expect(count["requests"] > 100, f"only {count['requests']} requests: no load, no proof")
        expect(count["failed"] == 0 and count["wrong"] == 0, str(count))
        return f"{3 * count['requests']} connects, 0 failed"

    # --- cases ---------------------------------------------------------------------------------------
    def case_1_exactly_three_load_attach_and_pin(self):
        self.start_daemon(NEEDED)
        programs = self.host.json("status")["programs"]
        expect(programs["attached"], str(programs))
        return f"{len(self.pins())} pins, " + self.none_lost(self.some_load())

    def case_1_maps_cost_what_the_manual_says(self):
        """Of the smallest capacity, as the kernel accounts for it; and the chart's limit holds it twice, with the daemon."""
        sizes = {}
        for path in pathlib.Path(f"/proc/{self.host.daemon.pid}/fdinfo").iterdir():
            text = path.read_text()
            if "map_id" in text:
                sizes[re.search(r"map_id:\s*(\d+)", text)[1]] = int(re.search(r"memlock:\s*(\d+)", text)[1])
        measured = sum(sizes.values())
        manual = (TOP / "docs/deploy.md").read_text()
        endpoint, service = re.search(r"maps: (\d+) bytes for each endpoint and ([0-9.]+) KiB for each service", manual).groups()
        said = int(endpoint) * 65536 + float(service) * 1024 * 4096
        expect(0.75 < measured / said < 1.25, f"{measured} bytes, the manual says {said:.0f}")
        limit = int(re.search(r"limits:\n +memory: (\d+)Mi", (TOP / "deploy/kubernetes/holdfast.yaml").read_text())[1])
        expect(2 * measured + (32 << 20) < limit << 20, f"{measured} bytes of maps, limit {limit} MiB")
        return f"{measured / 2**20:.1f} MiB in {len(sizes)} maps, the manual says {said / 2**20:.1f}"

    def some_load(self):
        load = Load(self.host, URL)
        wait_for("100 pages", lambda: load.count()["requests"] > 100)
        return load

    def case_2_exactly_three_take_over(self):
        load = self.some_load()
        for how in (signal.SIGKILL, signal.SIGTERM) * 3:
            before = self.pins()
            self.host.stop_daemon(how)
            self.start_daemon(NEEDED)
            links = {path for path in before if "/links/" in path}
            expect(links and all(self.pins().get(path) == before[path] for path in links), "links were made anew, not switched")
        expect(self.host.cli("diff")[0] == 0, "desired and maps differ")
        return self.none_lost(load) + " over 6 restarts"

    def refused(self, keep):
        missing = "CAP_" + next(name for name in NEEDED if name not in keep)
        process = self.confined(keep, self.lab.bin / "holdfastd", "--config", self.config, stderr=subprocess.PIPE, text=True)
        _, err = process.communicate(timeout=20)
        expect(process.returncode == 1 and missing in err, f"exit {process.returncode}: {err}")

    def without(self, name):
        load, before = self.some_load(), self.pins()
        self.host.stop_daemon()
        self.refused([one for one in NEEDED if one != name])
        expect(self.pins() == before, "the refused daemon changed pins")
        figures = self.none_lost(load)
        self.start_daemon(NEEDED)
        return f"refused by name; {figures}, pins untouched"

    def case_3_without_bpf(self):
        return self.without("BPF")

    def case_3_without_net_admin(self):
        return self.without("NET_ADMIN")

    def case_3_without_perfmon(self):
        return self.without("PERFMON")

    def kernel_loads(self, keep):
        """The same object by bpftool, so that the kernel decides and not holdfastd's own check."""
        into = self.lab.bpffs / "bpftool"
        process = self.confined(keep, "/usr/sbin/bpftool", "prog", "loadall", self.object, into, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = process.communicate(timeout=30)
        loaded = process.returncode == 0
        for path in into.glob("*"):
            path.unlink()
        if into.exists():
            into.rmdir()
        return loaded, out + err

    def case_4_the_kernel_says_the_same(self):
        loaded, text = self.kernel_loads(NEEDED)
        expect(loaded, f"with all three: {text}")
        for name in NEEDED:
            loaded, text = self.kernel_loads([one for one in NEEDED if one != name])
            expect(not loaded, f"without {name} the kernel loads the programs: it is not needed")
        return "bpftool loads the object with the three, and not without any one"

    def case_5_mount_bpffs(self):
        directory = self.host.directory / "no-bpffs"
        directory.mkdir()
        command = [self.lab.bin / "holdfastd", "--mount-bpffs", "--bpffs", directory / "holdfast"]
        both = 'shift; "$@" && "$@" && stat -f -c %T "$(dirname "${!#}")"'
        done = self.host.run("unshare", "--mount", "--propagation", "private", "bash", "-c", both, "bash", "x", *command)
        expect(done[0] == 0 and done[1].splitlines() == [f"mounted bpffs for {directory}/holdfast", f"bpffs is there for {directory}/holdfast", "bpf_fs"], str(done))
        process = self.confined(NEEDED, *command, stderr=subprocess.PIPE, text=True)
        _, err = process.communicate(timeout=10)
        expect(process.returncode == 1 and "mount bpffs" in err and "not permitted" in err, f"exit {process.returncode}: {err}")
        return "mounts once, says when it is there, and says what it may not"

    def case_6_image_as_the_chart_runs_it(self):
        """Read-only root, the chart's mounts and paths, cgroup: auto."""
        root, inside = self.lab.directory / "image", self.lab.directory / "etc"
        run(sys.executable, str(TOP / "deploy/container/image.py"), "--bin", str(self.lab.bin), "--version", "test", "--root", str(root))
        inside.mkdir()
        (inside / "catalog.d").mkdir()
        (inside / "config.yaml").write_text("dataplane: {cgroup: auto, bpffs: /sys/fs/bpf/a}\nstate_dir: /var/lib/holdfast\n"
                                            "admin: {socket: /run/holdfast/admin.sock, listen: '127.0.0.1:9464'}\n"
                                            "sources: [{name: file, file: {path: /etc/holdfast/catalog.d}}]\n")
        binds = [f"{inside}=/etc/holdfast:ro", f"{self.host.catalog}=/etc/holdfast/catalog.d:ro", f"{self.lab.bpffs}=/sys/fs/bpf",
                 f"{self.host.cgroup}=/sys/fs/cgroup:ro", f"{self.host.directory}/state=/var/lib/holdfast", f"{self.host.directory}=/run/holdfast"]
        load = self.some_load()
        self.host.stop_daemon()
        log = open(self.host.directory / "holdfastd.log", "a")
        self.host.daemon = self.confined(NEEDED, "/usr/bin/holdfastd", prefix=("unshare", "--mount", "--propagation", "private"),
                                         options=("--root", root, *[part for bind in binds for part in ("--bind", bind)]), stderr=log)
        wait_for("the image's holdfastd to be ready", self.host.ready)
        expect(effective(self.host.daemon.pid) == NEEDED_MASK, "capabilities")
        code, out, _ = self.host.run("curl", "-s", "-m", "2", "-w", "%{http_code}", "http://127.0.0.1:9464/readyz")
        expect(code == 0 and out.endswith("200"), f"readyz: {out}")
        self.host.stop_daemon()
        figures = self.none_lost(load)
        self.start_daemon(NEEDED)
        return f"took over from the one before, ready; {figures}"

    def case_7_sabotage_uninstalled(self):
        """The pages came through the programs: without them there are none. No capability removes them."""
        self.host.stop_daemon()
        process = self.confined([], self.lab.bin / "holdfast", "uninstall", "--bpffs", self.host.bpffs,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        _, err = process.communicate(timeout=20)
        expect(process.returncode == 0 and not self.host.bpffs.exists(), f"uninstall: exit {process.returncode}: {err}")
        code, _, _ = self.host.run("curl", "-s", "-m", "1", "-o", "/dev/null", URL)
        expect(code != 0, "a page without any program: not ours to count")
        return "uninstalled without any capability; no page without the programs"


def main():
    options = parser(__doc__).parse_args()
    if lacks_root("privilege"):
        return 0
    lab = Lab(options.bin)
    shop = Shop(lab)
    shop.publish()
    lab.b.start_daemon()  # its song calls artist and image by their service addresses too
    lab.a.write_config()
    privilege = Privilege(lab, lab.bin.parent / "bpf/tcp.bpf.o")
    failed = run_cases("privilege", cases_of(privilege, options.only), lab.a)
    lab.remove()
    return failed


if __name__ == "__main__":
    sys.exit(main())
