# SPDX-License-Identifier: Apache-2.0
"""How long maps took to switch: by the daemon's own histogram, and seen from outside in the maps."""
import ctypes
import mmap
import os
import re
import threading
import time

NAME = "holdfast_switch_duration_seconds"
POOL_BYTES = 16  # struct hf_pool: word, policy


def switches(before, after):
    """Of the answers between two metrics pages: how many, the mean, and the bounds of the buckets in which p50, p99 and
    the longest are."""
    def read(page):
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in page.splitlines() if line.startswith(NAME))}

    first, last = read(before), read(after)
    gained = {name: value - first.get(name, 0.0) for name, value in last.items()}
    count = gained[NAME + "_count"]
    buckets = sorted((float(re.search(r'le="([^"]+)"', name)[1]), value) for name, value in gained.items() if "_bucket" in name)

    def within(number):
        return next(bound for bound, value in buckets if value >= number) * 1e3
    return {"count": count, "mean_ms": gained[NAME + "_sum"] / max(count, 1) * 1e3,
            "p50_within_ms": within(0.5 * count), "p99_within_ms": within(0.99 * count), "max_within_ms": within(count)}


class PoolWatch:
    """Sees when the word of a pool is another one, from outside: the map itself, mapped by its pin."""

    def __init__(self, bpffs):
        libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
        self.fd = libbpf.bpf_obj_get(os.fsencode(bpffs / "current" / "pools"))
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), f"{bpffs}/current/pools")
        entries = next(int(line.split()[1]) for line in open(f"/proc/self/fdinfo/{self.fd}") if line.startswith("max_entries"))
        length = -(-entries * POOL_BYTES // mmap.PAGESIZE) * mmap.PAGESIZE
        self.map = mmap.mmap(self.fd, length, mmap.MAP_SHARED, mmap.PROT_READ)
        self.pool, self.word, self.seen, self.told = 0, b"", 0, threading.Event()
        self.wanted = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def read(self, pool):
        return self.map[pool * POOL_BYTES:pool * POOL_BYTES + 8]

    def run(self):
        while True:
            self.wanted.wait()
            while self.read(self.pool) == self.word:
                time.sleep(0.0002)
            self.seen = time.monotonic_ns()
            self.wanted.clear()
            self.told.set()

    def expect(self, pool):
        self.pool, self.word = pool, self.read(pool)
        self.told.clear()
        self.wanted.set()

    def wait(self, seconds=60):
        """When the word changed, by CLOCK_MONOTONIC."""
        if not self.told.wait(seconds):
            raise TimeoutError(f"the word of pool {self.pool} did not change in {seconds} s")
        return self.seen
