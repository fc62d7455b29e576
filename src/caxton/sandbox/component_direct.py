"""A second way into a component, by which payloads cross as bytes in its memory.

Through Wasmtime's API a ``list<u8>`` is a tagged value for each byte, and a text is copied many times. So the compiling
child adds, behind everything else, what the component itself has no name for: the function behind ``handle`` once more,
with a type of the same layout in which a payload is its case, its address and its length; the allocator; and what frees
a result. The host then writes and reads payloads where they lie (shim_component.c). Follows the component model's
Binary.md and its canonical ABI.

Where a component is made in a way that this cannot be done to, it is left as it is.
"""

from __future__ import annotations

from typing import Final

from caxton.sandbox.component_binary import Lift, Outline

PREFIX: Final = "caxton-direct-"
HANDLE, REALLOC, FREE = f"{PREFIX}handle", f"{PREFIX}realloc", f"{PREFIX}free"

_TYPES, _CANON, _EXPORTS = 7, 8, 11
_STRING, _U32, _U8 = b"\x73", b"\x79", b"\x7d"
_OPTIONAL: Final = 7


def with_direct_entry(data: bytes, outline: Outline, handle: str, short: str) -> bytes | None:
    """The component with the second way in; None where it cannot have one."""
    name = handle if handle in outline.lifts else short
    lift = outline.lifts.get(name)
    if lift is None or not lift.plain or lift.memory is None or lift.realloc is None:
        return None
    if sum(pages > 0 for _, _, pages in outline.places) != 1 or any(key.startswith(PREFIX) for key in outline.lifts):
        return None
    types = _types(outline.types, name == short)
    last = outline.types + len(types) - 1
    canon = [_lift(lift, last - 2), _plain(lift.realloc, last - 1)]
    names = [HANDLE, REALLOC]
    if lift.free is not None:
        canon.append(_plain(lift.free, last))
        names.append(FREE)
    exports = [_export(key, outline.functions + i) for i, key in enumerate(names)]
    return data + _section(_TYPES, types) + _section(_CANON, canon) + _section(_EXPORTS, exports)


def _types(first: int, short: bool) -> list[bytes]:
    """The types that are added; the last three are those of the functions."""

    def ours(number: int) -> bytes:
        return _signed(first + number)

    realloc = b"\x40\x04" + b"".join(_name(key) + _U32 for key in "abcd") + b"\0" + _U32
    free = b"\x40\x01" + _name("a") + _U32 + b"\x01\0"
    if short:
        return [b"\x40\x02" + _name("p") + _U32 + _name("n") + _U32 + b"\0" + _U32, realloc, free]
    fields = [_U8, _STRING, ours(0), *[ours(1)] * _OPTIONAL, _STRING, ours(3), ours(4)]
    return [
        b"\x70" + _STRING,
        b"\x6b" + _STRING,
        b"\x6f\x02" + _STRING + _STRING,
        b"\x70" + ours(2),
        b"\x6f\x03" + _U8 + _U32 + _U32,
        b"\x6f" + _unsigned(len(fields)) + b"".join(fields),
        b"\x40\x01" + _name("m") + ours(5) + b"\0" + _U32,
        realloc,
        free,
    ]


def _lift(lift: Lift, kind: int) -> bytes:
    assert lift.memory is not None
    assert lift.realloc is not None
    options = b"\x03\0\x03" + _unsigned(lift.memory) + b"\x04" + _unsigned(lift.realloc)
    return b"\0\0" + _unsigned(lift.core) + options + _unsigned(kind)


def _plain(core: int, kind: int) -> bytes:
    return b"\0\0" + _unsigned(core) + b"\0" + _unsigned(kind)


def _export(name: str, function: int) -> bytes:
    return b"\0" + _name(name) + b"\x01" + _unsigned(function) + b"\0"


def _name(text: str) -> bytes:
    return _unsigned(len(text)) + text.encode()


def _section(number: int, items: list[bytes]) -> bytes:
    content = _unsigned(len(items)) + b"".join(items)
    return bytes([number]) + _unsigned(len(content)) + content


def _unsigned(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _signed(value: int) -> bytes:
    """A number that is not negative, where one might be."""
    found = bytearray()
    while value >= 0x40:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
