#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that includes between the folders of agent/ point one way, and that libraries stay where
they belong. One row per folder: what it may include, beside itself and include/holdfast/abi/."""
import pathlib
import re
import sys

ALLOWED = {
    "base": [],
    "model": ["base"],
    "sources": ["base", "model"],
    "sources/kubernetes": ["base", "model", "sources"],
    "guard": ["base", "model", "sources"],
    "config": ["base", "model", "sources", "guard"],
    "sources/kubernetes/api": ["base", "model", "sources", "sources/kubernetes", "config", "net"],
    "sources/file": ["base", "model", "sources", "sources/kubernetes", "config"],
    "catalog": ["base", "model", "guard"],
    "dataplane": ["base", "model"],
    "plan": ["base", "model", "catalog", "dataplane"],
    "reconcile": ["base", "model", "catalog", "dataplane", "plan"],
    "snapshot": ["base", "model", "catalog", "guard"],
    "host": [],
    "dataplane/kernel": ["base", "model", "dataplane", "host"],
    "admin": ["base"],
    "health": ["base", "model", "sources", "guard"],
    "net": ["base"],
    "telemetry": [],
    "app": ["base", "model", "sources", "sources/kubernetes", "sources/kubernetes/api",
            "sources/file", "guard", "config", "catalog", "dataplane", "dataplane/kernel", "plan",
            "reconcile", "snapshot", "health", "admin", "telemetry"],
    "daemon": ["base", "config", "dataplane/kernel", "app"],
    "cli": ["base", "model", "sources", "sources/kubernetes", "sources/file", "guard", "config",
            "catalog", "dataplane", "dataplane/kernel", "plan", "snapshot", "admin", "host"],
}

# A library's headers -> the only folders that may include them.
LIBRARIES = {
    r"<(bpf|linux/bpf)[/.]": ["dataplane/kernel"],
    r'"[a-z_]+\.skel\.h"': ["dataplane/kernel"],
    r"<yaml-cpp/": ["sources"],
    r"<boost/asio": ["sources/file", "sources/kubernetes/api", "health", "admin", "net", "app", "daemon"],
    r"<boost/beast": ["admin", "net"],
    r"<spdlog/": ["app"],
    r"<prometheus/": ["telemetry"],
    r"<openssl/": ["snapshot", "net"],
    r"<CLI/": ["cli", "daemon"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<][^">]+[">])', re.MULTILINE)


def folder_of(path):
    """The longest row that `path` (relative to agent/) lies in."""
    parent = path.parent.as_posix()
    return parent if parent in ALLOWED else None


def check(root):
    problems = []
    for source in sorted((root / "agent").rglob("*")):
        if source.suffix not in (".h", ".cpp"):
            continue
        relative = source.relative_to(root / "agent")
        folder = folder_of(relative)
        if folder is None:
            problems.append(f"agent/{relative}: no row for its folder")
            continue
        for include in INCLUDE.findall(source.read_text()):
            name = include[1:-1]
            if name.startswith("agent/"):
                target = pathlib.PurePosixPath(name[len("agent/"):]).parent.as_posix()
                if target != folder and target not in ALLOWED[folder]:
                    problems.append(f"agent/{relative}: {folder} may not include {name}")
            for pattern, folders in LIBRARIES.items():
                if re.match(pattern, include) and folder not in folders:
                    problems.append(f"agent/{relative}: {include} belongs to {', '.join(folders)}")
    return problems


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
    problems = check(root)
    print("\n".join(problems) or f"layers: {len(ALLOWED)} folders, every include points one way")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
