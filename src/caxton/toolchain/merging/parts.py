"""A core module taken apart, as far as it has to be put together with others.

Follows the core specification 2.0, binary format. What goes beyond it, and what is not met in what linkers make, is
``Unmergeable``: then the modules stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from caxton.sandbox.binary_constant import skip_constant
from caxton.sandbox.binary_custom import read_function_names
from caxton.sandbox.binary_reader import Reader
from caxton.sandbox.binary_types import read_global_type, read_memory_type, read_table_type

FUNC, TABLE, MEMORY, GLOBAL = range(4)
"""Kinds of items, as imports and exports number them; the component's core sorts have the same numbers."""

PREAMBLE: Final = b"\0asm\x01\0\0\0"
_MOST: Final = 1_000_000
_VALUES: Final = re.compile(rb"[\x6f\x70\x7b-\x7f]*")


class Unmergeable(Exception):
    """These modules cannot be made one; the text says why."""


@dataclass(frozen=True, slots=True)
class Import:
    """``type``: the number of a function's type; 0 for anything else."""

    module: str
    name: str
    kind: int
    type: int


@dataclass(frozen=True, slots=True)
class Global:
    """A global of the module's own: its type's bytes, and the expression that it begins with."""

    head: bytes
    value: bytes

    @property
    def is_constant(self) -> bool:
        """Whether it never changes."""
        return self.head[-1] == 0


@dataclass(frozen=True, slots=True)
class Elements:
    """A segment of function numbers. ``flags`` as in the binary: 1 and 3 have neither table nor offset."""

    flags: int
    table: int
    offset: bytes
    functions: list[int]


@dataclass(frozen=True, slots=True)
class Data:
    """A segment of bytes; ``offset`` is None where it is passive."""

    offset: bytes | None
    content: bytes


@dataclass(slots=True)
class Parts:
    """The module. ``functions``: the types of its own functions; ``bodies``: where their code lies in ``data``;
    ``imported``: its imports by kind, which come first in the numbering of that kind."""

    data: bytes
    types: list[bytes] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    functions: list[int] = field(default_factory=list)
    tables: list[bytes] = field(default_factory=list)
    memories: list[bytes] = field(default_factory=list)
    globals: list[Global] = field(default_factory=list)
    exports: dict[str, tuple[int, int]] = field(default_factory=dict)
    elements: list[Elements] = field(default_factory=list)
    bodies: list[tuple[int, int]] = field(default_factory=list)
    segments: list[Data] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    imported: tuple[list[Import], ...] = field(default_factory=lambda: ([], [], [], []))

    def own(self, kind: int) -> int:
        """How many of a kind it has itself."""
        return len((self.functions, self.tables, self.memories, self.globals)[kind])


def read_parts(data: bytes) -> Parts:
    """Takes a core module apart.

    Raises:
        Unmergeable: it has something that is not known here.
        MalformedBinary: it cannot be read.
    """
    if data[:8] != PREAMBLE:
        raise Unmergeable("something is no core module")
    reader = Reader(data, 8)
    parts = Parts(data)
    for number, _ in reader.sections():
        if number == 0:
            if reader.name("replace") == "name":
                parts.names = read_function_names(Reader(data, reader.pos, reader.end), None)
        elif number != _DATA_COUNT:
            read = _READERS.get(number)
            if read is None:
                raise Unmergeable(f"a module has a section {number}")
            for _ in range(reader.count(_MOST, "items")):
                read(parts, reader)
    return parts


def _type(parts: Parts, reader: Reader) -> None:
    start = reader.pos
    if reader.byte() != 0x60:
        raise Unmergeable("a type is no function's")
    for _ in range(2):
        count = reader.u32()
        found = _VALUES.match(reader.data, reader.pos, min(reader.pos + count, reader.end))
        if found is None or found.end() != reader.pos + count:
            raise Unmergeable("a function has values of a type of its own")
        reader.pos = found.end()
    parts.types.append(reader.data[start : reader.pos])


def _import(parts: Parts, reader: Reader) -> None:
    module, name, kind = reader.name(), reader.name(), reader.byte()
    what = 0
    if kind == FUNC:
        what = reader.u32()
    elif kind == TABLE:
        read_table_type(reader)
    elif kind == MEMORY:
        read_memory_type(reader)
    elif kind == GLOBAL:
        read_global_type(reader)
    else:
        raise Unmergeable(f"an import of kind {kind}")
    item = Import(module, name, kind, what)
    parts.imports.append(item)
    parts.imported[kind].append(item)


def _function(parts: Parts, reader: Reader) -> None:
    parts.functions.append(reader.u32())


def _table(parts: Parts, reader: Reader) -> None:
    start = reader.pos
    if reader.data[start] not in (0x6F, 0x70):
        raise Unmergeable("a table has a type or a value of its own")
    read_table_type(reader)
    parts.tables.append(reader.data[start : reader.pos])


def _memory(parts: Parts, reader: Reader) -> None:
    start = reader.pos
    read_memory_type(reader)
    parts.memories.append(reader.data[start : reader.pos])


def _global(parts: Parts, reader: Reader) -> None:
    start = reader.pos
    if reader.data[start] not in _NUMBERS:
        raise Unmergeable("a global is no number")
    read_global_type(reader)
    head = reader.data[start : reader.pos]
    parts.globals.append(Global(head, _constant(reader)))


def _constant(reader: Reader) -> bytes:
    start = reader.pos
    skip_constant(reader)
    return reader.data[start : reader.pos]


def _export(parts: Parts, reader: Reader) -> None:
    name = reader.name()
    parts.exports[name] = reader.byte(), reader.u32()


def _elements(parts: Parts, reader: Reader) -> None:
    flags = reader.u32()
    if flags > 3:
        raise Unmergeable("a segment of elements has expressions")
    table = reader.u32() if flags == 2 else 0
    offset = b"" if flags & 1 else _constant(reader)
    if flags and reader.byte() != 0:
        raise Unmergeable("a segment of elements that are no functions")
    count = reader.count(_MOST, "elements")
    parts.elements.append(Elements(flags, table, offset, [reader.u32() for _ in range(count)]))


def _body(parts: Parts, reader: Reader) -> None:
    size = reader.count(reader.end, "bytes of code")
    parts.bodies.append((reader.pos, reader.pos + size))
    reader.pos += size


def _data(parts: Parts, reader: Reader) -> None:
    flags = reader.u32()
    if flags > 1:
        raise Unmergeable("a segment of another memory")
    offset = None if flags else _constant(reader)
    size = reader.count(reader.end, "bytes of data")
    parts.segments.append(Data(offset, reader.data[reader.pos : reader.pos + size]))
    reader.pos += size


_DATA_COUNT: Final = 12
_NUMBERS: Final = frozenset({0x7C, 0x7D, 0x7E, 0x7F})
_READERS: Final[dict[int, Callable[[Parts, Reader], None]]] = {
    1: _type,
    2: _import,
    3: _function,
    4: _table,
    5: _memory,
    6: _global,
    7: _export,
    9: _elements,
    10: _body,
    11: _data,
}
"""By section; a start function is not among them: when it runs, other modules may not be there yet."""
