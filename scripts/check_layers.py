#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that includes between the folders of agent/ point one way, and that libraries stay where they belong. The one
graph is agent/CMakeLists.txt: a folder may include what its row names, and a row may name rows above it only, so that
there are no cycles. And that no two types of a namespace have one name. Usage: check_layers.py [--page]  (--page writes the graph into ARCHITECTURE.md)"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[1]
# A header -> the target that a folder must name to include it. fmt is everybody's.
LIBRARIES = {
    r"<(bpf|linux/bpf)[/.]": "PkgConfig::BPF",
    r"<sys/capability": "PkgConfig::CAP",
    r"<yaml-cpp/": "yaml-cpp::yaml-cpp",
    r"<boost/(asio|beast)": "holdfast_boost",
    r"<boost/json": "Boost::json",
    r"<boost/url": "Boost::url",
    r"<spdlog/": "spdlog::spdlog",
    r"<prometheus/": "PkgConfig::PROMETHEUS",
    r"<openssl/": "OpenSSL::",
    r"<zlib": "ZLIB::ZLIB",
    r"<CLI/": "CLI11::CLI11",
}
SKELETON = re.compile(r'"([a-z_]+)\.skel\.h"')
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<][^">]+[">])', re.MULTILINE)
ROW = re.compile(r"^layer\(([\w/]+)(?:\s+ON\s+(.*?))?(?:\s+DEPS\s+(.*?))?\)", re.MULTILINE | re.DOTALL)
TYPE = re.compile(r"^(?:class|struct|enum class) ([A-Z]\w*)(?: [^;\n]*)?$", re.MULTILINE)
BEGIN, END = "<!-- layers: by scripts/check_layers.py --page -->\n", "<!-- layers end -->\n"


def read_rows():
    """folder -> (the folders it may include, the libraries), in the order of the file."""
    text = re.sub(r"#.*", "", (ROOT / "agent/CMakeLists.txt").read_text())
    return {name: (folders.split(), libraries.split()) for name, folders, libraries in ROW.findall(text)}


def order_problems(graph):
    above, problems = set(), []
    for folder, named in graph.items():
        problems += [f"agent/CMakeLists.txt: {folder} names {one}, whose row is not above it" for one in named if one not in above]
        above.add(folder)
    return problems


def missing_for(include, named):
    """The library that the row of a folder which includes this must name, and does not."""
    if skeleton := SKELETON.fullmatch(include):
        target = skeleton[1] + "_skel"
        return None if target in named else target
    for pattern, target in LIBRARIES.items():
        if re.match(pattern, include) and not any(one.startswith(target) for one in named):
            return target
    return None


def include_problems(rows):
    problems = []
    for source in sorted((ROOT / "agent").rglob("*.*")):
        if source.suffix not in {".h", ".cpp"}:
            continue
        relative = source.relative_to(ROOT / "agent")
        folder = relative.parent.as_posix()
        if folder not in rows:
            problems.append(f"agent/{relative}: no row for its folder")
            continue
        for include in INCLUDE.findall(source.read_text()):
            name = include[1:-1]
            if name.startswith("agent/"):
                target = pathlib.PurePosixPath(name[len("agent/"):]).parent.as_posix()
                if target not in {folder, "base", *rows[folder][0]}:
                    problems.append(f"agent/{relative}: the row of {folder} does not name {target}, for {name}")
            elif missing := missing_for(include, rows[folder][1]):
                problems.append(f"agent/{relative}: the row of {folder} does not name {missing}, for {include}")
    return problems


def name_problems():
    """Types of one namespace that two headers define: no compiler sees that, as long as no file includes both."""
    seen, problems = {}, []
    for header in sorted((ROOT / "agent").rglob("*.h")):
        text = header.read_text()
        where = re.findall(r"^namespace (holdfast[\w:]*) \{", text, re.MULTILINE)
        for name in TYPE.findall(text):
            other = seen.setdefault((where[0] if where else "", name), header)
            if other != header:
                problems.append(f"{header.relative_to(ROOT)}: {name} is a type of {other.relative_to(ROOT)} too")
    return problems


def reduced(graph):
    """The edges that no longer way says already."""
    def reach(folder):
        return {two for one in graph[folder] for two in {one, *reach(one)}}

    for folder, named in graph.items():
        longer = {two for one in named for two in reach(one)}
        yield folder, [one for one in named if one not in longer]


def page(graph):
    lines = [f"    {folder.replace('/', '_')}[{folder}] --> {one.replace('/', '_')}[{one}]\n" for folder, named in reduced(graph) for one in named]
    return f"{BEGIN}```mermaid\ngraph BT\n{''.join(lines)}```\n{END}"


def main():
    rows = read_rows()
    graph = {folder: below for folder, (below, _) in rows.items()}
    if problems := order_problems(graph):
        print("\n".join(problems))
        return 1
    architecture = ROOT / "ARCHITECTURE.md"
    text = architecture.read_text()
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    if sys.argv[1:] == ["--page"]:
        architecture.write_text(text[:begin] + page(graph) + text[end:])
        return 0
    problems = include_problems(rows) + name_problems()
    if text[begin:end] != page(graph):
        problems.append("ARCHITECTURE.md: its graph of layers is another one: scripts/check_layers.py --page")
    print("\n".join(problems) or f"layers: {len(graph)} folders, every include points one way, no type has a namesake")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
