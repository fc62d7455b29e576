"""From a module and an instance's state to a module whose instances begin there.

The memory becomes data segments in whole pages, which Wasmtime maps copy-on-write; globals get their values as initial
ones; tables, where they have changed, become element segments. The start function is left out: it has run. Functions
keep their numbers, and the code section its bytes: only where it begins in the file may change.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from caxton.sandbox import encoding
from caxton.sandbox.freeze.image import NULL, Image, ImageError, Value
from caxton.sandbox.freeze.layout import (
    DATA,
    DATA_COUNT,
    ELEMENT,
    GLOBAL,
    MEMORY,
    START,
    TABLE,
    Elements,
    Global,
    Layout,
    Mode,
    Table,
    read_layout,
    rebuild,
)

_EMPTY_PASSIVE: Final = b"\x01\x00"
_NUMBERS: Final = ("i32", "i64", "f32", "f64", "v128")


@dataclass(frozen=True, slots=True)
class Thawed:
    """A frozen module. ``shift``: by how much its code lies further behind than the original's."""

    binary: bytes
    shift: int


def thaw(layout: Layout, image: Image) -> Thawed:
    """The module whose instances begin as the image says.

    Whether it is valid is the engine's to say: an image that was made up may name a function of another type.

    Raises:
        ImageError: the image does not fit the module.
    """
    if image.module != hashlib.sha256(layout.data).digest():
        raise ImageError("an image of another module")
    replaced: dict[int, bytes | None] = {START: None}
    if layout.memory is not None:
        replaced[MEMORY] = _memory(layout, image.pages)
    elif image.pages:
        raise ImageError("a memory that the module does not have")
    replaced |= _globals(layout, image.globals)
    replaced |= _data(layout, image)
    replaced |= _tables(layout, image)
    binary = rebuild(layout, replaced)
    return Thawed(binary, read_layout(binary).code_at - layout.code_at)


def _memory(layout: Layout, pages: int) -> bytes:
    memory = layout.memory
    assert memory is not None
    if pages < memory.minimum or pages > (65_536 if memory.maximum is None else memory.maximum):
        raise ImageError("a memory of a size that the module does not have")
    limits = encoding.unsigned(pages)
    if memory.maximum is None:
        return b"\x01\x00" + limits
    return b"\x01\x01" + limits + encoding.unsigned(memory.maximum)


# ---- globals --------------------------------------------------------------------------------------------------------


def _globals(layout: Layout, values: tuple[Value, ...]) -> dict[int, bytes | None]:
    given = {item.index: item for item in values}
    if given.keys() != {i for i, item in enumerate(layout.globals) if item.mutable}:
        raise ImageError("other globals than the module has")
    if not layout.globals:
        return {}
    return {
        GLOBAL: encoding.vector(
            [
                item.head + (_constant(item, given[i]) if i in given else item.value)
                for i, item in enumerate(layout.globals)
            ]
        )
    }


def _constant(item: Global, value: Value) -> bytes:
    if (value.kind if value.kind in _NUMBERS else "") != (item.type if item.type in _NUMBERS else ""):
        raise ImageError("a global of another type")
    if item.type in _NUMBERS:
        return encoding.number(item.type, value.bits)
    return _reference(value.function, item.head[:-1])


def _reference(function: int, kind: bytes) -> bytes:
    """An element or a global: ``kind`` is its type's bytes."""
    heap = kind[1:] if kind[0] in (0x63, 0x64) else kind
    return encoding.reference(None if function == NULL else function, heap)


# ---- memory ---------------------------------------------------------------------------------------------------------


def _data(layout: Layout, image: Image) -> dict[int, bytes | None]:
    """Active segments for what the memory holds, in the places of those that are used up; those that are left stay."""
    wanted = [b"\x00" + encoding.address(at) + encoding.sized(content) for at, content in reversed(image.runs)]
    segments: list[bytes] = []
    if layout.has_data_count:  # instructions name segments by their numbers
        dropped = set(image.dropped_data)
        for number, item in enumerate(layout.segments):
            content = layout.data[item.start : item.stop]
            if item.mode is Mode.PASSIVE and content and number not in dropped:
                segments.append(b"\x01" + encoding.sized(content))
            else:
                segments.append(wanted.pop() if wanted else _EMPTY_PASSIVE)
    segments += reversed(wanted)
    return {
        DATA: encoding.vector(segments) if segments or layout.has_data_count else None,
        DATA_COUNT: encoding.unsigned(len(segments)) if layout.has_data_count else None,
    }


# ---- tables ---------------------------------------------------------------------------------------------------------


def _tables(layout: Layout, image: Image) -> dict[int, bytes | None]:
    if len(image.tables) != len(layout.tables):
        raise ImageError("other tables than the module has")
    changed = [number for number, found in enumerate(image.tables) if _expected(layout, number) != list(found)]
    dropped = set(image.dropped_elements)
    if not changed and not dropped:
        return {}
    segments = [
        _declared(item) if (item.mode is Mode.ACTIVE and item.table in changed) or number in dropped else item.raw
        for number, item in enumerate(layout.elements)
    ]
    tables = []
    for number, table in enumerate(layout.tables):
        found = image.tables[number]
        if number in changed:
            if len(found) < table.minimum or len(found) > (len(found) if table.maximum is None else table.maximum):
                raise ImageError("a table of a size that the module does not have")
            segments += _segments(number, table, found)
        tables.append(_table(table, len(found)))
    return {TABLE: encoding.vector(tables), ELEMENT: encoding.vector(segments)}


def _expected(layout: Layout, number: int) -> list[int] | None:
    """The elements with which a table begins; None where that cannot be told."""
    table = layout.tables[number]
    if table.value or table.minimum > 1 << 20:
        return None
    found = [NULL] * table.minimum
    for item in layout.elements:
        if item.mode is Mode.ACTIVE and item.table == number:
            if item.offset is None or min(item.items, default=0) < NULL or item.offset + len(item.items) > len(found):
                return None
            found[item.offset : item.offset + len(item.items)] = item.items
    return found


def _declared(item: Elements) -> bytes:
    """A segment of the same number that is used up, but still declares its functions."""
    if item.expressions:
        return b"\x07" + item.type + item.body
    return b"\x03\x00" + item.body


def _table(table: Table, size: int) -> bytes:
    most = b"" if table.maximum is None else encoding.unsigned(table.maximum)
    limits = (b"\x01" if most else b"\x00") + encoding.unsigned(size) + most
    return (b"\x40\x00" if table.value else b"") + table.head + limits + table.value


def _segments(number: int, table: Table, found: tuple[int, ...]) -> list[bytes]:
    """Active segments for a table's elements; nulls are left out where the table begins with them."""
    head = b"\x06" + encoding.unsigned(number)
    segments = []
    for begin, end in _stretches(found, nulls=bool(table.value)):
        items = [_reference(item, table.head) for item in found[begin:end]]
        segments.append(head + encoding.address(begin) + table.head + encoding.vector(items))
    return segments


def _stretches(found: tuple[int, ...], *, nulls: bool) -> list[tuple[int, int]]:
    if nulls:
        return [(0, len(found))] if found else []
    stretches: list[tuple[int, int]] = []
    for at, item in enumerate(found):
        if item == NULL:
            continue
        if stretches and stretches[-1][1] == at:
            stretches[-1] = (stretches[-1][0], at + 1)
        else:
            stretches.append((at, at + 1))
    return stretches
