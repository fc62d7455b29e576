"""Makes the paths in a module's DWARF relative, for compilers that cannot be asked to (Zig's).

What is written is never longer than what it replaces, and the module keeps its size, so that no offset changes. In
strings that are referred to by offset, zeros fill up; in the tables of a line program, whose header says where the
program begins, they stand between the two. Formats: DWARF 2 to 5, 32-bit.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Final

from caxton.sandbox.binary_reader import MalformedBinary, Reader

STRINGS: Final = (".debug_str", ".debug_line_str")
LINES: Final = ".debug_line"
_PREAMBLE: Final = 8
_LONGEST_LEB: Final = 10


class _Broken(ValueError):
    """This is no line program that is understood here: it stays as it is."""


def with_relative_paths(module: bytes, folders: Mapping[str, str]) -> bytes:
    """The module with each of these folders, where a path begins with it, replaced by its new name (empty: by nothing).

    What cannot be read stays as it is.
    """
    renamed = {os.fsencode(old): os.fsencode(new) for old, new in folders.items() if len(new) < len(old)}
    found = bytearray(module)
    for name, start, end in _custom_sections(module):
        if name in STRINGS:
            _rename_strings(found, start, end, renamed)
        elif name == LINES:
            _rename_lines(found, start, end, renamed)
    return bytes(found)


def _custom_sections(module: bytes) -> Iterator[tuple[str, int, int]]:
    reader = Reader(module, _PREAMBLE)
    with contextlib.suppress(MalformedBinary):
        for kind, end in reader.sections():
            if kind == 0:
                yield reader.name("replace"), reader.pos, end


def _renamed(path: bytes, folders: Mapping[bytes, bytes]) -> bytes:
    for old, new in folders.items():
        if path == old:
            return new or b"."
        if path.startswith(old + b"/"):
            return new + path[len(old) + (not new) :]
    return path


def _rename_strings(data: bytearray, start: int, end: int, folders: Mapping[bytes, bytes]) -> None:
    for old in folders:
        at = start
        while (at := data.find(old, at, end)) >= 0:
            stop = data.find(0, at, end)
            if stop < 0:
                return
            if at == start or data[at - 1] == 0:
                path = bytes(data[at:stop])
                data[at:stop] = _renamed(path, folders).ljust(len(path), b"\0")
            at = stop + 1


def _rename_lines(data: bytearray, start: int, end: int, folders: Mapping[bytes, bytes]) -> None:
    at = start
    while at + 4 <= end:
        length = int.from_bytes(data[at : at + 4], "little")
        if length > end - at - 4:
            return
        with contextlib.suppress(_Broken):
            _rename_unit(data, at + 4, at + 4 + length, folders)
        at += 4 + length


def _rename_unit(data: bytearray, at: int, end: int, folders: Mapping[bytes, bytes]) -> None:
    """One line program of DWARF 2 to 4: the directories, of which the compilation's is 0, and the files."""
    version = int.from_bytes(data[at : at + 2], "little")
    program = at + 6 + int.from_bytes(data[at + 2 : at + 6], "little")
    lengths = at + 6 + (5 if version < 4 else 6)
    if not 2 <= version <= 4 or program > end or lengths > program:
        return  # the paths of DWARF 5 are strings elsewhere
    tables = lengths + max(data[lengths - 1] - 1, 0)
    cursor = _Cursor(data, tables, program)
    kept = bytearray()
    roots = set()
    number = 0
    while path := cursor.string():
        number += 1
        new = _renamed(path, folders)
        if new == b".":
            roots.add(number)
        kept += new + b"\0"
    kept += b"\0"
    while path := cursor.string():
        directory = cursor.leb()
        kept += _renamed(path, folders) + b"\0"
        # Its folder is the project's, which needs no name: that of the compilation stands for it.
        kept += b"\0" if int(directory) in roots else directory.written
        kept += cursor.leb().written + cursor.leb().written
    kept += b"\0"
    data[tables:program] = kept.ljust(program - tables, b"\0")


class _Leb(int):
    """A number, and how it was written."""

    written: bytes


class _Cursor:
    """Reads forward in a part of the data."""

    def __init__(self, data: bytearray, at: int, end: int) -> None:
        self._data, self._at, self._end = data, at, end

    def string(self) -> bytes:
        """Bytes up to a zero."""
        stop = self._data.find(0, self._at, self._end)
        if stop < 0:
            raise _Broken
        found = bytes(self._data[self._at : stop])
        self._at = stop + 1
        return found

    def leb(self) -> _Leb:
        """A number of the DWARF format ULEB128."""
        value = 0
        for place in range(_LONGEST_LEB):
            if self._at + place >= self._end:
                break
            byte = self._data[self._at + place]
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                found = _Leb(value)
                found.written = bytes(self._data[self._at : self._at + place + 1])
                self._at += place + 1
                return found
        raise _Broken
