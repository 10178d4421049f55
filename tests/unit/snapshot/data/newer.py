#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes format-3.9.snap and format-4.snap out of format-3.snap, by the layout that
docs/adr/0005 tells, and by none of the product's code: as a later version might write them."""
import hashlib
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
HEADER, DIGEST = 28, 32
EXTRA = b"\xee" * 5


class Row:
    """Bytes, read from the front."""

    def __init__(self, data):
        self.data = data

    def take(self, length):
        part, self.data = self.data[:length], self.data[length:]
        assert len(part) == length
        return part

    def number(self, kind):
        return struct.unpack("<" + kind, self.take(struct.calcsize("<" + kind)))[0]


def record(row, inside):
    """A record with something more at its end."""
    body = inside(Row(row.take(row.number("I")))) + EXTRA
    return struct.pack("<I", len(body)) + body


def array(row):
    """Count and stride, then elements of that size: each gets longer."""
    count, stride = row.number("I"), row.number("H")
    elements = b"".join(row.take(stride) + EXTRA for _ in range(count))
    return struct.pack("<IH", count, stride + len(EXTRA)) + elements


def records(row, inside):
    count = row.number("I")
    return struct.pack("<I", count) + b"".join(record(row, inside) for _ in range(count))


def pool(row):
    return row.take(4 + 2 + 1 + 1) + array(row) + array(row)


def entry(row):
    return row.take(4 + 4 + 8 + 4 + 1 + 1 + 1) + records(row, pool)


def source(row):
    return row.take(4 + 4 + 4) + records(row, entry)


def longer(number, body):
    row = Row(body)
    if number == 2:
        return body + EXTRA
    if number == 3:
        return records(row, source) + EXTRA
    return array(row) + EXTRA if number == 4 else body + EXTRA


def seal(major, minor, generation, body):
    file = b"HOLDFAST" + struct.pack("<HHQQ", major, minor, generation, len(body)) + body
    return file + hashlib.sha256(file).digest()


def main():
    old = (HERE / "format-3.snap").read_bytes()
    generation = struct.unpack_from("<Q", old, 12)[0]
    body = old[HEADER:-DIGEST]
    row, sections = Row(body), [(99, b"of a later version")]
    while row.data:
        number, length = row.number("I"), row.number("Q")
        sections.append((number, longer(number, row.take(length))))
    newer = b"".join(struct.pack("<IQ", number, len(part)) + part for number, part in sections)
    (HERE / "format-3.9.snap").write_bytes(seal(3, 9, generation, newer))
    (HERE / "format-4.snap").write_bytes(seal(4, 0, generation, b"nobody knows"))


if __name__ == "__main__":
    main()
