# SPDX-License-Identifier: Apache-2.0
"""Control planes with many seeded services, each size seeded once: etcd's snapshot is kept outside the tree, and
restored the next time. Removing the cache is always safe. `python3 tests/cluster/seeded.py 1000x10` fills it."""
import os
import pathlib
import shutil
import sys

from cluster import ControlPlane


def cache_directory():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "holdfast" / "seeds"


def snapshot_of(plane, services, endpoints):
    """Named by what made it: another seed program or API server seeds anew."""
    made_by = "-".join((plane.bin / name).resolve().name.rsplit("-", 1)[-1] for name in ("seed", "kube-apiserver"))
    return cache_directory() / f"{services}x{endpoints}-{made_by}.db"


def start_seeded(services, endpoints, **options):
    """A started ControlPlane with svc-000000 ... as cmd/seed makes them, and nothing else."""
    plane = ControlPlane(**options)
    kept = snapshot_of(plane, services, endpoints)
    if kept.exists():
        plane.etcdsnap("restore", kept, plane.data, plane.peer_url())
        return plane.start()
    plane.start()
    plane.seed(services, endpoints)
    kept.parent.mkdir(parents=True, exist_ok=True)
    new = kept.with_suffix(f".{os.getpid()}")
    shutil.copyfile(plane.save_snapshot(), new)
    new.replace(kept)
    return plane


def main():
    for size in sys.argv[1:]:
        plane = start_seeded(*map(int, size.split("x")))
        print(snapshot_of(plane, *map(int, size.split("x"))), flush=True)
        plane.remove()


if __name__ == "__main__":
    main()
