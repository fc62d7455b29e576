"""New numbers for what the instructions of a function name: functions, types, tables, globals, segments.

Follows the core specification 2.0, binary format, section "Instructions". What names nothing is one pattern that runs
in C; it is possessive, so that no byte is tried twice. A module of six megabytes takes a second or two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from caxton.sandbox.binary_reader import Reader
from caxton.toolchain.merging.parts import Unmergeable

_U32: Final = rb"[\x80-\xff]{0,4}[\x00-\x7f]"
_LONG: Final = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_VALUE: Final = rb"[\x6f\x70\x7b-\x7f]"
_MEMORY: Final = rb"[\x00-\x3f]" + _U32  # of alignments beyond these the memory's number would come next
_PLAIN: Final = (
    rb"[\x00\x01\x05\x0b\x0f\x1a\x1b\x45-\xc4\xd1]",
    rb"[\x20-\x22\x0c\x0d]" + _U32,
    rb"[\x28-\x3e]" + _MEMORY,
    rb"\x41" + _U32,
    rb"\x42" + _LONG,
    rb"[\x02-\x04](?:\x40|" + _VALUE + rb")",
    rb"[\x3f\x40]\x00",
    rb"\x43[\x00-\xff]{4}",
    rb"\x44[\x00-\xff]{8}",
    rb"\x1c\x01" + _VALUE,
    rb"\xd0[\x6f\x70]",
    rb"\xfc(?:[\x00-\x07]|\x0a\x00\x00|\x0b\x00)",
    rb"\xfd[\x00-\x0b\x5c\x5d]" + _MEMORY,
    rb"\xfd[\x0c\x0d][\x00-\xff]{16}",
    rb"\xfd[\x15-\x22][\x00-\xff]",
    rb"\xfd[\x54-\x5b]" + _MEMORY + rb"[\x00-\xff]",
    rb"\xfd(?:[\x0e-\x14\x23-\x53\x5e-\x7f]|[\x80-\xff]\x01)",
)
_RUN: Final = re.compile(rb"(?:" + rb"|".join(_PLAIN) + rb")*+")
_LOCALS: Final = re.compile(_U32 + _VALUE)
_BR_TABLE: Final = 0x0E
_BLOCKS: Final = (0x02, 0x03, 0x04)
_BULK: Final = 0xFC


@dataclass(frozen=True, slots=True)
class Numbers:
    """A module's numbers as they are in another one: of each the bytes that stand for it there."""

    types: list[bytes]
    functions: list[bytes]
    tables: list[bytes]
    globals: list[bytes]
    elements: list[bytes]
    data: list[bytes]

    def named(self, opcode: int) -> tuple[list[bytes], ...]:
        """What the instruction names, in the order of its immediates."""
        if opcode in (0x10, 0x12, 0xD2):
            return (self.functions,)
        if opcode in (0x23, 0x24):
            return (self.globals,)
        if opcode in (0x11, 0x13):
            return (self.types, self.tables)
        if opcode in (0x25, 0x26):
            return (self.tables,)
        raise Unmergeable(f"an instruction {opcode:#04x}")

    def named_in_bulk(self, opcode: int) -> tuple[list[bytes], ...]:
        """The same for those that begin with 0xFC."""
        if opcode in (0x08, 0x09):
            return (self.data,)
        if opcode == 0x0C:
            return (self.elements, self.tables)
        if opcode == 0x0D:
            return (self.elements,)
        if opcode in (0x0E, 0x0F, 0x10, 0x11):
            return (self.tables,) * (2 if opcode == 0x0E else 1)
        raise Unmergeable(f"an instruction 0xfc {opcode:#04x}")


def renumbered(data: bytes, start: int, stop: int, numbers: Numbers) -> bytes:
    """A function's body between two places of ``data``, for another module.

    Raises:
        Unmergeable: it has an instruction that is not known here.
        MalformedBinary: it cannot be read.
    """
    reader = Reader(data, start, stop)
    for _ in range(reader.count(stop - start, "locals")):
        found = _LOCALS.match(data, reader.pos, stop)
        if found is None:
            raise Unmergeable("a local of another type")
        reader.pos = found.end()
    out, kept = [], start
    while True:
        run = _RUN.match(data, reader.pos, stop)
        assert run is not None  # it may be empty
        reader.pos = run.end()
        if reader.pos == stop:
            out.append(data[kept:stop])
            return b"".join(out)
        opcode = reader.byte()
        if opcode == _BR_TABLE:
            for _ in range(reader.u32() + 1):
                reader.u32()
            continue
        named = _named(reader, opcode, numbers)
        out.append(data[kept : reader.pos])
        for those in named:
            out.append(_at(those, reader.type_index() if opcode in _BLOCKS else reader.u32()))
        # After `memory.init` the memory's number is left, a zero: it stays, and reads like an instruction without one.
        kept = reader.pos


def _named(reader: Reader, opcode: int, numbers: Numbers) -> tuple[list[bytes], ...]:
    if opcode in _BLOCKS:
        return (numbers.types,)
    if opcode == _BULK:
        return numbers.named_in_bulk(reader.u32())
    return numbers.named(opcode)


def _at(those: list[bytes], index: int) -> bytes:
    if index >= len(those):
        raise Unmergeable("an instruction names what is not there")
    return those[index]
