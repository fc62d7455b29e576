"""The types of a WebAssembly binary: what imports and exports are, and how the binary format writes it.

Follows the core specification 3.0, binary format, section "Types", with the custom-page-sizes proposal. What a later
proposal adds is refused, not guessed at.
"""

import re
from array import array
from dataclasses import dataclass
from typing import Final

from .binary_reader import MalformedBinary, Reader
from .signature import function

MAX_TYPES: Final = 100_000
"""The most types of one module. Engines allow ten times as many, for ten times the time and memory."""

MAX_NAMED_VALUES: Final = 200_000
"""The most parameters and results, in sum, of the function types that a module's imports, exports and tags name."""

MAX_PARAMS: Final = 1_000
MAX_FIELDS: Final = 10_000
MAX_SUPERTYPES: Final = 1
"""Limits of the WebAssembly JavaScript API, section "Implementation-defined limits", which wasmtime's parser shares."""


@dataclass(frozen=True, slots=True)
class FuncType:
    """A function's parameters and results, each a value type as text (`i32`, `funcref`, `(ref null 3)`)."""

    params: tuple[str, ...]
    results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemoryType:
    """A linear memory. `minimum` and `maximum` count pages of `page_size` bytes; no maximum is None."""

    minimum: int
    maximum: int | None
    memory64: bool
    shared: bool
    page_size: int


@dataclass(frozen=True, slots=True)
class TableType:
    """A table. `minimum` and `maximum` count elements (no maximum is None); `element` is a reference type as text."""

    minimum: int
    maximum: int | None
    element: str
    table64: bool


@dataclass(frozen=True, slots=True)
class GlobalType:
    """A global variable; `content` is a value type as text."""

    content: str
    mutable: bool


@dataclass(frozen=True, slots=True)
class TagType:
    """An exception tag; `params` are the value types that a thrown exception carries."""

    params: tuple[str, ...]


ExternType = FuncType | MemoryType | TableType | GlobalType | TagType
"""What can be imported and exported."""

# Code: heap type, and the short form of a nullable reference to it.
_ABSTRACT: Final = {
    0x74: ("noexn", "nullexnref"),
    0x73: ("nofunc", "nullfuncref"),
    0x72: ("noextern", "nullexternref"),
    0x71: ("none", "nullref"),
    0x70: ("func", "funcref"),
    0x6F: ("extern", "externref"),
    0x6E: ("any", "anyref"),
    0x6D: ("eq", "eqref"),
    0x6C: ("i31", "i31ref"),
    0x6B: ("struct", "structref"),
    0x6A: ("array", "arrayref"),
    0x69: ("exn", "exnref"),
}
_NUMERIC: Final = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"}
_ONE_BYTE: Final = _NUMERIC | {code: short for code, (_, short) in _ABSTRACT.items()}
_REF, _REF_NULL = 0x64, 0x63
_PACKED: Final = (0x78, 0x77)
_FUNC, _STRUCT, _ARRAY, _SUB, _SUB_FINAL, _REC = 0x60, 0x5F, 0x5E, 0x50, 0x4F, 0x4E

# Value types and fields as patterns, to walk over lists of them in C. They match just what the functions below read.
_HEAP: Final = rb"(?:[\x69-\x74]|[\x80-\xff]{4}[\x00-\x0f]|[\x80-\xff]{0,3}[\x00-\x3f])"
_VALUE: Final = rb"(?:[\x69-\x74\x7b-\x7f]|[\x63\x64]" + _HEAP + rb")"
_FIELD: Final = rb"(?:" + _VALUE + rb"|[\x77\x78])[\x00\x01]"
_RUN_LENGTHS: Final = (256, 16, 1)
_VALUE_RUNS: Final = [(n, re.compile(_VALUE + rb"{%d}+" % n)) for n in _RUN_LENGTHS]
_FIELD_RUNS: Final = [(n, re.compile(rb"(?:" + _FIELD + rb"){%d}+" % n)) for n in _RUN_LENGTHS]


def read_value_type(reader: Reader) -> str:
    """One value type as text; a nullable reference that has a short form gets it, so equal types are equal text."""
    start = reader.pos
    code = reader.byte()
    if (text := _ONE_BYTE.get(code)) is not None:
        return text
    if code not in (_REF, _REF_NULL):
        raise MalformedBinary(start, f"unknown value type {code:#04x}")
    nullable = code == _REF_NULL
    abstract = _ABSTRACT.get(reader.data[reader.pos]) if reader.pos < reader.end else None
    if abstract is None:
        # A byte that names no known heap type is a negative index, which type_index refuses.
        return f"(ref null {reader.type_index()})" if nullable else f"(ref {reader.type_index()})"
    reader.pos += 1
    heap, short = abstract
    return short if nullable else f"(ref {heap})"


def read_reference_type(reader: Reader) -> str:
    """One value type that must be a reference type."""
    start = reader.pos
    text = read_value_type(reader)
    if text in _NUMERIC.values():
        raise MalformedBinary(start, f"{text} is not a reference type")
    return text


def read_global_type(reader: Reader) -> GlobalType:
    """A value type and its mutability."""
    return GlobalType(read_value_type(reader), read_mutability(reader))


def read_memory_type(reader: Reader) -> MemoryType:
    """Limits in pages, with the flags of the threads, memory64 and custom-page-sizes proposals."""
    start = reader.pos
    flags = reader.byte()
    if flags > 0b1111:
        raise MalformedBinary(start, f"unknown memory flags {flags:#04x}")
    shared = bool(flags & 0b10)
    minimum, maximum = _read_limits(reader, flags)
    if shared and maximum is None:
        raise MalformedBinary(start, "a shared memory without a maximum")
    page_size = 1 << 16
    if flags & 0b1000:
        start = reader.pos
        exponent = reader.u32()
        if exponent not in (0, 16):
            raise MalformedBinary(start, f"a page size of 2^{exponent} bytes")
        page_size = 1 << exponent
    return MemoryType(minimum, maximum, bool(flags & 0b100), shared, page_size)


def read_table_type(reader: Reader) -> TableType:
    """An element type and limits in elements."""
    element = read_reference_type(reader)
    start = reader.pos
    flags = reader.byte()
    if flags & ~0b101:
        raise MalformedBinary(start, f"unknown table flags {flags:#04x}")
    minimum, maximum = _read_limits(reader, flags)
    return TableType(minimum, maximum, element, bool(flags & 0b100))


def _read_limits(reader: Reader, flags: int) -> tuple[int, int | None]:
    start = reader.pos
    bits = 64 if flags & 0b100 else 32
    minimum = reader.unsigned(bits)
    if not flags & 0b1:
        return minimum, None
    maximum = reader.unsigned(bits)
    if maximum < minimum:
        raise MalformedBinary(start, f"a maximum of {maximum} below the minimum of {minimum}")
    return minimum, maximum


def read_mutability(reader: Reader) -> bool:
    """Whether a global or a field may be written to."""
    flag = reader.byte()
    if flag > 1:
        raise MalformedBinary(reader.pos - 1, f"unknown mutability {flag:#04x}")
    return flag == 1


class TypeIndex:
    """A module's types, walked over once; function types are built only for those who ask.

    A big module has thousands of types and names a few dozen of them in imports and exports. So of each type only its
    place is kept: 8 bytes, whatever a hostile module puts into it.
    """

    __slots__ = ("_built", "_data", "_places", "_texts", "_values")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._places = array("Q")  # of a function type, its parameters' offset; of any other type 0
        self._built: dict[int, FuncType] = {}
        self._values = 0  # how many values are in there
        self._texts: dict[bytes, str] = {}  # one string for each value type, however often it is used

    def __len__(self) -> int:
        return len(self._places)

    def read_section(self, reader: Reader) -> None:
        """Walk over a type section: recursion groups, subtypes, functions, structs and arrays."""
        for _ in range(reader.count(MAX_TYPES, "types")):
            members = 1
            if reader.pos < reader.end and reader.data[reader.pos] == _REC:
                reader.pos += 1
                members = reader.count(MAX_TYPES, "types in a recursion group")
            if len(self._places) + members > MAX_TYPES:
                raise MalformedBinary(reader.pos, f"more than {MAX_TYPES} types")
            for _ in range(members):
                self._places.append(_skip_type(reader))

    def parameters(self, index: int) -> int:
        """How many parameters the function type with this index has; 0 where it is none."""
        place = self._places[index] if index < len(self._places) else 0
        return Reader(self._data, place).u32() if place else 0

    def function(self, index: int, offset: int) -> FuncType:
        """The function type with this index; `MalformedBinary` at `offset`, where it is asked for, if there is none."""
        if (known := self._built.get(index)) is not None:
            return known
        if index >= len(self._places):
            raise MalformedBinary(offset, f"type {index} of {len(self._places)}")
        place = self._places[index]
        if place == 0:
            raise MalformedBinary(offset, f"type {index} is not a function type")
        reader = Reader(self._data, place)
        built = self._built[index] = FuncType(self._read_values(reader), self._read_values(reader))
        return built

    def _read_values(self, reader: Reader) -> tuple[str, ...]:
        count = reader.u32()
        start = reader.pos
        self._values += count
        if self._values > MAX_NAMED_VALUES:
            raise MalformedBinary(start, f"more than {MAX_NAMED_VALUES} parameters of imports and exports")
        _skip_values(reader, count)
        one_value = _VALUE_RUNS[-1][1]
        codes = one_value.findall(self._data, start, reader.pos)
        for code in set(codes) - self._texts.keys():
            self._texts[code] = read_value_type(Reader(code))
        return tuple(map(self._texts.__getitem__, codes))


def _skip_type(reader: Reader) -> int:
    """Walk over one subtype; returns where its parameters stand if it is a function type, else 0."""
    start = reader.pos
    code = reader.byte()
    if code in (_SUB, _SUB_FINAL):
        for _ in range(reader.count(MAX_SUPERTYPES, "supertypes")):
            reader.u32()
        start = reader.pos
        code = reader.byte()
    if code == _FUNC:
        place = reader.pos
        _skip_values(reader, reader.count(MAX_PARAMS, "parameters"))
        _skip_values(reader, reader.count(MAX_PARAMS, "results"))
        return place
    if code == _STRUCT:
        _skip_fields(reader, reader.count(MAX_FIELDS, "struct fields"))
    elif code == _ARRAY:
        _skip_fields(reader, 1)
    else:
        raise MalformedBinary(start, f"unknown type form {code:#04x}")
    return 0


def _skip_values(reader: Reader, count: int) -> None:
    for _ in range(_skip_runs(reader, count, _VALUE_RUNS)):
        read_value_type(reader)


def _skip_fields(reader: Reader, count: int) -> None:
    for _ in range(_skip_runs(reader, count, _FIELD_RUNS)):
        if reader.pos < reader.end and reader.data[reader.pos] in _PACKED:
            reader.pos += 1
        else:
            read_value_type(reader)
        read_mutability(reader)


def _skip_runs(reader: Reader, count: int, runs: list[tuple[int, re.Pattern[bytes]]]) -> int:
    """Walk over `count` items, as far as they are well formed; returns how many are left."""
    for length, run in runs:
        while count >= length and (found := run.match(reader.data, reader.pos, reader.end)):
            reader.pos = found.end()
            count -= length
    return count


def signature(what: ExternType) -> str:
    """The type of an import or export in one line, such as ``func (i32 i32) -> (i32)``."""
    match what:
        case FuncType(params, results):
            return function(" ".join(params), " ".join(results))
        case MemoryType():
            return "memory"
        case TableType():
            return "table"
        case GlobalType():
            return "global"
        case _:
            return "tag"
