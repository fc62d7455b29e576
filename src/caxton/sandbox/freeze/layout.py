"""What a core module is made of, as far as writing an instance's state back into it goes.

``read_layout`` takes a valid binary apart into sections, and those that state lies in into their items: globals,
tables, memory, element and data segments. Everything else stays as bytes. What it reads is hostile: it ends in a layout
or in ``MalformedBinary`` or ``Unfreezable``, in time linear in the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from caxton.sandbox.binary_constant import skip_constant
from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.sandbox.binary_types import MemoryType, TypeIndex, read_memory_type, read_table_type, read_value_type
from caxton.sandbox.encoding import section

CUSTOM, TYPE, IMPORT, FUNCTION, TABLE, MEMORY, GLOBAL, EXPORT, START, ELEMENT, CODE, DATA, DATA_COUNT, TAG = range(14)
ORDER: Final = (TYPE, IMPORT, FUNCTION, TABLE, MEMORY, TAG, GLOBAL, EXPORT, START, ELEMENT, DATA_COUNT, CODE, DATA)

MAX_ITEMS: Final = 200_000
"""Globals, exports, segments, and elements of segments: of each so many, in sum. Modules with more are not frozen."""

_REF_FUNC: Final = 0xD2
_REF_NULL: Final = 0xD0
_I32_CONST: Final = 0x41


class Unfreezable(Exception):
    """An instance's state cannot be written back into its module; the text says why, in words that follow "it"."""


class Mode(Enum):
    """When a segment is used: at the beginning, by an instruction, or never."""

    ACTIVE = "active"
    PASSIVE = "passive"
    DECLARATIVE = "declarative"


@dataclass(frozen=True, slots=True)
class Global:
    """A global of the module's own. ``head`` is its type as bytes, mutability included, ``value`` its expression."""

    type: str
    mutable: bool
    head: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the module's own. ``head``: its element type as bytes; ``value`` is empty where it begins as nulls."""

    type: str
    head: bytes
    minimum: int
    maximum: int | None
    value: bytes


UNKNOWN: Final = -2
"""An element that is neither null nor a function that is named."""

NULL: Final = -1


@dataclass(frozen=True, slots=True)
class Elements:
    """An element segment. ``offset`` is None where it is computed; ``raw`` is the whole segment's bytes.

    ``type``: the element type's bytes; ``items``: function indices, NULL or UNKNOWN; ``body``: the vector's bytes,
    which are expressions where ``expressions``.
    """

    mode: Mode
    table: int
    offset: int | None
    type: bytes
    items: tuple[int, ...]
    body: bytes
    expressions: bool
    raw: bytes


@dataclass(frozen=True, slots=True)
class Data:
    """A data segment: its mode, and where its bytes lie in the binary."""

    mode: Mode
    start: int
    stop: int


@dataclass(slots=True)
class Layout:
    """A module taken apart. ``sections``: number, first byte and end of each one's content, in order."""

    data: bytes
    sections: list[tuple[int, int, int]] = field(default_factory=list)
    types: int = 0
    functions: int = 0
    globals: list[Global] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    memory: MemoryType | None = None
    exports: dict[str, tuple[int, int]] = field(default_factory=dict)
    elements: list[Elements] = field(default_factory=list)
    segments: list[Data] = field(default_factory=list)
    has_start: bool = False
    has_data_count: bool = False

    def content(self, number: int) -> bytes:
        """The content of the section with that number; empty where there is none."""
        for found, start, stop in self.sections:
            if found == number:
                return self.data[start:stop]
        return b""

    @property
    def code_at(self) -> int:
        """Where the code section's content begins, in the binary."""
        return next((start for number, start, _ in self.sections if number == CODE), 0)


def read_layout(data: bytes) -> Layout:
    """Takes a valid core module apart.

    Raises:
        Unfreezable: it imports memories, tables or globals, or has more than ``MAX_ITEMS`` of something.
        MalformedBinary: it cannot be read.
    """
    reader = Reader(data, 8)
    layout = Layout(data)
    for number, stop in reader.sections():
        layout.sections.append((number, reader.pos, stop))
        read = _READERS.get(number)
        if read is not None:
            read(layout, reader)
    return layout


def _count(reader: Reader, what: str) -> int:
    found = reader.count(1 << 32, what)
    if found > MAX_ITEMS:
        raise Unfreezable(f"has {found} {what}, more than {MAX_ITEMS}")
    return found


def _read_types(layout: Layout, reader: Reader) -> None:
    index = TypeIndex(layout.data)
    index.read_section(reader)
    layout.types = len(index)


def _read_imports(layout: Layout, reader: Reader) -> None:
    for _ in range(_count(reader, "imports")):
        reader.skip_name()
        reader.skip_name()
        if reader.byte() != 0:
            raise Unfreezable("imports something that is no function")
        reader.u32()
        layout.functions += 1


def _read_functions(layout: Layout, reader: Reader) -> None:
    layout.functions += reader.u32()


def _read_tables(layout: Layout, reader: Reader) -> None:
    for _ in range(_count(reader, "tables")):
        has_value = reader.data[reader.pos : reader.pos + 2] == b"\x40\x00"
        if has_value:
            reader.pos += 2
        start = reader.pos
        read_value_type(reader)
        head = reader.data[start : reader.pos]
        reader.pos = start
        found = read_table_type(reader)
        start = reader.pos
        if has_value:
            skip_constant(reader)
        value = reader.data[start : reader.pos]
        if found.table64:
            raise Unfreezable("has a 64-bit table")
        layout.tables.append(Table(found.element, head, found.minimum, found.maximum, value))


def _read_memories(layout: Layout, reader: Reader) -> None:
    for _ in range(_count(reader, "memories")):
        if layout.memory is not None:
            raise Unfreezable("has more than one memory")
        layout.memory = read_memory_type(reader)


def _read_globals(layout: Layout, reader: Reader) -> None:
    for _ in range(_count(reader, "globals")):
        start = reader.pos
        kind = read_value_type(reader)
        mutable = reader.byte() == 1
        head = reader.data[start : reader.pos]
        start = reader.pos
        skip_constant(reader)
        layout.globals.append(Global(kind, mutable, head, reader.data[start : reader.pos]))


def _read_exports(layout: Layout, reader: Reader) -> None:
    for _ in range(_count(reader, "exports")):
        name = reader.name()
        layout.exports[name] = (reader.byte(), reader.u32())


def _read_start(layout: Layout, reader: Reader) -> None:
    reader.u32()
    layout.has_start = True


def _read_data_count(layout: Layout, reader: Reader) -> None:
    reader.u32()
    layout.has_data_count = True


def _read_offset(reader: Reader) -> int | None:
    """An offset's expression: its value where it is one constant."""
    start = reader.pos
    skip_constant(reader)
    if reader.data[start] != _I32_CONST:
        return None
    constant = Reader(reader.data, start + 1, reader.pos)
    value = shift = 0
    while True:
        byte = constant.byte()
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if byte & 0x40:
        value -= 1 << shift
    return value & 0xFFFFFFFF if constant.pos == reader.pos - 1 else None  # what follows is the end


def named_function(data: bytes, start: int, stop: int) -> int:
    """What a constant expression of a reference type says: a function's index, NULL or UNKNOWN."""
    reader = Reader(data, start, stop)
    opcode = reader.byte()
    if opcode == _REF_NULL:
        return NULL
    if opcode != _REF_FUNC:
        return UNKNOWN
    found = reader.u32()
    return found if reader.pos == stop - 1 else UNKNOWN


def _read_elements(layout: Layout, reader: Reader) -> None:
    left = MAX_ITEMS
    for _ in range(_count(reader, "element segments")):
        segment = _read_segment(reader, left)
        left -= len(segment.items)
        layout.elements.append(segment)


def _read_segment(reader: Reader, most: int) -> Elements:
    begin = reader.pos
    flags = reader.u32()
    if flags > 7:
        raise MalformedBinary(begin, f"unknown flags of an element segment: {flags}")
    mode = Mode.ACTIVE if not flags & 1 else Mode.DECLARATIVE if flags & 2 else Mode.PASSIVE
    table, offset, kind = 0, None, b"\x70"
    if mode is Mode.ACTIVE:
        table = reader.u32() if flags & 2 else 0
        offset = _read_offset(reader)
    if flags & 3:
        start = reader.pos
        if flags & 4:
            read_value_type(reader)
            kind = reader.data[start : reader.pos]
        else:
            reader.byte()
    start = reader.pos
    count = reader.count(1 << 32, "elements")
    if count > most:
        raise Unfreezable(f"has more than {MAX_ITEMS} elements")
    items = []
    for _ in range(count):
        if flags & 4:
            at = reader.pos
            skip_constant(reader)
            items.append(named_function(reader.data, at, reader.pos))
        else:
            items.append(reader.u32())
    body = reader.data[start : reader.pos]
    raw = reader.data[begin : reader.pos]
    return Elements(mode, table, offset, kind, tuple(items), body, bool(flags & 4), raw)


def _read_data(layout: Layout, reader: Reader) -> None:
    for _ in range(_count(reader, "data segments")):
        flags = reader.u32()
        if flags != 1:
            if flags == 2:
                reader.u32()
            skip_constant(reader)
        size = reader.u32()
        if size > reader.end - reader.pos:
            raise MalformedBinary(reader.pos, "a data segment runs past the end")
        mode = Mode.PASSIVE if flags == 1 else Mode.ACTIVE
        layout.segments.append(Data(mode, reader.pos, reader.pos + size))
        reader.pos += size


_READERS: Final = {
    TYPE: _read_types,
    IMPORT: _read_imports,
    FUNCTION: _read_functions,
    TABLE: _read_tables,
    MEMORY: _read_memories,
    GLOBAL: _read_globals,
    EXPORT: _read_exports,
    START: _read_start,
    ELEMENT: _read_elements,
    DATA: _read_data,
    DATA_COUNT: _read_data_count,
}


def rebuild(layout: Layout, replaced: dict[int, bytes | None], *, custom: bool = True) -> bytes:
    """The module with other sections: ``replaced`` has their content by number; None: there is none.

    ``custom``: whether custom sections stay.
    """
    there = {number for number, _, _ in layout.sections}
    new = [number for number in ORDER if replaced.get(number) is not None and number not in there]
    parts = [layout.data[:8]]
    for number, start, stop in layout.sections:
        if number == CUSTOM:
            if custom:
                parts.append(section(CUSTOM, layout.data[start:stop]))
            continue
        while new and ORDER.index(new[0]) < ORDER.index(number):
            parts.append(section(new[0], replaced[new.pop(0)] or b""))
        content = replaced.get(number, layout.data[start:stop])
        if content is not None:
            parts.append(section(number, content))
    parts += [section(number, replaced[number] or b"") for number in new]
    return b"".join(parts)
