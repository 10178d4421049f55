#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the headers of include/holdfast/abi/ with one layout changed, for builds that tests upgrade to
and downgrade from. Usage: make_layout.py LAYOUT ABI_DIRECTORY OUTPUT_DIRECTORY"""
import pathlib
import re
import sys

# The structs that get 8 bytes before their first field: every offset and the size change.
SHIFTED = {
    # What a look-up reads, and what is known of it. A build each is dear: the rest of a set stays as it was in both.
    "lookup": ["hf_frontend_key", "hf_pool"],
    "records": ["hf_endpoint", "hf_endpoint_stats", "hf_service_name", "hf_pool_name", "hf_endpoint_name", "hf_meta"],
    "socket": ["hf_socket"],
    "counters": [],
}
SHIFTED["all"] = [name for names in SHIFTED.values() for name in names]
# A second storage and a second, optional object (extra.bpf.c); and the same with both storages in another layout,
# where the kernel refuses that object.
SHIFTED["second"] = []
SHIFTED["second_other"] = ["hf_socket", "hf_peer"]

PEER = """struct hf_peer {
  __u32 mark;
  __u32 more;
};
HF_ABI_STRUCT(hf_peer, 8);
#define HF_PEER_FIELDS(F, of) F(of, __u32, mark) F(of, __u32, more)
struct hf_peer_offsets {
  HF_PEER_FIELDS(HF_OFFSET_OF_FIELD, )
};

#define HF_SOCKET_LIVE"""
# Pattern, what it becomes.
SECOND = [
    (r"#define HF_SOCKET_LIVE\b", PEER),
    (r"(ROW\(X, sockets, sockets_before, hf_socket, HF_SOCKET_FIELDS\))",
     r"\1 ROW(X, peers, peers_before, hf_peer, HF_PEER_FIELDS)"),
    (r"#define HF_OBJECTS\(X\) X\(tcp, required\)", "#define HF_OBJECTS(X) X(tcp, required) X(extra, optional)"),
    (r"(#define HF_PROGRAMS\(X\)\s*\\\n)",
     r'\1  X(extra, hf_extra_send, "cgroup/sendmsg4") X(extra, hf_extra_walk, "iter/bpf_sk_storage_map") \\' + "\n"),
]


def replace_once(text, pattern, replacement):
    text, count = re.subn(pattern, replacement, text)
    return text, count


def change(text, layout):
    changes = 0
    if layout.startswith("second"):
        for pattern, replacement in SECOND:
            text, one = replace_once(text, pattern, replacement)
            changes += one
    if layout == "second_other":
        text, one = replace_once(text, r"#define HF_OBJECTS\b", "#define HF_EXTRA_IS_REFUSED\n#define HF_OBJECTS")
        changes += one
    for name in SHIFTED[layout]:
        text, one = replace_once(text, rf"struct {name} {{\n", rf"struct {name} {{\n  __u8 other_layout[8];\n")
        text, two = replace_once(text, rf"HF_ABI_STRUCT\({name}, (\d+)\)",
                                 lambda found, name=name: f"HF_ABI_STRUCT({name}, {int(found[1]) + 8})")
        changes += one + two
    if layout in ("lookup", "all"):
        text, one = replace_once(text, r"#define HF_SLOTS_PER_LINE 16\b", "#define HF_SLOTS_PER_LINE 8")
        text, two = replace_once(text, r"HF_ABI_STRUCT\(hf_slot_line, 64\)", "HF_ABI_STRUCT(hf_slot_line, 32)")
        changes += one + two
    if layout in ("counters", "all"):
        text, one = replace_once(text, r"(#define HF_COUNTERS\(X\)\s*\\\n)", r'\1  X(OTHER_LAYOUT, "other_layout", "of tests")  \\' + "\n")
        changes += one
    text, _ = replace_once(text, r"#define HF_ABI_VERSION (\d+)", lambda found: f"#define HF_ABI_VERSION {int(found[1]) + 1}")
    return text, changes


def main():
    layout, source, target = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    target.mkdir(parents=True, exist_ok=True)
    changes = 0
    for header in sorted(source.glob("*.h")):
        text, count = change(header.read_text(), layout)
        changes += count
        path = target / header.name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    expected = len(SECOND) * layout.startswith("second") + (layout == "second_other")
    expected += 2 * len(SHIFTED[layout]) + 2 * (layout in ("lookup", "all")) + (layout in ("counters", "all"))
    if changes != expected:
        sys.exit(f"make_layout.py: {layout}: {changes} changes, expected {expected}")


if __name__ == "__main__":
    main()
