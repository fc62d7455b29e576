"""How deep Python and JavaScript may recurse, in the memory that their build has left.

WebAssembly has two stacks. One lies in memory, and holds what a C function takes the address of; the other is the
engine's, and holds the rest. CPython and QuickJS look at the first alone, and allow more of it than the second lasts
for: an agent that recursed too deep trapped, where its language has an exception for it. So the bounds that they keep
in memory are set to what was measured to be enough for the second.

Both are told by values that only the pinned versions have so; where they are not found, nothing is changed.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.toolchain.merging.memories import HEAD, memory_of, segments, with_bytes
from caxton.toolchain.merging.wiring import Wiring

_STACK: Final = 160 << 10
"""Bytes of the stack in memory that may be used. With so many, of what was tried (sorting, attributes, comparing,
callbacks of every kind), nothing took more than nine tenths of the engine's 1 MiB."""

_MARGIN: Final = 8 << 10
"""What CPython keeps for handling the error (``_PyOS_STACK_MARGIN_BYTES``): twice, before the stack ends."""

_TOP: Final = 1 << 20
"""Where the stack begins in componentize-py's memory; it grows down to 0."""

_PYTHON: Final = struct.Struct("<III")
"""``c_stack_top``, ``c_stack_soft_limit`` and ``c_stack_hard_limit`` of CPython 3.14's main thread."""

_QUICKJS: Final = re.compile(rb"(?=\x00{4}([\x00-\xff]{2}[\x00-\x0f]\x00)\x00{8}\x04\x00{3})")
"""``stack_size``, ``stack_top``, ``stack_limit`` and ``current_exception`` (none) of quickjs-ng's ``JSRuntime``. It
only looks ahead: what begins in the midst of something that looks alike is found too."""

_MOST_MEMORY: Final = 64 << 20
"""Bytes of memory that are searched: three times what CPython leaves."""

_WORD: Final = struct.Struct("<I")
_LIST: Final = struct.Struct("<II")
_LIST_BEFORE: Final = 24
"""Bytes from ``gc_zero_ref_count_list`` to these; it is empty, so both its pointers lead to itself."""


def bound_stacks(wiring: Wiring) -> None:
    """Bounds the stacks of whatever of the two lies in the memory of the component's modules."""
    wiring.modules[:] = map(_bounded, wiring.modules)


def _bounded(module: bytes) -> bytes:
    try:
        those = segments(Reader(module, HEAD))
        if any(one.address + one.size > _MOST_MEMORY for one in those):
            return module
        memory = memory_of(module, those)
        found = _python(memory) or _quickjs(memory)
        return module if found is None else with_bytes(module, those, *found) or module
    except MalformedBinary:
        return module


def _python(memory: bytearray) -> tuple[int, bytes] | None:
    """The address of CPython's bounds, and what is to stand there."""
    before = _PYTHON.pack(_TOP, 2 * _MARGIN, _MARGIN)
    at = memory.find(before)
    if at < 0 or at % 4 or memory.find(before, at + 1) >= 0:
        return None
    soft = _TOP - _STACK
    return at, _PYTHON.pack(_TOP, soft, soft - _MARGIN)


def _quickjs(memory: bytearray) -> tuple[int, bytes] | None:
    """The same of QuickJS."""
    places = [found for found in _QUICKJS.finditer(memory) if _is_runtime(memory, found.start())]
    if len(places) != 1:
        return None
    (top,) = _WORD.unpack(places[0][1])
    return (places[0].start() + 8, _WORD.pack(top - _STACK)) if top > _STACK else None


def _is_runtime(memory: bytearray, at: int) -> bool:
    place = at - _LIST_BEFORE
    return at % 4 == 0 and place > 0 and _LIST.unpack_from(memory, place) == (place, place)
