"""The objects of a Python agent that last, made immortal in the memory that its build has left.

The SDK leaves a map of them there (``caxton_agent/lasting.py``). CPython counts no references to an object whose count
is beyond a limit (PEP 683): so nothing is written where instances only read, and they share the page. The map is taken
out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.toolchain.merging.memories import HEAD, MODULE, Segment, memory_of, segments

_MARK: Final = b"what is lasting\2"
_IMMORTAL: Final = 5 << 28
"""What CPython 3.14 sets an immortal object's count to, with 32 bits; it is one from a fifth less on."""

_MOST_COUNTED: Final = 1 << 16
"""Above lie addresses: CPython has freed such an object, and keeps it in a list for the next of its kind."""

_WORD: Final = struct.Struct("<I")


def with_immortals(component: bytes) -> bytes:
    """The component with lasting objects immortal; as it is where there is no map."""
    try:
        for those in _memories(component):
            found = _changed(component, those)
            if found is not None:
                return found
    except MalformedBinary:
        pass
    return component


def _memories(component: bytes) -> Iterator[list[Segment]]:
    """Of each core module that has data at constant places, its segments."""
    reader = Reader(component, HEAD)
    for number, stop in reader.sections():
        if number == MODULE:
            yield segments(Reader(component, reader.pos + HEAD, stop))


def _changed(component: bytes, those: list[Segment]) -> bytes | None:
    memory = memory_of(component, those)
    there = bytearray(len(memory) // 4 + 1)  # whether the word is in a segment as a whole
    for one in those:
        first, last = -(-one.address // 4), (one.address + one.size) // 4
        there[first:last] = b"\1" * (last - first)
    charts = list(_charts(memory))
    if len(charts) != 1:
        return None
    _make_immortal(memory, there, *charts[0])
    changed = bytearray(component)
    for one in those:
        changed[one.start : one.start + one.size] = memory[one.address : one.address + one.size]
    return bytes(changed)


def _charts(memory: bytearray) -> Iterator[tuple[int, bytes]]:
    """The maps in memory: where ``type`` lies, and the map. They are taken out.

    Where only the mark stands, it is a rest of something.
    """
    at = -1
    while (at := memory.find(_MARK, at + 1)) >= 0 and (start := at + len(_MARK) + 2 * _WORD.size) <= len(memory):
        kind, size = struct.unpack_from("<II", memory, start - 2 * _WORD.size)
        if kind % 4 or kind + 2 * _WORD.size > len(memory) or not 0 < size <= len(memory) // 64 + 1:
            continue
        if _WORD.unpack_from(memory, kind + _WORD.size)[0] == kind:  # the type of `type` is `type`
            yield kind, bytes(memory[start : start + size])
            stop = min(start + size, len(memory))
            memory[at:stop] = bytes(stop - at)


def _make_immortal(memory: bytearray, there: bytearray, kind: int, chart: bytes) -> None:
    end = len(memory) - 2 * _WORD.size
    kinds = {kind}
    for place, bits in enumerate(chart):
        for bit in range(8) if bits else ():
            address = place * 64 + bit * 8
            if bits >> bit & 1 and address < end and there[address // 4] and _is_object(memory, address, kinds):
                (count,) = _WORD.unpack_from(memory, address)
                if 0 < count < _MOST_COUNTED:
                    _WORD.pack_into(memory, address, _IMMORTAL)


def _is_object(memory: bytearray, address: int, kinds: set[int]) -> bool:
    """Whether its type is a type: then nothing else has come to lie there since the map was made.

    ``kinds``: ``type``, and the metaclasses that have been met.
    """
    (its,) = _WORD.unpack_from(memory, address + _WORD.size)
    if its + 2 * _WORD.size > len(memory) or its % 4:
        return False
    (meta,) = _WORD.unpack_from(memory, its + _WORD.size)
    if meta in kinds:
        return True
    if meta + 2 * _WORD.size > len(memory) or _WORD.unpack_from(memory, meta + _WORD.size)[0] not in kinds or meta % 4:
        return False
    kinds.add(meta)
    return True
