"""The sections of a core module that say what it imports and exports; its code, elements and data are skipped over.

Follows the core specification 3.0, binary format, section "Modules". A module that passes here may still be
invalid: that is for the engine to find. What is reported of it, though, is what its bytes say.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .binary_constant import skip_constant
from .binary_reader import MalformedBinary, Reader
from .binary_types import (
    ExternType,
    GlobalType,
    MemoryType,
    TableType,
    TagType,
    TypeIndex,
    read_global_type,
    read_memory_type,
    read_mutability,
    read_table_type,
    read_value_type,
)

MAX_FUNCTIONS: Final = 1_000_000
MAX_GLOBALS: Final = 1_000_000
MAX_TAGS: Final = 100_000
MAX_IMPORTS: Final = 100_000
MAX_EXPORTS: Final = 100_000
MAX_TABLES: Final = 100
MAX_MEMORIES: Final = 100
"""Limits of the WebAssembly JavaScript API and of wasmtime's parser, but for tags, imports and exports: engines
allow ten times as many of those, which no agent needs, and which would cost ten times the time and memory here."""

MAX_STRUCTURE_BYTES: Final = 8 << 20
"""The most bytes, in sum, of the sections that are read item by item: a bound of time and memory for any module."""

_EXPORT_PLACE: Final = 8


@dataclass(frozen=True, slots=True)
class Import:
    """What a module needs: `module` and `name` say which, `what` its type."""

    module: str
    name: str
    what: ExternType


@dataclass(frozen=True, slots=True)
class Export:
    """What a module offers. An imported thing may be exported again; its type is then the import's."""

    name: str
    what: ExternType


class CoreModule:
    """Collects what the sections of one core module say; feed it each non-custom section, then call `finish`."""

    __slots__ = (
        "_data_count",
        "_functions",
        "_globals",
        "_place",
        "_structure",
        "_tags",
        "_types",
        "bodies",
        "code_size",
        "data_size",
        "defined",
        "exports",
        "has_start",
        "imports",
        "memories",
        "tables",
    )

    def __init__(self, data: bytes) -> None:
        self._types = TypeIndex(data)
        self._functions = array("I")  # each function's type index, imported functions first
        self._globals: list[GlobalType] = []
        self._tags: list[TagType] = []
        self._place = self._structure = 0
        self._data_count: int | None = None
        self.imports: list[Import] = []
        self.exports: dict[str, ExternType] = {}
        self.tables: list[TableType] = []
        self.memories: list[MemoryType] = []
        self.defined = self.bodies = self.code_size = self.data_size = 0
        self.has_start = False

    def read_section(self, kind: int, reader: Reader) -> str:
        """Read one section up to `reader.end`; returns its name. `MalformedBinary` also if it stands out of order."""
        start = reader.pos
        if kind not in _SECTIONS:
            raise MalformedBinary(start, f"unknown section id {kind}")
        name, place, read = _SECTIONS[kind]
        if place <= self._place:
            raise MalformedBinary(start, f"the {name} section is out of order, or there twice")
        self._place = place
        if place <= _EXPORT_PLACE:
            self._structure += reader.end - start
            if self._structure > MAX_STRUCTURE_BYTES:
                raise MalformedBinary(start, f"more than {MAX_STRUCTURE_BYTES} bytes of types, imports, exports")
        read(self, reader)
        if reader.pos != reader.end:
            raise MalformedBinary(reader.pos, f"the {name} section has {reader.end - reader.pos} bytes too many")
        return name

    def finish(self, offset: int) -> None:
        """Check what concerns two sections; `offset` is the module's end."""
        if self.defined != self.bodies:
            raise MalformedBinary(offset, f"{self.defined} functions, but code for {self.bodies}")
        if self._data_count:
            # The data section, where there is one, has cleared the count that it kept to.
            raise MalformedBinary(offset, f"{self._data_count} data segments announced, but there are none")

    def _read_types(self, reader: Reader) -> None:
        self._types.read_section(reader)

    def _read_imports(self, reader: Reader) -> None:
        for _ in range(reader.count(MAX_IMPORTS, "imports")):
            module, name = reader.name(), reader.name()
            self.imports.append(Import(module, name, self._read_import_type(reader)))
        self._check_few(reader, self.tables, MAX_TABLES, "tables")
        self._check_few(reader, self.memories, MAX_MEMORIES, "memories")

    def _read_import_type(self, reader: Reader) -> ExternType:
        start = reader.pos
        match reader.byte():
            case 0:
                offset = reader.pos
                self._functions.append(reader.u32())
                return self._types.function(self._functions[-1], offset)
            case 1:
                self.tables.append(read_table_type(reader))
                return self.tables[-1]
            case 2:
                self.memories.append(read_memory_type(reader))
                return self.memories[-1]
            case 3:
                self._globals.append(read_global_type(reader))
                return self._globals[-1]
            case 4:
                self._tags.append(self._read_tag(reader))
                return self._tags[-1]
            case other:
                raise MalformedBinary(start, f"unknown kind of import {other:#04x}")

    def _read_functions(self, reader: Reader) -> None:
        count = self.defined = reader.count(MAX_FUNCTIONS, "functions")
        start = reader.pos
        if count == reader.end - start:  # so each index is one byte long
            self._functions.extend(reader.data[start : reader.end])
            reader.pos = reader.end
        else:
            self._functions.extend(reader.u32() for _ in range(count))
        if count and (highest := max(self._functions)) >= len(self._types):
            raise MalformedBinary(start, f"a function of type {highest}, where there are {len(self._types)} types")

    def _read_tables(self, reader: Reader) -> None:
        for _ in range(reader.count(MAX_TABLES, "tables")):
            has_initial_value = reader.data[reader.pos : reader.pos + 2] == b"\x40\x00"
            if has_initial_value:
                reader.pos += 2
            self.tables.append(read_table_type(reader))
            if has_initial_value:
                skip_constant(reader)
        self._check_few(reader, self.tables, MAX_TABLES, "tables")

    def _read_memories(self, reader: Reader) -> None:
        for _ in range(reader.count(MAX_MEMORIES, "memories")):
            self.memories.append(read_memory_type(reader))
        self._check_few(reader, self.memories, MAX_MEMORIES, "memories")

    def _read_tags(self, reader: Reader) -> None:
        for _ in range(reader.count(MAX_TAGS, "tags")):
            self._tags.append(self._read_tag(reader))

    def _read_tag(self, reader: Reader) -> TagType:
        start = reader.pos
        if (attribute := reader.byte()) != 0:
            raise MalformedBinary(start, f"unknown tag attribute {attribute:#04x}")
        signature = self._types.function(reader.u32(), start)
        if signature.results:
            raise MalformedBinary(start, "a tag with results")
        return TagType(signature.params)

    def _read_globals(self, reader: Reader) -> None:
        # Many globals, few types: one object for all of a type keeps a million of them at 8 MiB.
        shared: dict[tuple[str, bool], GlobalType] = {}
        for _ in range(reader.count(MAX_GLOBALS, "globals")):
            key = read_value_type(reader), read_mutability(reader)
            if (found := shared.get(key)) is None:
                found = shared[key] = GlobalType(*key)
            self._globals.append(found)
            skip_constant(reader)

    def _read_exports(self, reader: Reader) -> None:
        for _ in range(reader.count(MAX_EXPORTS, "exports")):
            start = reader.pos
            name = reader.name()
            if name in self.exports:
                raise MalformedBinary(start, "two exports of one name")
            self.exports[name] = self._read_export_type(reader)

    def _read_export_type(self, reader: Reader) -> ExternType:
        start = reader.pos
        kind, index = reader.byte(), reader.u32()
        spaces = (self._functions, self.tables, self.memories, self._globals, self._tags)
        if kind >= len(spaces):
            raise MalformedBinary(start, f"unknown kind of export {kind:#04x}")
        if index >= len(spaces[kind]):
            raise MalformedBinary(start, f"an export of number {index}, where there are {len(spaces[kind])}")
        found = spaces[kind][index]
        return self._types.function(found, start) if isinstance(found, int) else found

    def _read_start(self, reader: Reader) -> None:
        start = reader.pos
        if (index := reader.u32()) >= len(self._functions):
            raise MalformedBinary(start, f"starts with function {index} of {len(self._functions)}")
        self.has_start = True

    def _read_data_count(self, reader: Reader) -> None:
        self._data_count = reader.u32()

    def _skip_code(self, reader: Reader) -> None:
        self.code_size = reader.end - reader.pos
        self.bodies = reader.count(MAX_FUNCTIONS, "function bodies")
        self._skip_rest(reader)

    def _skip_data(self, reader: Reader) -> None:
        start = reader.pos
        self.data_size = reader.end - start
        segments = reader.u32()
        if self._data_count is not None and segments != self._data_count:
            raise MalformedBinary(start, f"{segments} data segments, where {self._data_count} were announced")
        self._data_count = None
        self._skip_rest(reader)

    def _skip_rest(self, reader: Reader) -> None:
        reader.pos = reader.end

    @staticmethod
    def _check_few(reader: Reader, found: list[TableType] | list[MemoryType], limit: int, what: str) -> None:
        if len(found) > limit:
            raise MalformedBinary(reader.pos, f"more than {limit} {what}")


# Id: name, place in the order that the specification demands, and who reads it. All up to the exports are read item
# by item.
_SECTIONS: Final[dict[int, tuple[str, int, Callable[[CoreModule, Reader], None]]]] = {
    1: ("type", 1, CoreModule._read_types),
    2: ("import", 2, CoreModule._read_imports),
    3: ("function", 3, CoreModule._read_functions),
    4: ("table", 4, CoreModule._read_tables),
    5: ("memory", 5, CoreModule._read_memories),
    13: ("tag", 6, CoreModule._read_tags),
    6: ("global", 7, CoreModule._read_globals),
    7: ("export", _EXPORT_PLACE, CoreModule._read_exports),
    8: ("start", 9, CoreModule._read_start),
    9: ("element", 10, CoreModule._skip_rest),
    12: ("data count", 11, CoreModule._read_data_count),
    10: ("code", 12, CoreModule._skip_code),
    11: ("data", 13, CoreModule._skip_data),
}
