"""The bounds that CPython and QuickJS keep in memory are set there, and nothing else is written."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from caxton.toolchain.merging.stacks import bound_stacks
from caxton.toolchain.merging.wiring import Wiring

SIZE: Final = 0x400
AT: Final = 0x100
TOP: Final = 0xFFE60
BOUND: Final = 160 << 10
PYTHON: Final = struct.pack("<III", 1 << 20, 0x4000, 0x2000)
LIMITED: Final = struct.pack("<III", 1 << 20, (1 << 20) - BOUND, (1 << 20) - BOUND - 0x2000)
QUICKJS: Final = struct.pack("<11I", AT, AT, 0, 0, 0, 0x40000, 0, TOP, 0, 0, 4)


def _memory(*pieces: tuple[int, bytes]) -> bytearray:
    made = bytearray(b"\xee" * SIZE)
    for address, piece in pieces:
        made[address : address + len(piece)] = piece
    return made


def _module(memory: bytes | bytearray, cuts: Iterable[int] = (), left_out: range = range(0)) -> bytes:
    """A core module with such a memory, in segments that begin at these addresses; without those in a range."""
    data = ""
    for start, stop in pairwise([0, *cuts, len(memory)]):
        if start not in left_out:
            text = "".join(f"\\{byte:02x}" for byte in memory[start:stop])
            data += f'(data (i32.const {start}) "{text}")'
    # With an instruction that names a segment, so that there is a count of them before the code.
    return bytes(wasmtime.wat2wasm(f'(module (memory (export "memory") 1) {data} (func (data.drop 0)))'))


def _bounded(module: bytes) -> bytes:
    wiring = Wiring(modules=[module])
    bound_stacks(wiring)
    return wiring.modules[0]


def _first(module: bytes) -> bytes:
    """The memory that an instance begins with."""
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    memory = wasmtime.Instance(store, wasmtime.Module(engine, module), []).exports(store)["memory"]
    assert isinstance(memory, wasmtime.Memory)
    return bytes(memory.read(store, 0, SIZE))


def test_of_cpython() -> None:
    """Where both limits go up, in the segment in which they are."""
    before, after = _memory((AT, PYTHON)), _memory((AT, LIMITED))
    assert _bounded(_module(before)) == _module(after)
    assert _bounded(_module(before, cuts=[AT, AT + 12])) == _module(after, cuts=[AT, AT + 12])


def test_of_quickjs() -> None:
    """The limit, which is zero: in a segment, or between two, where it gets one of its own."""
    after = _memory((AT, QUICKJS), (AT + 32, struct.pack("<I", TOP - BOUND)))
    assert _bounded(_module(_memory((AT, QUICKJS)))) == _module(after)
    zeros = range(AT + 32, AT + 40)
    between = _module(_memory((AT, QUICKJS)), cuts=[zeros.start, zeros.stop], left_out=zeros)
    assert _first(_bounded(between)) == after


def test_what_is_not_told_for_certain_stays() -> None:
    """Nothing of the kind, twice, cut by a segment, at an odd place, a list that leads elsewhere, or less stack."""
    elsewhere = b"\4" + QUICKJS[1:]
    small = QUICKJS.replace(struct.pack("<I", TOP), struct.pack("<I", BOUND))
    for memory, cuts in (
        (_memory(), ()),
        (_memory((AT, PYTHON), (AT + 64, PYTHON)), ()),
        (_memory((AT, PYTHON)), (AT + 4,)),
        (_memory((AT + 1, PYTHON)), ()),
        (_memory((AT, QUICKJS)), (AT + 34,)),
        (_memory((AT, elsewhere)), ()),
        (_memory((AT, small)), ()),
        (_memory((AT + 4, QUICKJS)), ()),
    ):
        module = _module(memory, cuts)
        assert _bounded(module) == module


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """They come back."""
    assert _bounded(data) == data
    assert _bounded(b"\0asm\1\0\0\0" + data) == b"\0asm\1\0\0\0" + data
