"""What a WebAssembly binary says of itself, read from its bytes without an engine.

    info = read_binary(data)          # imports, exports, memories, sizes, debug information
    names = function_names(data)      # function index -> name, when a stack trace needs them

The bytes are hostile: reading takes time linear in their number, memory bounded by the limits named beside each
section's reader, no recursion, and ends in a result or in `MalformedBinary`. A binary that can be read may still be
invalid; that the engine finds out.
"""

import hashlib
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .binary_custom import CustomSection, CustomSections, Producers, read_function_names
from .binary_module import CoreModule, Export, Import
from .binary_reader import MalformedBinary, Reader
from .binary_types import ExternType, FuncType, GlobalType, MemoryType, TableType, TagType

__all__ = [
    "BinaryInfo",
    "CustomSection",
    "Export",
    "ExternType",
    "FuncType",
    "GlobalType",
    "Import",
    "Kind",
    "MalformedBinary",
    "MemoryType",
    "Producers",
    "Section",
    "TableType",
    "TagType",
    "function_names",
    "read_binary",
]

_MAGIC: Final = b"\0asm"
_CUSTOM: Final = 0
_COMPONENT_SECTIONS: Final = (
    "custom",
    "core module",
    "core instance",
    "core type",
    "component",
    "instance",
    "alias",
    "type",
    "canon",
    "start",
    "import",
    "export",
    "value",
)


class Kind(StrEnum):
    """Which of the two binary formats it is, by the version and layer after the magic number."""

    CORE_MODULE = "core module"
    COMPONENT = "component"


_PREAMBLES: Final = {b"\x01\0\0\0": Kind.CORE_MODULE, b"\x0d\0\x01\0": Kind.COMPONENT}


@dataclass(frozen=True, slots=True)
class Section:
    """All sections with one id, in sum: how many there are, and the bytes in them without their headers."""

    name: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class BinaryInfo:
    """What a binary says of itself. Sizes are in bytes.

    Of a component only `kind`, `size`, `sha256`, `sections` and what its own custom sections say are read; the modules
    inside it are not looked into, and the other fields are empty.

    - `imports`, `exports`: in the binary's order, types resolved.
    - `memories`, `tables`: by index, so imported ones come first.
    - `functions`: how many functions the module defines; imported ones are not among them.
    - `code_size`, `data_size`: the contents of the code and of the data section.
    - `has_dwarf`: there is a `.debug_*` section. `external_debug_info` and `source_mapping_url` are unchecked URLs.
    - `has_names`: there is a name section, for `function_names`.
    - `producers`: None where the section is absent or cannot be read.

    Text from a binary is anybody's text: escape it before it is shown.
    """

    kind: Kind
    size: int
    sha256: str
    sections: tuple[Section, ...]
    custom_sections: tuple[CustomSection, ...]
    imports: tuple[Import, ...]
    exports: tuple[Export, ...]
    memories: tuple[MemoryType, ...]
    tables: tuple[TableType, ...]
    functions: int
    code_size: int
    data_size: int
    has_start: bool
    has_dwarf: bool
    has_names: bool
    external_debug_info: str | None
    source_mapping_url: str | None
    producers: Producers | None


def read_binary(data: bytes | bytearray, *, sha256: str | None = None) -> BinaryInfo:
    """Read a core module or the outline of a component.

    `sha256` is the hash of `data` in lower-case hex, for callers who have it already; else it is computed here. Raises
    `MalformedBinary`. Follows the core specification 3.0, binary format, and for components the component model's
    Binary.md.
    """
    data = bytes(data)
    reader = Reader(data)
    kind = _read_preamble(reader)
    core, custom = CoreModule(data), CustomSections()
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for number, stop in reader.sections():
        size = stop - reader.pos
        if number == _CUSTOM:
            name = "custom"
            custom.read_section(reader)
        elif kind is Kind.COMPONENT:
            name = _component_section(number, reader)
        else:
            name = core.read_section(number, reader)
        counts[name] += 1
        sizes[name] += size
    core.finish(len(data))
    return BinaryInfo(
        kind=kind,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest() if sha256 is None else sha256,
        sections=tuple(Section(name, count, sizes[name]) for name, count in counts.items()),
        custom_sections=tuple(custom.found),
        imports=tuple(core.imports),
        exports=tuple(Export(name, what) for name, what in core.exports.items()),
        memories=tuple(core.memories),
        tables=tuple(core.tables),
        functions=core.defined,
        code_size=core.code_size,
        data_size=core.data_size,
        has_start=core.has_start,
        has_dwarf=custom.has_dwarf,
        has_names=custom.has_names,
        external_debug_info=custom.external_debug_info,
        source_mapping_url=custom.source_mapping_url,
        producers=custom.producers,
    )


def function_names(data: bytes | bytearray, *, only: Container[int] | None = None) -> dict[int, str]:
    """Function names by function index, imported functions counted first, from a core module's name section.

    Empty where there is none, and for a component. `only` names the indices that are wanted, such as those of a trap's
    frames; without it, memory grows with the names that the section holds. Text that is not UTF-8 is replaced; a
    section that breaks off gives what stands before the break. Raises `MalformedBinary` where the sections before it
    cannot be walked over.
    """
    data = bytes(data)
    reader = Reader(data)
    if _read_preamble(reader) is Kind.COMPONENT:
        return {}
    for number, stop in reader.sections():
        if number == _CUSTOM and reader.name("replace") == "name":
            return read_function_names(Reader(data, reader.pos, stop), only)
    return {}


def _read_preamble(reader: Reader) -> Kind:
    magic, version = reader.data[:4], reader.data[4:8]
    if magic != _MAGIC:
        raise MalformedBinary(0, "not a WebAssembly binary: it does not begin with \\0asm")
    if version not in _PREAMBLES:
        raise MalformedBinary(4, f"unknown version and layer: {version.hex(' ')}")
    reader.pos = 8
    return _PREAMBLES[version]


def _component_section(number: int, reader: Reader) -> str:
    if number >= len(_COMPONENT_SECTIONS):
        raise MalformedBinary(reader.pos, f"unknown section id {number}")
    reader.pos = reader.end
    return _COMPONENT_SECTIONS[number]
