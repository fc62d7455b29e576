"""From an offset in a module to file, line and column; from a function's number to its name.

The compiler's child packs a table (``pack_lines``; ``pack_companion`` from a file beside the module), which is kept
with the compiled code; the host looks a trapped guest's frames up in it (``Lines``). Wasmtime could do it from the
module's DWARF, but would read it in the host's process: less than a megabyte of it can take seconds and gigabytes.

A packed table is an index, and blocks of rows and of files' names, each compressed by itself: the host, which looks
things up on its event loop, unpacks only the blocks that it needs, however large the module has made the table.
"""

from __future__ import annotations

import base64
import json
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.sandbox.dwarf_inlines import SECTIONS, InlinedCalls, read_inlined_calls
from caxton.sandbox.dwarf_lines import NOWHERE, LineRows, read_line_rows
from caxton.sandbox.names import MAX_FUNCTIONS, function_names
from caxton.sandbox.source_map import BadMap, read_source_map

T = TypeVar("T")
Place = tuple[str, int, int | None]
"""File, line, and column where it is known."""

_ROWS: Final = 512
"""Rows in a block."""

_NAMES_IN_BLOCK: Final = 32
_MAX_BLOCK: Final = 1 << 20
MAX_INLINED: Final = 32
"""Inlined calls around one place that are known; further inside there are none."""

_KEPT: Final = 32
"""Blocks that stay unpacked."""

_CODE: Final = 10
_SECTIONS: Final = frozenset({".debug_line", *SECTIONS})
_COLUMNS: Final = ("I", "I", "I", "H")
_CALL_COLUMNS: Final = ("I", "I", "I", "I", "I", "I", "H")
"""Of an inlined call: from where, to where, its name, file, line; the call around it; the column."""

_OUTERMOST: Final = 0xFFFFFFFF


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
    """The line table of a valid binary, and its functions' names, as text that ``Lines`` reads; empty without any."""
    start, size, sections = _sections(data)
    read = _dwarf(sections, size)
    return _packed(start, read, function_names(data), _inlined(data, sections, read))


def _dwarf(sections: dict[str, bytes], size: int) -> LineRows:
    line, strings, line_strings = (sections.get(name, b"") for name in (".debug_line", ".debug_str", ".debug_line_str"))
    return read_line_rows(line, strings, line_strings, size)


def _inlined(data: bytes, sections: dict[str, bytes], lines: LineRows) -> InlinedCalls:
    """The inlined calls, if they fit to the functions of the module: an optimiser that came after the compiler leaves
    the debug information behind, and then no call can be believed."""
    start, size, _ = _sections(data)
    read = read_inlined_calls(sections, lines, size)
    bodies = [at - start for at in function_bodies(data)] if read.calls else []
    if any(bisect_right(bodies, low) != bisect_left(bodies, high) for low, high, *_ in read.calls):
        return InlinedCalls()
    return read


def _packed(start: int, read: LineRows, functions: dict[int, str], calls: InlinedCalls | None = None) -> str:
    if not read.rows and not functions:
        return ""
    read.rows.sort(key=lambda row: row[0])
    blocks = _Blocks()
    rows = [blocks.add(_row_bytes(part)) for part in _parts(read.rows, _ROWS)]
    files = [blocks.add("\0".join(part).encode()) for part in _parts(read.files, _NAMES_IN_BLOCK)]
    first = [row[0] for row in read.rows[::_ROWS]]
    index = {"start": start, "first": first, "rows": rows, "files": files}
    if functions:
        named = sorted(functions.items())
        index["named"] = [number for number, _ in named[::_NAMES_IN_BLOCK]]
        index["functions"] = [blocks.add(json.dumps(dict(part)).encode()) for part in _parts(named, _NAMES_IN_BLOCK)]
    if calls is not None and calls.calls:
        index |= _packed_calls(calls, blocks)
    return json.dumps(index) + "\n" + "".join(blocks.texts)


def _packed_calls(read: InlinedCalls, blocks: _Blocks) -> dict[str, Any]:
    """The inlined calls, each with the number of the one around it: they are nested, as those who were called are."""
    rows: list[tuple[int, ...]] = []
    around: list[int] = []
    for low, high, name, file, line, column in sorted(read.calls, key=lambda call: (call[0], -call[1])):
        while around and rows[around[-1]][1] < high:
            around.pop()
        if len(around) == MAX_INLINED:  # looking one up walks outwards, at a trap, in the host
            continue
        rows.append((low, high, name, file, line, around[-1] if around else _OUTERMOST, column))
        around.append(len(rows) - 1)
    return {
        "called": [row[0] for row in rows[::_ROWS]],
        "calls": [blocks.add(_row_bytes(part, _CALL_COLUMNS)) for part in _parts(rows, _ROWS)],
        "callees": [blocks.add("\0".join(part).encode()) for part in _parts(read.names, _NAMES_IN_BLOCK)],
    }


def pack_companion(data: bytes, companion: bytes) -> tuple[str, str]:
    """The same for a valid binary whose debug information is ``companion``: DWARF in a module, or a source map.

    Answers the table and, where it is empty, why.
    """
    if companion[:4] == b"\0asm":
        try:
            return _pack_separate(data, companion)
        except MalformedBinary as error:
            return "", f"no WebAssembly: {error}"
    try:
        # The AssemblyScript compiler writes its output's name there, without what it ends in.
        url = _map_url(data)
        read = read_source_map(companion, url and url.removesuffix(".wasm.map"))
    except BadMap as error:
        return "", str(error)
    start, size, _ = _sections(data)
    rows = [(row[0] - start, *row[1:]) for row in read.rows if 0 <= row[0] - start < size]
    # What stands before a function's first position is not the function before it.
    read.rows = [*((at - start, NOWHERE, 0, 0) for at in function_bodies(data)), *rows, (size, NOWHERE, 0, 0)]
    return (_packed(start, read, function_names(data)), "") if rows else ("", "it has no positions in this module")


def _pack_separate(data: bytes, companion: bytes) -> tuple[str, str]:
    start, size, _ = _sections(data)
    other_start, other_size, sections = _sections(companion)
    other_code = companion[other_start : other_start + other_size]
    if other_code and other_code != data[start : start + size]:
        return "", "it is of another module"
    read = _dwarf(sections, size)
    own, other = function_names(data), function_names(companion)
    if not read.rows and (own or not other):
        return "", "it has no lines"
    return _packed(start, read, own or other, _inlined(data, sections, read)), ""


def _map_url(data: bytes) -> str | None:
    reader = Reader(data, 8)
    for number, _ in reader.sections():
        if number == 0 and reader.name("replace") == "sourceMappingURL":
            try:
                return reader.name("replace")
            except MalformedBinary:
                return None
    return None


def function_bodies(data: bytes) -> list[int]:
    """Where each function's body begins in a binary, as far as that can be told."""
    start, size, _ = _sections(data)
    reader = Reader(data, start, start + size)
    found: list[int] = []
    try:
        for _ in range(min(reader.u32(), MAX_FUNCTIONS)):
            length = reader.u32()
            found.append(reader.pos)
            reader.pos += length
    except MalformedBinary:
        pass
    return found


def _parts(items: list[T], size: int) -> Iterator[list[T]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _row_bytes(rows: Sequence[tuple[int, ...]], kinds: Sequence[str] = _COLUMNS) -> bytes:
    columns = zip(kinds, zip(*rows, strict=True), strict=True)
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
    """A packed table.

    ``shift``: by how many bytes the code of the module that runs lies further behind than that of the one it is of.
    """

    def __init__(self, packed: str, shift: int = 0) -> None:
        self.shift = shift
        end = packed.find("\n") + 1
        index = json.loads(packed[:end] or "{}")
        self._packed = packed
        self._blocks_at = end
        self._start: int = index.get("start", 0)
        self._first: list[int] = index.get("first", [])
        self._rows: list[list[int]] = index.get("rows", [])
        self._files: list[list[int]] = index.get("files", [])
        self._named: list[int] = index.get("named", [])
        self._functions: list[list[int]] = index.get("functions", [])
        self._called: list[int] = index.get("called", [])
        self._calls: list[list[int]] = index.get("calls", [])
        self._callees: list[list[int]] = index.get("callees", [])
        self._unpacked: dict[tuple[int, int], Any] = {}

    def find(self, offset: int) -> Place | None:
        """What stands at ``offset``, which counts bytes from the module's beginning."""
        address = offset - self._start
        block = bisect_right(self._first, address) - 1
        if block < 0:
            return None
        addresses, files, lines, columns = self._block(self._rows[block], _columns)
        row = bisect_right(addresses, address) - 1
        return self._place(files[row], lines[row], columns[row])

    def _place(self, file: int, line: int, column: int) -> Place | None:
        if file == NOWHERE:
            return None
        block, number = divmod(file, _NAMES_IN_BLOCK)
        return self._block(self._files[block], _names)[number], line, column or None

    def inlined(self, offset: int) -> list[tuple[str, Place | None]]:
        """The functions that a compiler has put around ``offset``, innermost first: each one's name, and where it was
        called. ``MAX_INLINED`` at most."""
        address = offset - self._start
        block = bisect_right(self._called, address) - 1
        if block < 0:
            return []
        lows = self._block(self._calls[block], _call_columns)[0]
        number = block * _ROWS + bisect_right(lows, address) - 1
        found: list[tuple[str, Place | None]] = []
        for _ in range(MAX_INLINED):
            if number == _OUTERMOST:
                break
            block, row = divmod(number, _ROWS)
            columns = self._block(self._calls[block], _call_columns)
            _, high, name, file, line, number, column = (values[row] for values in columns)
            if address < high:
                block, row = divmod(name, _NAMES_IN_BLOCK)
                found.append((self._block(self._callees[block], _names)[row], self._place(file, line, column)))
        return found

    @property
    def has_places(self) -> bool:
        """Whether there is anything but names."""
        return bool(self._rows)

    def function(self, index: int, offset: int = 0) -> str | None:
        """A function's name; names that are mangled in C++'s way are shortened (names.py). There is one module, so it
        does not matter where the code lies."""
        block = bisect_right(self._named, index) - 1
        return None if block < 0 else self._block(self._functions[block], json.loads).get(str(index))

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


def _call_columns(content: bytes) -> list[array[int]]:
    """The columns of a block of inlined calls."""
    return _columns(content, _CALL_COLUMNS)


def _columns(content: bytes, kinds: Sequence[str] = _COLUMNS) -> list[array[int]]:
    """The columns of a block of rows."""
    size = len(content) // sum(array(kind).itemsize for kind in kinds)
    found: list[array[int]] = []
    pos = 0
    for kind in kinds:
        column = array(kind)
        stop = pos + size * column.itemsize
        column.frombytes(content[pos:stop])
        found.append(column)
        pos = stop
    return found


def _names(content: bytes) -> list[str]:
    """The names of a block of files."""
    return content.decode().split("\0")
