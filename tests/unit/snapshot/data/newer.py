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


def elements_of(row):
    count, stride = row.number("I"), row.number("H")
    return stride, [row.take(stride) for _ in range(count)]


def longer_array(stride, elements):
    return struct.pack("<IH", len(elements), stride + len(EXTRA)) + b"".join(one + EXTRA for one in elements)


def array(row):
    """Count and stride, then elements of that size: each gets longer."""
    return longer_array(*elements_of(row))


def records(row, inside):
    count = row.number("I")
    return struct.pack("<I", count) + b"".join(record(row, inside) for _ in range(count))


def pool(row):
    """With what 3.2 added: traffic, node port, endpoints of other nodes."""
    begin = row.take(4 + 2 + 1 + 1)
    stride, frontends = elements_of(row)
    node_ports = [struct.unpack_from("<H", one, 16)[0] for one in frontends if one[18] == 1]
    endpoint_stride, endpoints = elements_of(row)
    return (begin + longer_array(stride, frontends) + longer_array(endpoint_stride, endpoints) +
            struct.pack("<BH", 0, *(node_ports or [0])) + longer_array(endpoint_stride, []))


def entry(row):
    return row.take(4 + 4 + 8 + 4 + 1 + 1 + 1) + records(row, pool)


def source(row):
    """With what 3.2 added: nodes."""
    return row.take(4 + 4 + 4) + records(row, entry) + struct.pack("<I", 0)


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
