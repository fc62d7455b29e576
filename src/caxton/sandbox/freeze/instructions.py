"""Whether a module's code looks at the size of its memory.

Follows the core specification 3.0, binary format, section "Instructions". The grammar is one pattern that runs in C; it
is possessive, so that no byte is tried twice. What it does not know counts as "it may".
"""

from __future__ import annotations

import re
from typing import Final

from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.sandbox.freeze.layout import CODE, Layout

_U32: Final = rb"[\x80-\xff]{0,4}[\x00-\x7f]"
_LONG: Final = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_HEAP: Final = rb"(?:[\x69-\x74]|[\x80-\xff]{0,4}[\x00-\x3f])"
_VALUE: Final = rb"(?:[\x69-\x74\x7b-\x7f]|[\x63\x64]" + _HEAP + rb")"
_BLOCK: Final = rb"(?:\x40|" + _VALUE + rb"|" + _HEAP + rb")"
_MEMORY_ACCESS: Final = _U32 + _LONG
_INSTRUCTIONS: Final = (
    rb"[\x45-\xc4\x00\x01\x05\x0a\x0b\x0f\x1a\x1b\xd1\xd3\xd4]",
    rb"[\x20-\x26\x08\x0c\x0d\x10\x12\x14\x15\xd2\xd5\xd6]" + _U32,
    rb"[\x28-\x3e]" + _MEMORY_ACCESS,
    rb"[\x41\x42]" + _LONG,
    rb"[\x02-\x04]" + _BLOCK,
    rb"[\x11\x13]" + _U32 + _U32,
    rb"\x43[\x00-\xff]{4}",
    rb"\x44[\x00-\xff]{8}",
    rb"\x1c\x01" + _VALUE,
    rb"\xd0" + _HEAP,
    rb"\xfc[\x00-\x07]",
    rb"\xfc[\x09\x0b\x0d\x0f-\x11]" + _U32,
    rb"\xfc[\x08\x0a\x0c\x0e]" + _U32 + _U32,
    rb"\xfd[\x00-\x0b\x5c\x5d]" + _MEMORY_ACCESS,
    rb"\xfd[\x0c\x0d][\x00-\xff]{16}",
    rb"\xfd[\x15-\x22][\x00-\xff]",
    rb"\xfd[\x54-\x5b]" + _MEMORY_ACCESS + rb"[\x00-\xff]",
    rb"\xfd(?:[\x0e-\x14\x23-\x53\x5e-\x7f]|[\x80-\xff]{1,3}[\x01-\x03])",
)
_RUN: Final = re.compile(rb"(?:" + rb"|".join(_INSTRUCTIONS) + rb")*+")
_BR_TABLE: Final = 0x0E


def may_see_memory_size(layout: Layout) -> bool:
    """Whether any function has ``memory.size`` or ``memory.grow``, or an instruction that is not known here."""
    try:
        reader = Reader(layout.content(CODE))
        for _ in range(reader.u32()):
            size = reader.u32()
            if not _is_blind(Reader(reader.data, reader.pos, reader.pos + size)):
                return True
            reader.pos += size
    except MalformedBinary:
        return True
    return False


def _is_blind(body: Reader) -> bool:
    """Whether all instructions of one function are known, and none is of those two."""
    for _ in range(body.u32()):
        body.u32()
        kind = re.compile(_VALUE).match(body.data, body.pos, body.end)
        if kind is None:
            return False
        body.pos = kind.end()
    while body.pos < body.end:
        found = _RUN.match(body.data, body.pos, body.end)
        assert found is not None  # it may be empty
        body.pos = found.end()
        if body.pos == body.end:
            break
        if body.byte() != _BR_TABLE:
            return False
        for _ in range(body.u32() + 1):
            body.u32()
    return True
