"""The table of lines that comes with a module: a place in it is found without unpacking the table, however large."""

from __future__ import annotations

import random
import struct
from bisect import bisect_right

from hypothesis import given, settings
from hypothesis import strategies as st

from caxton.sandbox.compiler import to_binary
from caxton.sandbox.dwarf_lines import NOWHERE, Row
from caxton.sandbox.lines import Lines, Place, pack_lines
from tests.sandbox.guests import Box

CODE = 20_000
HEAD = b"\x01\x01\x01\xfb\x0e\x0d\x00\x01\x01\x01\x01\x00\x00\x00\x01\x00\x00\x01"
"""Of a line program: smallest instruction 1, lines from -5 on in a range of 14, opcodes from 13 on, and their sizes."""

START = to_binary(b"(module)")
TRAPPING = f"""(module (memory (export "memory") 1)
  (func (export "handle_message") (param i32 i32) (result i32)
    {"nop " * (CODE // 2)} unreachable {"nop " * (CODE // 2)})
  (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))"""


def leb(number: int) -> bytes:
    """A number as unsigned LEB128."""
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def section(name: str, content: bytes) -> bytes:
    """A custom section."""
    label = leb(len(name)) + name.encode()
    return b"\0" + leb(len(label + content)) + label + content


def code(size: int) -> bytes:
    """A code section whose content has so many bytes; nobody validates it here."""
    return b"\x0a" + leb(size) + bytes(size)


def debug_line(rows: list[tuple[int, int, int]], files: list[bytes]) -> bytes:
    """Line programs of DWARF 4 with these rows: (address, number of the file, line); each is a sequence of its own."""
    names = b"\0" + b"".join(name + b"\0\0\0\0" for name in files) + b"\0"
    opcodes = b"".join(
        b"\0\x05\x02" + struct.pack("<I", address) + b"\x04" + leb(file + 1) + b"\x03" + leb(line - 1 & 0x3F)
        + b"\x01\x02\x01\0\x01\x01"
        for address, file, line in rows
    )  # fmt: skip
    tables = HEAD + names
    unit = struct.pack("<HI", 4, len(tables)) + tables + opcodes
    return struct.pack("<I", len(unit)) + unit


def looked_up(rows: list[Row], files: list[str], address: int) -> Place | None:
    """What a table finds that is not packed."""
    row = bisect_right([row[0] for row in rows], address) - 1
    if row < 0 or rows[row][1] == NOWHERE:
        return None
    return files[rows[row][1]], rows[row][2], rows[row][3] or None


@settings(max_examples=60)
@given(st.integers(0, 1 << 32), st.integers(1, 3000), st.integers(1, 200))
def test_what_was_packed_is_found(seed: int, count: int, names: int) -> None:
    """At every address what the rows say: also at the edges of blocks, and where several rows have one address."""
    rng = random.Random(seed)
    addresses = [rng.randrange(1, CODE - 1) for _ in range(count)]
    rows = [(address, rng.randrange(names), rng.randrange(1, 60)) for address in addresses]
    files = [f"{number}.c" for number in range(names)]
    binary = START + code(CODE) + section(".debug_line", debug_line(rows, [name.encode() for name in files]))
    start = len(START) + 1 + len(leb(CODE))
    expected: list[Row] = []
    for address, file, line in rows:
        expected += [(address, file, line, 0), (address + 1, NOWHERE, 0, 0)]
    expected.sort(key=lambda row: row[0])
    lines = Lines(pack_lines(binary))
    for address in {*rng.sample(range(CODE), 200), *addresses[:200], 0, CODE}:
        assert lines.find(start + address) == looked_up(expected, files, address)
    assert lines.find(0) is None


def large() -> bytes:
    """Debug information with as many names as are kept, and long ones."""
    rng = random.Random(1)
    files = [rng.randbytes(400).replace(b"\0", b"x") for _ in range(2_000)]
    return section(".debug_line", debug_line([(1 + at, at % 2_000, 7) for at in range(CODE - 1)], files))


def test_a_place_costs_two_blocks() -> None:
    """Of a table of some megabytes a lookup unpacks one block of rows and one of names; few are kept."""
    packed = pack_lines(START + code(CODE) + large())
    assert len(packed) > 1_000_000
    lines = Lines(packed)
    assert len(lines._unpacked) == 0
    start = len(START) + 1 + len(leb(CODE))
    assert lines.find(start + 1234) is not None
    assert len(lines._unpacked) == 2
    assert sum(map(len, map(str, lines._unpacked.values()))) < 200_000
    for address in range(0, CODE, 50):
        lines.find(start + address)
        assert len(lines._unpacked) <= 32


def test_a_large_table_finds_the_trap(box: Box) -> None:
    """A guest's stack names file and line out of such a table."""
    binary = to_binary(TRAPPING.encode()) + large()
    error = box.fails(box.spawn(binary))
    assert error.code == "trap.unreachable"
    assert error.frames[0].line == 7
    assert error.frames[0].file
