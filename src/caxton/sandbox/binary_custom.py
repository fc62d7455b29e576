"""Custom sections: names, producers, and where debug information lies.

An error inside a custom section never spoils a module (core specification, binary format, section "Custom Section"):
what cannot be read counts as not there. Formats: the specification's appendix "Custom Sections", and the tool
conventions' documents on the producers section, on DWARF and on source maps.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from .binary_reader import MalformedBinary, Reader

MAX_CUSTOM_SECTIONS: Final = 10_000
"""The most custom sections of one binary."""

MAX_CUSTOM_NAME: Final = 256
"""The characters that are kept of a custom section's name."""

MAX_PRODUCERS_BYTES: Final = 64 << 10
"""The longest producers section, in bytes; a longer one counts as unreadable."""

MAX_FUNCTION_NAMES: Final = 1_000_000
"""The most names that are read from a name section; the rest is left out."""

_FUNCTION_NAMES: Final = 1  # the name section's subsection


@dataclass(frozen=True, slots=True)
class CustomSection:
    """A custom section's name, cut to 256 characters, and the size in bytes of what follows the name."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Producers:
    """Which tools made the module, by its own account: pairs of name and version."""

    language: tuple[tuple[str, str], ...] = ()
    processed_by: tuple[tuple[str, str], ...] = ()
    sdk: tuple[tuple[str, str], ...] = ()


class CustomSections:
    """Collects what a binary's custom sections say. Of two sections with one meaning the first one counts."""

    __slots__ = ("external_debug_info", "found", "has_dwarf", "has_names", "producers", "source_mapping_url")

    def __init__(self) -> None:
        self.found: list[CustomSection] = []
        self.producers: Producers | None = None
        self.external_debug_info: str | None = None
        self.source_mapping_url: str | None = None
        self.has_dwarf = self.has_names = False

    def read_section(self, reader: Reader) -> None:
        """Read a custom section; `MalformedBinary` if its name runs past its end, or if it is one too many."""
        if len(self.found) == MAX_CUSTOM_SECTIONS:
            raise MalformedBinary(reader.pos, f"more than {MAX_CUSTOM_SECTIONS} custom sections")
        name = reader.name("replace")[:MAX_CUSTOM_NAME]
        self.found.append(CustomSection(name, reader.end - reader.pos))
        if name.startswith(".debug_"):
            self.has_dwarf = True
        elif name == "name":
            self.has_names = True
        elif name == "producers" and self.producers is None:
            self.producers = _read_producers(reader)
        elif name == "external_debug_info" and self.external_debug_info is None:
            self.external_debug_info = _read_url(reader)
        elif name == "sourceMappingURL" and self.source_mapping_url is None:
            self.source_mapping_url = _read_url(reader)


def _read_url(reader: Reader) -> str | None:
    try:
        return reader.name("replace")
    except MalformedBinary:
        return None


def _read_producers(reader: Reader) -> Producers | None:
    fields: dict[str, tuple[tuple[str, str], ...]] = {}
    if reader.end - reader.pos > MAX_PRODUCERS_BYTES:
        return None
    try:
        for _ in range(reader.u32()):
            field = reader.name("replace")
            count = reader.u32()
            fields[field] = tuple((reader.name("replace"), reader.name("replace")) for _ in range(count))
    except MalformedBinary:
        return None
    return Producers(fields.get("language", ()), fields.get("processed-by", ()), fields.get("sdk", ()))


def read_function_names(reader: Reader, only: Container[int] | None) -> dict[int, str]:
    """The function names in a name section's content, by function index: those that stand before the first error in it.

    With `only`, other indices are passed over, which keeps memory as small as what was asked for.
    """
    names: dict[int, str] = {}
    try:
        while reader.pos < reader.end:
            kind = reader.byte()
            stop = reader.u32() + reader.pos
            if kind == _FUNCTION_NAMES:
                reader.end = min(stop, reader.end)
                for _ in range(min(reader.u32(), MAX_FUNCTION_NAMES)):
                    index = reader.u32()
                    if only is None or index in only:
                        names[index] = reader.name("replace")
                    else:
                        reader.skip_name()
                break
            reader.pos = stop
    except MalformedBinary:
        pass
    return names
