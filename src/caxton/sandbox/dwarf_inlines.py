"""Reading DWARF's inlined calls: which functions a compiler has put inside a function, and where they were called.

A line table knows the innermost place of an address alone: where `std::vector::at` was inlined that is a line of the
library, and the agent's own line stands nowhere. The entries of `DW_TAG_inlined_subroutine` say from where.

Runs in the compiler's child process, on hostile bytes: entries are read one after the other, no reference is followed
more than a few steps, and what is kept is bounded. What cannot be read is left out. Formats: DWARF 2 to 5, sections 7.5
"Format of Debugging Information" and 2.17.3 "Non-Contiguous Address Ranges", 32-bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from caxton.sandbox.dwarf_forms import (
    ABBREVIATION_END,
    MOST_ABBREVIATIONS,
    Abbreviation,
    Forms,
    Unit,
    read_abbreviations,
)
from caxton.sandbox.dwarf_lines import MAX_FILE_NAME, NOWHERE, BadDwarf, Cursor, LineRows

MAX_INFO_BYTES: Final = 32 << 20
"""The largest `.debug_info` that is read; of a larger one nothing is."""

MAX_CALLS: Final = 200_000
MAX_ENTRIES: Final = 3_000_000
"""What is read in all: entries, ranges, abbreviations, and every sixteenth attribute."""

MAX_NAMES: Final = 8 << 20
"""Characters of all names."""

_MAX_ENTRY: Final = 4_096
"""Bytes of an entry that a name is looked for in."""

_MOST_STEPS: Final = 4

SECTIONS: Final = (
    ".debug_info",
    ".debug_abbrev",
    ".debug_str",
    ".debug_str_offsets",
    ".debug_addr",
    ".debug_ranges",
    ".debug_rnglists",
    ".debug_line_str",
)
"""What inlined calls are read from."""

_INLINED: Final = 0x1D
_NAME, _LINKAGE_NAME, _ORIGIN, _SPECIFICATION = 0x03, 0x6E, 0x31, 0x47
_STMT_LIST, _LOW, _HIGH, _RANGES = 0x10, 0x11, 0x12, 0x55
_CALL_COLUMN, _CALL_FILE, _CALL_LINE = 0x57, 0x58, 0x59
_STR_OFFSETS_BASE, _ADDR_BASE, _RNGLISTS_BASE = 0x72, 0x73, 0x74
_COMPILE_UNIT: Final = 1

Call = tuple[int, int, int, int, int, int]
"""From which address, to which, the name's number, file (as in a row of lines), line, column."""


@dataclass
class InlinedCalls:
    """What was read so far; ``calls`` are unsorted."""

    names: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    size: int = 0

    def name(self, text: str) -> int:
        """The number of a name."""
        found = self.known.get(text)
        if found is None:
            self.size += len(text)
            if self.size > MAX_NAMES and text:
                return self.name("")
            found = self.known[text] = len(self.names)
            self.names.append(text)
        return found


class _Reader:
    def __init__(self, sections: dict[str, bytes], lines: LineRows, code_size: int) -> None:
        self.sections = {name: sections.get(name, b"") for name in SECTIONS}
        self.info = self.sections[".debug_info"]
        self.lines = lines
        self.code_size = code_size
        self.found = InlinedCalls()
        self.left = MAX_ENTRIES
        self._names: dict[int, str] = {}
        self._abbreviations: dict[int, dict[int, Abbreviation]] = {}

    def units(self) -> Iterator[Unit]:
        """Each unit that has code, as far as its header can be read."""
        pos = 0
        while pos + 4 <= len(self.info):
            start = pos
            pos += 4 + int.from_bytes(self.info[pos : pos + 4], "little")
            if pos > len(self.info):
                return
            cursor = Cursor(self.info, start + 4, pos)
            try:
                version = cursor.number(2)
                kind = cursor.number(1) if version == 5 else _COMPILE_UNIT
                address = cursor.number(1) if version == 5 else 0
                table = cursor.number(4)
                address = address or cursor.number(1)
                if not 2 <= version <= 5 or kind != _COMPILE_UNIT or address not in (4, 8):
                    continue
                forms = Forms(self.sections, version, address)
                yield Unit(start, cursor.pos, pos, version, self._table(table), forms)
            except BadDwarf:
                continue

    def _table(self, at: int) -> dict[int, Abbreviation]:
        """A table of abbreviations, which units may share; each one counts as an entry, also in a table that is bad."""
        if at not in self._abbreviations:
            most = min(MOST_ABBREVIATIONS, self.left)
            self.left -= most
            found = self._abbreviations[at] = read_abbreviations(self.sections[".debug_abbrev"], at, most)
            self.left += most - len(found)
        return self._abbreviations[at]

    def read_unit(self, unit: Unit) -> None:
        """Its inlined calls, one entry after the other."""
        cursor = Cursor(self.info, unit.first, unit.end)
        self._begin(unit, cursor)
        while cursor.pos < unit.end and len(self.found.calls) < MAX_CALLS:
            self.left -= 1
            if self.left < 0:
                return
            number = cursor.leb()
            if number == ABBREVIATION_END:
                continue
            abbreviation = unit.abbreviation(number)
            self.left -= len(abbreviation.attributes) // 16
            if abbreviation.tag == _INLINED:
                self._call(unit, unit.forms.read(cursor, abbreviation))
            else:
                unit.forms.skip(cursor, abbreviation)

    def _begin(self, unit: Unit, cursor: Cursor) -> None:
        values = unit.forms.read(cursor, unit.abbreviation(cursor.leb()))
        forms = unit.forms
        forms.str_offsets_base = values.get(_STR_OFFSETS_BASE, 8)
        forms.addr_base = values.get(_ADDR_BASE, 8)
        forms.rnglists_base = values.get(_RNGLISTS_BASE, 12)
        forms.low = forms.address(values[_LOW]) if _LOW in values else 0
        files = self.lines.programs.get(values[_STMT_LIST]) if _STMT_LIST in values else None
        unit.files, unit.first_file = files or ([], 0)

    def _call(self, unit: Unit, values: dict[int, int]) -> None:
        name = self._name(unit, values.get(_ORIGIN), _MOST_STEPS)
        index = values.get(_CALL_FILE, -1) - unit.first_file
        file = unit.files[index] if 0 <= index < len(unit.files) else NOWHERE
        line = min(max(values.get(_CALL_LINE, 0), 0), 0xFFFFFFFF)
        place = file if line else NOWHERE, line, min(max(values.get(_CALL_COLUMN, 0), 0), 0xFFFF)
        for low, high in self._ranges(unit, values):
            self.left -= 1
            if self.left < 0:
                return
            if 0 < low < high <= self.code_size:
                self.found.calls.append((low, high, self.found.name(name), *place))

    def _ranges(self, unit: Unit, values: dict[int, int]) -> Iterator[tuple[int, int]]:
        if _RANGES in values:
            yield from unit.forms.ranges(values[_RANGES])
        elif _LOW in values and _HIGH in values:
            low = unit.forms.address(values[_LOW])
            yield low, values[_HIGH] + (low if unit.version >= 4 else 0)

    def _name(self, unit: Unit, at: int | None, steps: int) -> str:
        """The name of the function whose entry stands at an offset of the unit."""
        if at is None or not steps:
            return ""
        found = self._names.get(at)
        if found is None:
            self._names[at] = ""  # where it refers to itself
            found = self._read_name(unit, at, steps) if self.found.size <= MAX_NAMES else ""
            self._names[at] = found
        return found

    def _read_name(self, unit: Unit, at: int, steps: int) -> str:
        if not unit.first <= at < unit.end:
            return ""  # of another unit, as link-time optimisation has it: without a name
        cursor = Cursor(self.info, at, min(unit.end, at + _MAX_ENTRY))
        try:
            values = unit.forms.read(cursor, unit.abbreviation(cursor.leb()))
        except BadDwarf:
            return ""
        for key in (_NAME, _LINKAGE_NAME):
            if key in values:
                return unit.forms.text(values[key])[:MAX_FILE_NAME]
        return self._name(unit, values.get(_ORIGIN, values.get(_SPECIFICATION)), steps - 1)


def read_inlined_calls(sections: dict[str, bytes], lines: LineRows, code_size: int) -> InlinedCalls:
    """The inlined calls in `.debug_info`.

    Args:
        sections: the contents of those in ``SECTIONS`` that there are.
        lines: from the same module's `.debug_line`: the files that calls stand in.
        code_size: the code section's content in bytes.
    """
    reader = _Reader(sections, lines, code_size)
    if len(reader.info) <= MAX_INFO_BYTES:
        for unit in reader.units():
            try:
                reader.read_unit(unit)
            except BadDwarf:
                continue  # the next unit may be better
    return reader.found
