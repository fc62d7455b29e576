"""From an offset in a module to file, line and column.

The compiler's child packs a table (``pack_lines``), which is kept with the compiled code; the host looks a trapped
guest's frames up in it (``Lines``). Wasmtime could do it from the module's DWARF, but would read it in the host's
process: less than a megabyte of it can take seconds and gigabytes there.

A packed table is an index, and blocks of rows and of files' names, each compressed by itself: the host, which looks
things up on its event loop, unpacks only the blocks that it needs, however large the module has made the table.
"""

from __future__ import annotations

import base64
import json
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from caxton.sandbox.binary_reader import MAX_NAME_BYTES, MalformedBinary, Reader
from caxton.sandbox.dwarf_lines import NOWHERE, Row, read_line_rows

T = TypeVar("T")
Place = tuple[str, int, int | None]
"""File, line, and column where it is known."""

_ROWS: Final = 512
"""Rows in a block."""

_NAMES_IN_BLOCK: Final = 32
_MAX_BLOCK: Final = 1 << 20
_KEPT: Final = 32
"""Blocks that stay unpacked."""

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
    blocks = _Blocks()
    rows = [blocks.add(_row_bytes(part)) for part in _parts(read.rows, _ROWS)]
    files = [blocks.add("\0".join(part).encode()) for part in _parts(read.files, _NAMES_IN_BLOCK)]
    first = [row[0] for row in read.rows[::_ROWS]]
    return json.dumps({"start": start, "first": first, "rows": rows, "files": files}) + "\n" + "".join(blocks.texts)


def _parts(items: list[T], size: int) -> Iterator[list[T]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _row_bytes(rows: list[Row]) -> bytes:
    columns = zip(_COLUMNS, zip(*rows, strict=True), strict=True)
    return b"".join(array(kind, column).tobytes() for kind, column in columns)


class _Blocks:
    """Compressed blocks as text, one behind the other."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._end = 0

    def add(self, content: bytes) -> tuple[int, int]:
        """Adds a block; answers where it begins and ends."""
        text = base64.b64encode(zlib.compress(content)).decode()
        self.texts.append(text)
        begin, self._end = self._end, self._end + len(text)
        return begin, self._end


class Lines:
    """A packed table."""

    def __init__(self, packed: str) -> None:
        end = packed.find("\n") + 1
        index = json.loads(packed[:end] or "{}")
        self._packed = packed
        self._blocks_at = end
        self._start: int = index.get("start", 0)
        self._first: list[int] = index.get("first", [])
        self._rows: list[list[int]] = index.get("rows", [])
        self._files: list[list[int]] = index.get("files", [])
        self._unpacked: dict[tuple[int, int], Any] = {}

    def find(self, offset: int) -> Place | None:
        """What stands at ``offset``, which counts bytes from the module's beginning."""
        address = offset - self._start
        block = bisect_right(self._first, address) - 1
        if block < 0:
            return None
        addresses, files, lines, columns = self._block(self._rows[block], _columns)
        row = bisect_right(addresses, address) - 1
        if files[row] == NOWHERE:
            return None
        block, number = divmod(files[row], _NAMES_IN_BLOCK)
        return self._block(self._files[block], _names)[number], lines[row], columns[row] or None

    def _block(self, place: Sequence[int], read: Callable[[bytes], T]) -> T:
        begin, end = place
        found: T | None = self._unpacked.get((begin, end))
        if found is None:
            text = self._packed[self._blocks_at + begin : self._blocks_at + end]
            found = read(zlib.decompressobj().decompress(base64.b64decode(text), _MAX_BLOCK))
            if len(self._unpacked) >= _KEPT:
                self._unpacked.clear()
            self._unpacked[begin, end] = found
        return found


def _columns(content: bytes) -> list[array[int]]:
    """The columns of a block of rows."""
    size = len(content) // sum(array(kind).itemsize for kind in _COLUMNS)
    found: list[array[int]] = []
    pos = 0
    for kind in _COLUMNS:
        column = array(kind)
        stop = pos + size * column.itemsize
        column.frombytes(content[pos:stop])
        found.append(column)
        pos = stop
    return found


def _names(content: bytes) -> list[str]:
    """The names of a block of files."""
    return content.decode().split("\0")


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
