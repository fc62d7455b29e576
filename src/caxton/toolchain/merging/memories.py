"""The memory that a build has left in a component: the segments of its core modules, read, and written to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from caxton.sandbox.binary_constant import skip_constant
from caxton.sandbox.binary_reader import Reader
from caxton.sandbox.encoding import address as constant_address
from caxton.sandbox.encoding import section, sized, unsigned

MODULE: Final = 1
HEAD: Final = 8
"""Bytes before a module's first section."""

_DATA, _DATA_COUNT, _I32_CONST = 11, 12, 0x41
_MOST_MEMORY: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes of memory: their first address, where they lie in the file, how many."""

    address: int
    start: int
    size: int


def segments(reader: Reader) -> list[Segment]:
    """Those of a core module that lie at constant places; ``reader`` stands at its first section.

    Raises:
        MalformedBinary: it cannot be read.
    """
    return [one for number, _ in reader.sections() if number == _DATA for one in _segments(reader)]


def memory_of(data: bytes, those: list[Segment]) -> bytearray:
    """The memory that segments make, zero between them."""
    memory = bytearray(max((one.address + one.size for one in those), default=0))
    for one in those:
        memory[one.address : one.address + one.size] = data[one.start : one.start + one.size]
    return memory


def with_bytes(module: bytes, those: list[Segment], at: int, content: bytes) -> bytes | None:
    """A core module that begins with other bytes at an address; None where one of its segments ends among them.

    Raises:
        MalformedBinary: it cannot be read.
    """
    stop = at + len(content)
    touched = [one for one in those if one.address < stop and at < one.address + one.size]
    if not touched:
        return _with_segment(module, at, content)
    for one in touched:
        if one.address > at or stop > one.address + one.size:
            return None
    changed = bytearray(module)
    for one in touched:
        place = one.start + at - one.address
        changed[place : place + len(content)] = content
    return bytes(changed)


def _with_segment(module: bytes, at: int, content: bytes) -> bytes:
    parts, reader = [module[:HEAD]], Reader(module, HEAD)
    for number, stop in reader.sections():
        if number in (_DATA, _DATA_COUNT):
            count = unsigned(reader.u32() + 1)
            more = b"\0" + constant_address(at) + sized(content) if number == _DATA else b""
            parts.append(section(number, count + module[reader.pos : stop] + more))
        else:
            parts.append(section(number, module[reader.pos : stop]))
    return b"".join(parts)


def _segments(reader: Reader) -> Iterator[Segment]:
    for _ in range(reader.count(reader.end, "segments")):
        flags, address = reader.u32(), None
        if flags == 0:
            start = reader.pos
            skip_constant(reader)
            address = _constant(Reader(reader.data, start, reader.pos))
        elif flags != 1:
            return
        size = reader.count(reader.end, "bytes")
        if address is not None and address + size <= _MOST_MEMORY:
            yield Segment(address, reader.pos, size)
        reader.pos += size


def _constant(expression: Reader) -> int | None:
    if expression.byte() != _I32_CONST:
        return None
    value = shift = 0
    while (byte := expression.byte()) & 0x80:
        value |= (byte & 0x7F) << shift
        shift += 7
    value |= byte << shift
    return value if expression.pos == expression.end - 1 and not byte & 0x40 else None
