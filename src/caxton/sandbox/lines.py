"""From an offset in a module to file, line and column.

The compiler's child packs a table (``pack_lines``), which is kept with the compiled code; the host looks a trapped
guest's frames up in it (``Lines``). Wasmtime could do it from the module's DWARF, but would read it in the host's
process: less than a megabyte of it can take seconds and gigabytes there.
"""

from __future__ import annotations

import base64
import json
import zlib
from array import array
from bisect import bisect_right
from typing import Final

from caxton.sandbox.binary_reader import MAX_NAME_BYTES, MalformedBinary, Reader
from caxton.sandbox.dwarf_lines import NOWHERE, read_line_rows

Place = tuple[str, int, int | None]
"""File, line, and column where it is known."""

_MAX_TABLE: Final = 64 << 20
_CODE: Final = 10
_SECTIONS: Final = (".debug_line", ".debug_str", ".debug_line_str")
_COLUMNS: Final = ("I", "I", "I", "H")


def _sections(data: bytes) -> tuple[int, int, dict[str, bytes]]:
    """Where the code section's content begins, its size, and the debug sections; of two of one name the first."""
    reader = Reader(data, 8)
    start = size = 0
    found: dict[str, bytes] = {}
    for number, stop in reader.sections():
        if number == _CODE:
            start, size = reader.pos, stop - reader.pos
        elif number == 0:
            name = reader.name("replace")
            if name in _SECTIONS:
                found.setdefault(name, data[reader.pos : stop])
    return start, size, found


def pack_lines(data: bytes) -> str:
    """The line table of a valid binary, as text that ``Lines`` reads; empty where it has no debug information."""
    start, size, sections = _sections(data)
    line, strings, line_strings = (sections.get(name, b"") for name in _SECTIONS)
    read = read_line_rows(line, strings, line_strings, size)
    if not read.rows:
        return ""
    read.rows.sort(key=lambda row: row[0])
    header = json.dumps({"start": start, "rows": len(read.rows), "files": read.files}).encode()
    columns = (array(kind, column) for kind, column in zip(_COLUMNS, zip(*read.rows, strict=True), strict=True))
    table = header + b"\n" + b"".join(column.tobytes() for column in columns)
    return base64.b64encode(zlib.compress(table)).decode() if len(table) <= _MAX_TABLE else ""


class Lines:
    """A packed table, unpacked."""

    def __init__(self, packed: str) -> None:
        table = zlib.decompressobj().decompress(base64.b64decode(packed), _MAX_TABLE) if packed else b"{}\n"
        header, _, content = table.partition(b"\n")
        facts = json.loads(header)
        self._start: int = facts.get("start", 0)
        self._files: list[str] = facts.get("files", [])
        rows = facts.get("rows", 0)
        self._columns: list[array[int]] = []
        pos = 0
        for kind in _COLUMNS:
            column = array(kind)
            stop = pos + rows * column.itemsize
            column.frombytes(content[pos:stop])
            self._columns.append(column)
            pos = stop

    def find(self, offset: int) -> Place | None:
        """What stands at ``offset``, which counts bytes from the module's beginning."""
        addresses, files, lines, columns = self._columns
        row = bisect_right(addresses, offset - self._start) - 1
        if row < 0 or files[row] == NOWHERE:
            return None
        return self._files[files[row]], lines[row], columns[row] or None


# ---- names ----------------------------------------------------------------------------------------------------------

MAX_KEPT_NAME: Final = 4096
"""The longest name, in bytes, that a module's stack traces may show."""

_NAMES: Final = b"name"
_HIDDEN: Final = b"nam_"


def _are_short(reader: Reader) -> bool:
    """Whether every module, function and local name of a name section can stand in a message."""
    while reader.pos < reader.end:
        kind, stop = reader.byte(), reader.u32() + reader.pos
        if stop > reader.end:
            return False
        if kind == 0:
            if reader.u32() > MAX_KEPT_NAME:
                return False
        elif kind == 1:
            for _ in range(reader.u32()):
                reader.u32()
                start = reader.skip_name()
                if reader.pos - start > MAX_KEPT_NAME:
                    return False
            if reader.pos > stop:
                return False
        reader.pos = stop
    return True


def with_safe_names(data: bytes) -> bytes:
    """``data``, its name section under another name if it is broken or has a name of more than ``MAX_KEPT_NAME`` bytes.

    Wasmtime writes the names of up to twenty frames, at full length, into a trap's message. No offset changes.
    """
    reader = Reader(data, 8)
    hidden = bytearray()
    for number, stop in reader.sections():
        if number != 0:
            continue
        name = reader.skip_name()
        if data[name : reader.pos] != _NAMES:
            continue
        try:
            keep = _are_short(Reader(data, reader.pos, stop))
        except MalformedBinary:
            keep = False
        if not keep:
            hidden = hidden or bytearray(data)
            hidden[name : name + len(_HIDDEN)] = _HIDDEN
    return bytes(hidden) if hidden else data


assert MAX_KEPT_NAME < MAX_NAME_BYTES
