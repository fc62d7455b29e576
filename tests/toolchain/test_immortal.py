"""Of the objects in a Python agent's memory those that last become immortal, and nothing else is written there."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from caxton.toolchain.merging.immortal import with_immortals

MARK: Final = b"what is lasting\2"
IMMORTAL: Final = 0x5000_0000
TYPE, META, CLASS, OBJECT, FREED, LISTED, REUSED, UNMARKED, SPLIT = range(0x100, 0x1A0 + 0x80, 0x20)
CHART: Final = 0x800
SIZE: Final = 0x1000
HEADS: Final = {
    TYPE: (7, TYPE),
    META: (1, TYPE),
    CLASS: (3, META),
    OBJECT: (2, CLASS),
    FREED: (0, CLASS),
    LISTED: (0x0034_5678, CLASS),
    REUSED: (5, OBJECT + 8),
    UNMARKED: (2, CLASS),
    SPLIT: (2, CLASS),
}
"""Count and type. An object that CPython has freed has a count of 0, or the next one's address; where something else
lies by now, the second word is no type's address."""


def memory(marked: Iterable[int], *, kind: int = TYPE, size: int = 32) -> bytearray:
    """A memory with these objects, and a map of some."""
    made = bytearray(SIZE)
    for address, head in HEADS.items():
        struct.pack_into("<II", made, address, *head)
    chart = bytearray(32)
    for address in marked:
        chart[address // 64] |= 1 << address // 8 % 8
    made[CHART : CHART + 24 + 32] = MARK + struct.pack("<II", kind, size) + chart
    return made


def _escaped(content: bytes | bytearray) -> str:
    return "".join(f"\\{byte:02x}" for byte in content)


def component(made: bytes | bytearray, cuts: Iterable[int] = (SPLIT + 2,)) -> bytes:
    """A component with such a memory, in segments that begin at these addresses."""
    places = [0, *cuts, len(made)]
    data = "".join(f'(data (i32.const {start}) "{_escaped(made[start:stop])}")' for start, stop in pairwise(places))
    return bytes(wasmtime.wat2wasm(f"(component (core module) (core module (memory 1) {data}))"))


ALL_BUT_ONE: Final = [address for address in HEADS if address != UNMARKED]


def test_counts_of_lasting_objects_are_those_of_immortal_ones() -> None:
    """Types, their types, and objects; not what has been freed, or is not on the map, or lies in two segments."""
    expected = memory([])
    expected[CHART : CHART + 56] = bytes(56)
    for address in (TYPE, META, CLASS, OBJECT):
        struct.pack_into("<I", expected, address, IMMORTAL)
    assert with_immortals(component(memory(ALL_BUT_ONE))) == component(expected)


def test_without_a_map_nothing_changes() -> None:
    """None, a mark alone, a map that says where no type is, one that is too long, or two of them."""
    two = memory(ALL_BUT_ONE)
    two[0xC00 : 0xC00 + 56] = two[CHART : CHART + 56]
    alone = memory([])
    alone[CHART + 16 : CHART + 56] = bytes(40)
    for made in (bytes(SIZE), alone, memory(HEADS, kind=OBJECT), memory(HEADS, size=1 << 20), two, MARK):
        before = component(made, cuts=())
        assert with_immortals(before) == before
    assert with_immortals(b"") == b""


@given(st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, 255)), max_size=40), st.binary(max_size=40))
def test_whatever_lies_in_memory_it_ends_and_keeps_its_length(changes: list[tuple[int, int]], chart: bytes) -> None:
    """Hostile memory and hostile maps: never an exception."""
    made = memory(HEADS)
    made[CHART + 24 : CHART + 24 + len(chart)] = chart
    for place, value in changes:
        made[place] = value
    before = component(made)
    assert len(with_immortals(before)) == len(before)


@given(st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=8), st.integers(0, 200))
def test_whatever_the_bytes_are_it_ends(changes: list[tuple[int, int]], cut: int) -> None:
    """The same for the component around it."""
    data = bytearray(component(memory(HEADS)))
    for place, value in changes:
        data[place % 60] = value
    assert isinstance(with_immortals(bytes(data[: len(data) - cut])), bytes)
