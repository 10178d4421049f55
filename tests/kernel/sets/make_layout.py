#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the headers of include/holdfast/abi/ with one layout changed, for builds that tests upgrade to
and downgrade from. Usage: make_layout.py LAYOUT ABI_DIRECTORY OUTPUT_DIRECTORY"""
import pathlib
import re
import sys

# The structs that get 8 bytes before their first field: every offset and the size change.
SHIFTED = {
    "frontends": ["hf_frontend_key"],
    "pools": ["hf_pool"],
    "slots": [],
    "endpoints": ["hf_endpoint"],
    "stats": ["hf_endpoint_stats"],
    "names": ["hf_service_name", "hf_pool_name", "hf_endpoint_name", "hf_meta"],
    "socket": ["hf_socket"],
    "counters": [],
}
SHIFTED["all"] = [name for names in SHIFTED.values() for name in names]


def replace_once(text, pattern, replacement):
    text, count = re.subn(pattern, replacement, text)
    return text, count


def change(text, layout):
    changes = 0
    for name in SHIFTED[layout]:
        text, one = replace_once(text, rf"struct {name} {{\n", rf"struct {name} {{\n  __u8 other_layout[8];\n")
        text, two = replace_once(text, rf"HF_ABI_STRUCT\({name}, (\d+)\)",
                                 lambda found, name=name: f"HF_ABI_STRUCT({name}, {int(found[1]) + 8})")
        changes += one + two
    if layout in ("slots", "all"):
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
    expected = 2 * len(SHIFTED[layout]) + 2 * (layout in ("slots", "all")) + (layout in ("counters", "all"))
    if changes != expected:
        sys.exit(f"make_layout.py: {layout}: {changes} changes, expected {expected}")


if __name__ == "__main__":
    main()
