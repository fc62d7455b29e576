"""Reading the entries of DWARF's `.debug_info`: abbreviations, and the forms that values have.

Values are numbers: for a text its place, which ``Forms.text`` reads, since few are looked at. Formats: DWARF 2 to 5,
section 7.5 "Format of Debugging Information", 32-bit. Everything here is hostile, and ends in ``BadDwarf``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from caxton.sandbox.dwarf_lines import MAX_FILE_NAME, BadDwarf, Cursor

ABBREVIATION_END: Final = 0
MOST_ABBREVIATIONS: Final = 50_000
_MOST_ATTRIBUTES: Final = 200
_MOST_RANGES: Final = 1_000
"""Of one entry; further ones are left out."""

_ADDRESS, _STRING, _STRP, _LINE_STRP, _IMPLICIT, _INDIRECT = 0x01, 0x08, 0x0E, 0x1F, 0x21, 0x16
_SDATA: Final = 0x0D
_FIXED: Final = {
    0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x0E: 4, 0x10: 4, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8, 0x17: 4,
    0x19: 0, 0x1C: 4, 0x1D: 4, 0x1E: 16, 0x1F: 4, 0x20: 8, 0x21: 0, 0x24: 8, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4,
    0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
}  # fmt: skip
"""Forms of a size that is known; that of an address is its unit's."""

_LEBS: Final = frozenset({0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23})
_BLOCKS: Final = {0x03: 2, 0x04: 4, 0x0A: 1}
_BLOCKS_OF_LEB: Final = frozenset({0x09, 0x18})
_STRX: Final = frozenset({0x1A, 0x25, 0x26, 0x27, 0x28})
_ADDRX: Final = frozenset({0x1B, 0x29, 0x2A, 0x2B, 0x2C})
_REFERENCES: Final = frozenset({0x11, 0x12, 0x13, 0x14, 0x15})
_RNGLISTX: Final = 0x23

# What a value is besides its number: above the 64 bits that numbers have.
_KIND: Final = 1 << 64
_IN_INFO, _IN_STR, _IN_LINE_STR, _INDEXED = (kind * _KIND for kind in range(1, 5))


@dataclass(slots=True)
class Abbreviation:
    """What an entry is made of: its tag; attributes with their forms, and the value where that stands here. ``size``:
    of the whole entry, where it is always the same and holds no address."""

    tag: int
    attributes: list[tuple[int, int, int]]
    size: int | None


def read_abbreviations(section: bytes, at: int, most: int) -> dict[int, Abbreviation]:
    """The abbreviations of one table, by their numbers; at most so many.

    Raises:
        BadDwarf: they end too early, or are too many.
    """
    cursor = Cursor(section, at, len(section))
    found: dict[int, Abbreviation] = {}
    while number := cursor.leb():
        if len(found) >= most:
            raise BadDwarf
        tag = cursor.leb()
        attributes: list[tuple[int, int, int]] = []
        cursor.skip(1)  # whether it has children: entries are read one after the other anyway
        while True:
            attribute, form = cursor.leb(), cursor.leb()
            value = cursor.leb(signed=True) if form == _IMPLICIT else 0
            if not attribute and not form:
                break
            if len(attributes) == _MOST_ATTRIBUTES:
                raise BadDwarf
            attributes.append((attribute, form, value))
        sizes = [_FIXED.get(form) for _, form, _ in attributes]
        found[number] = Abbreviation(tag, attributes, None if None in sizes else sum(size or 0 for size in sizes))
    return found


class Forms:
    """How the values of one unit are read. The bases are the unit's, as its first entry tells."""

    def __init__(self, sections: dict[str, bytes], version: int, address_size: int) -> None:
        self._sections = sections
        self._version = version
        self._address_size = address_size
        self.str_offsets_base = self.addr_base = self.rnglists_base = self.low = 0
        self.start = 0

    def skip(self, cursor: Cursor, abbreviation: Abbreviation) -> None:
        """Reads over an entry."""
        if abbreviation.size is not None:
            cursor.skip(abbreviation.size)
            return
        for _, form, _ in abbreviation.attributes:
            self._skip(cursor, form)

    def _skip(self, cursor: Cursor, form: int) -> None:
        size = _FIXED.get(form)
        if size is not None:
            cursor.skip(size)
        elif form in _LEBS:
            cursor.leb()
        elif form == _ADDRESS:
            cursor.skip(self._address_size)
        elif form == _STRING:
            cursor.string()
        elif form in _BLOCKS:
            cursor.skip(cursor.number(_BLOCKS[form]))
        elif form in _BLOCKS_OF_LEB:
            cursor.skip(cursor.leb())
        elif form == _INDIRECT:
            self._skip(cursor, self._direct(cursor))
        else:
            raise BadDwarf

    @staticmethod
    def _direct(cursor: Cursor) -> int:
        form = cursor.leb()
        if form in (_INDIRECT, _IMPLICIT):
            raise BadDwarf
        return form

    def read(self, cursor: Cursor, abbreviation: Abbreviation) -> dict[int, int]:
        """The values of an entry, by attribute; without those that are no numbers, places of texts or references."""
        found: dict[int, int] = {}
        for attribute, form, value in abbreviation.attributes:
            read = value if form == _IMPLICIT else self._read(cursor, form)
            if read is not None:
                found.setdefault(attribute, read)
        return found

    def _read(self, cursor: Cursor, form: int) -> int | None:
        if form == _INDIRECT:
            form = self._direct(cursor)
        if form == _STRING:
            at = cursor.pos
            cursor.string()
            return _IN_INFO + at
        if form in _LEBS:
            value = cursor.leb(signed=form == _SDATA)
        elif form == _ADDRESS:
            value = cursor.number(self._address_size)
        elif form in _FIXED and form != 0x1E:
            value = cursor.number(_FIXED[form])
        else:
            self._skip(cursor, form)
            return None
        if form in _REFERENCES:
            return self.start + value
        kinds = {_STRP: _IN_STR, _LINE_STRP: _IN_LINE_STR}
        indexed = form in _STRX or form in _ADDRX or form == _RNGLISTX
        return kinds.get(form, _INDEXED if indexed else 0) + value

    def _number(self, section: str, at: int, size: int) -> int:
        content = self._sections[section][at : at + size] if at >= 0 else b""
        if len(content) < size:
            raise BadDwarf
        return int.from_bytes(content, "little")

    def text(self, value: int) -> str:
        """The text that a value stands for; empty where it is none."""
        kind, at = value // _KIND * _KIND, value % _KIND
        if kind == _INDEXED:
            kind, at = _IN_STR, self._number(".debug_str_offsets", self.str_offsets_base % _KIND + 4 * at, 4)
        names = {_IN_INFO: ".debug_info", _IN_STR: ".debug_str", _IN_LINE_STR: ".debug_line_str"}
        if kind not in names:
            return ""
        section = self._sections[names[kind]]
        stop = section.find(0, at, at + MAX_FILE_NAME)
        return section[at : stop if stop >= 0 else at + MAX_FILE_NAME].decode("utf-8", "replace")

    def address(self, value: int) -> int:
        """The address that a value stands for."""
        return self._indexed(value % _KIND) if value >= _INDEXED else value

    def _indexed(self, number: int) -> int:
        return self._number(".debug_addr", self.addr_base % _KIND + number * self._address_size, self._address_size)

    def ranges(self, value: int) -> Iterator[tuple[int, int]]:
        """The ranges of addresses that an entry names."""
        if self._version < 5:
            return self._old_ranges(value)
        base = self.rnglists_base % _KIND
        at = base + self._number(".debug_rnglists", base + 4 * (value % _KIND), 4) if value >= _INDEXED else value
        return self._new_ranges(at)

    def _old_ranges(self, at: int) -> Iterator[tuple[int, int]]:
        base, size = self.low, self._address_size
        cursor = Cursor(self._sections[".debug_ranges"], at, len(self._sections[".debug_ranges"]))
        for _ in range(_MOST_RANGES):
            low, high = cursor.number(size), cursor.number(size)
            if not low and not high:
                return
            if low == (1 << 8 * size) - 1:
                base = high
            else:
                yield base + low, base + high

    def _new_ranges(self, at: int) -> Iterator[tuple[int, int]]:
        base, size = self.low, self._address_size
        cursor = Cursor(self._sections[".debug_rnglists"], at, len(self._sections[".debug_rnglists"]))
        for _ in range(_MOST_RANGES):
            match cursor.number(1):
                case 0:
                    return
                case 1:
                    base = self._indexed(cursor.leb())
                case 2:
                    yield self._indexed(cursor.leb()), self._indexed(cursor.leb())
                case 3:
                    low = self._indexed(cursor.leb())
                    yield low, low + cursor.leb()
                case 4:
                    yield base + cursor.leb(), base + cursor.leb()
                case 5:
                    base = cursor.number(size)
                case 6:
                    yield cursor.number(size), cursor.number(size)
                case 7:
                    low = cursor.number(size)
                    yield low, low + cursor.leb()
                case _:
                    raise BadDwarf


@dataclass(slots=True)
class Unit:
    """A unit: where it begins, where its first entry does, where it ends. ``files``: of its line program, the first of
    which has the number ``first_file``."""

    start: int
    first: int
    end: int
    version: int
    abbreviations: dict[int, Abbreviation]
    forms: Forms
    files: list[int] = field(default_factory=list)
    first_file: int = 0

    def __post_init__(self) -> None:
        self.forms.start = self.start

    def abbreviation(self, number: int) -> Abbreviation:
        """That of an entry.

        Raises:
            BadDwarf: there is none of that number.
        """
        found = self.abbreviations.get(number)
        if found is None:
            raise BadDwarf
        return found
