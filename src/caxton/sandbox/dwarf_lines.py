"""Reading DWARF's line programs: which file, line and column an address of a module's code comes from.

Runs in the compiler's child process, for debug information is as hostile as the rest of a module: no loop here goes
round more often than there are bytes, and what is kept is bounded. What cannot be read is left out.

Formats: DWARF 2 to 5, section 6.2 "Line Number Information", 32-bit; addresses count from the beginning of the code
section's content (the tool conventions' document on DWARF for WebAssembly).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MAX_LINE_BYTES: Final = 16 << 20
"""The largest `.debug_line` that is read; of a larger one nothing is."""

MAX_ROWS: Final = 500_000
"""The most rows that are kept; what comes after them has no lines."""

MAX_FILES: Final = 20_000
MAX_FILE_NAME: Final = 1024

_LINE_STRP, _STRP, _STRING, _UDATA = 0x1F, 0x0E, 0x08, 0x0F
_FIXED: Final = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}
_PATH, _DIRECTORY = 1, 2

Row = tuple[int, int, int, int]
"""Address, file (an index into ``LineRows.files``, or ``NOWHERE``), line, column."""

NOWHERE: Final = 0xFFFFFFFF


class BadDwarf(ValueError):
    """The bytes are no DWARF that is understood here."""


@dataclass
class LineRows:
    """What was read so far. Addresses are unsorted; a sequence ends with a row whose file is ``NOWHERE``. ``programs``:
    of each line program, by where it begins, its files and the number of the first of them."""

    files: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    programs: dict[int, tuple[list[int], int]] = field(default_factory=dict)

    def file(self, name: str) -> int:
        """The index of a file's name."""
        name = name.encode("utf-8", "replace")[:MAX_FILE_NAME].decode("utf-8", "replace")
        found = self.known.get(name)
        if found is None:
            if len(self.files) >= MAX_FILES:
                return NOWHERE
            found = self.known[name] = len(self.files)
            self.files.append(name)
        return found


class Cursor:
    """Reads forward; ``BadDwarf`` at the end."""

    __slots__ = ("data", "end", "pos")

    def __init__(self, data: bytes, pos: int, end: int) -> None:
        self.data, self.pos, self.end = data, pos, end

    def number(self, size: int) -> int:
        stop = self.pos + size
        if stop > self.end:
            raise BadDwarf
        value = int.from_bytes(self.data[self.pos : stop], "little")
        self.pos = stop
        return value

    def leb(self, *, signed: bool = False) -> int:
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value - (1 << shift) if signed and byte & 0x40 else value
            if shift > 63:
                raise BadDwarf

    def string(self) -> str:
        stop = self.data.find(0, self.pos, self.end)
        if stop < 0:
            raise BadDwarf
        start, self.pos = self.pos, stop + 1
        return self.data[start : min(stop, start + MAX_FILE_NAME)].decode("utf-8", "replace")

    def skip(self, size: int) -> None:
        if size > self.end - self.pos:
            raise BadDwarf
        self.pos += size


def _string_at(section: bytes, offset: int) -> str:
    stop = section.find(0, offset, offset + MAX_FILE_NAME)
    return section[offset : stop if stop >= 0 else offset + MAX_FILE_NAME].decode("utf-8", "replace")


@dataclass
class _Header:
    """A line program's header: how its opcodes are read, and its files by their numbers."""

    start: int
    end: int
    minimum: int
    line_base: int
    line_range: int
    opcode_base: int
    lengths: tuple[int, ...]
    files: list[int]
    first_file: int

    def file(self, number: int) -> int:
        """The file of that number, as an index into ``LineRows.files``."""
        index = number - self.first_file
        return self.files[index] if 0 <= index < len(self.files) else NOWHERE


def _joined(directories: list[str], directory: int, name: str) -> str:
    if name.startswith("/") or not 0 <= directory < len(directories) or not directories[directory]:
        return name
    return f"{directories[directory].rstrip('/')}/{name}"


def _files_of_old(cursor: Cursor, found: LineRows) -> list[int]:
    """DWARF 2 to 4: directory 0 is the compilation's, which stands elsewhere; files count from 1."""
    directories = [""]
    while name := cursor.string():
        directories.append(name)
    files = []
    while name := cursor.string():
        directory = cursor.leb()
        cursor.leb()
        cursor.leb()
        files.append(found.file(_joined(directories, directory, name)))
    return files


def _form(cursor: Cursor, form: int, strings: bytes, line_strings: bytes) -> int | str:
    if form == _STRING:
        return cursor.string()
    if form == _LINE_STRP:
        return _string_at(line_strings, cursor.number(4))
    if form == _STRP:
        return _string_at(strings, cursor.number(4))
    if form == _UDATA:
        return cursor.leb()
    if form not in _FIXED:
        raise BadDwarf
    return cursor.number(_FIXED[form])


def _entries(cursor: Cursor, strings: bytes, line_strings: bytes) -> list[tuple[str, int]]:
    """DWARF 5: a list of paths, each with the number of its directory."""
    formats = [(cursor.leb(), cursor.leb()) for _ in range(cursor.number(1))]
    count = cursor.leb()
    if count > cursor.end - cursor.pos or (count and not formats):  # every entry takes a byte at least
        raise BadDwarf
    entries = []
    for _ in range(count):
        path, directory = "", 0
        for kind, form in formats:
            value = _form(cursor, form, strings, line_strings)
            if kind == _PATH and isinstance(value, str):
                path = value
            elif kind == _DIRECTORY and isinstance(value, int):
                directory = value
        entries.append((path, directory))
    return entries


def _files_of_5(cursor: Cursor, found: LineRows, strings: bytes, line_strings: bytes) -> list[int]:
    """DWARF 5: directories and files count from 0, and directory 0 is the compilation's."""
    directories = [path for path, _ in _entries(cursor, strings, line_strings)]
    base = directories[0] if directories else ""
    directories[1:] = [_joined([base], 0, path) for path in directories[1:]]
    files = _entries(cursor, strings, line_strings)
    return [found.file(_joined(directories, directory, path)) for path, directory in files]


def _header(cursor: Cursor, found: LineRows, strings: bytes, line_strings: bytes) -> _Header:
    version = cursor.number(2)
    if not 2 <= version <= 5:
        raise BadDwarf
    if version == 5:
        cursor.skip(2)  # the sizes of addresses and of segment selectors
    length = cursor.number(4)
    start = cursor.pos + length
    minimum = cursor.number(1)
    if version >= 4:
        cursor.skip(1)  # operations of one instruction: WebAssembly is no VLIW
    cursor.skip(1)
    line_base = cursor.number(1)
    line_range, opcode_base = cursor.number(1), cursor.number(1)
    if not line_range or not opcode_base or start > cursor.end:
        raise BadDwarf
    lengths = tuple(cursor.number(1) for _ in range(opcode_base - 1))
    tables = Cursor(cursor.data, cursor.pos, start)
    files = _files_of_5(tables, found, strings, line_strings) if version == 5 else _files_of_old(tables, found)
    return _Header(
        start,
        cursor.end,
        minimum,
        line_base - 256 if line_base > 127 else line_base,
        line_range,
        opcode_base,
        lengths,
        files,
        0 if version == 5 else 1,
    )


class _Machine:
    """Runs one line program (section 6.2.2 "State-Machine Registers")."""

    def __init__(self, header: _Header, found: LineRows, code_size: int) -> None:
        self.header = header
        self.found = found
        self.code_size = code_size
        self.reset()

    def reset(self) -> None:
        self.address, self.file, self.line, self.column = 0, 1, 1, 0
        self.sequence: list[Row] = []

    def emit(self) -> None:
        file = self.header.file(self.file) if self.line > 0 else NOWHERE
        row = (self.address, file, self.line & 0xFFFFFFFF, min(self.column, 0xFFFF))
        last = self.sequence[-1] if self.sequence else None
        if last is None or last[1:] != row[1:]:
            self.sequence.append(row)

    def end_sequence(self) -> None:
        """Keeps the rows, unless they are those of a function that the linker left out: at 0, or beyond the code."""
        rows, found = self.sequence, self.found
        room = len(found.rows) + len(rows) < MAX_ROWS
        if rows and room and rows[0][0] > 0 and max(rows)[0] <= self.address <= self.code_size:
            found.rows.extend(rows)
            found.rows.append((self.address, NOWHERE, 0, 0))
        self.reset()

    def advance(self, operations: int) -> None:
        self.address = (self.address + operations * self.header.minimum) & 0xFFFFFFFFFFFFFFFF

    def special(self, opcode: int) -> None:
        header = self.header
        adjusted = opcode - header.opcode_base
        self.advance(adjusted // header.line_range)
        self.line += header.line_base + adjusted % header.line_range
        self.emit()

    def extended(self, cursor: Cursor) -> None:
        size = cursor.leb()
        stop = cursor.pos + size
        if not size or stop > cursor.end:
            raise BadDwarf
        opcode = cursor.number(1)
        if opcode == 1:
            self.end_sequence()
        elif opcode == 2:
            self.address = int.from_bytes(cursor.data[cursor.pos : min(stop, cursor.pos + 8)], "little")
        elif opcode == 3:
            name = cursor.string()
            self.header.files.append(self.found.file(name))
        cursor.pos = stop

    def standard(self, opcode: int, cursor: Cursor) -> None:
        match opcode:
            case 1:
                self.emit()
            case 2:
                self.advance(cursor.leb())
            case 3:
                self.line += cursor.leb(signed=True)
            case 4:
                self.file = cursor.leb()
            case 5:
                self.column = cursor.leb()
            case 8:
                self.advance((255 - self.header.opcode_base) // self.header.line_range)
            case 9:
                self.address += cursor.number(2)
            case _:
                for _ in range(self.header.lengths[opcode - 1]):
                    cursor.leb()

    def run(self, cursor: Cursor) -> None:
        base = self.header.opcode_base
        while cursor.pos < cursor.end and len(self.found.rows) < MAX_ROWS and len(self.sequence) < MAX_ROWS:
            opcode = cursor.number(1)
            if opcode >= base:
                self.special(opcode)
            elif opcode:
                self.standard(opcode, cursor)
            else:
                self.extended(cursor)


def read_line_rows(line: bytes, strings: bytes, line_strings: bytes, code_size: int) -> LineRows:
    """The rows of all line programs in `.debug_line`, with the texts of `.debug_str` and `.debug_line_str`.

    ``code_size`` is the code section's content in bytes.
    """
    found = LineRows()
    pos = 0
    while pos + 4 <= len(line) <= MAX_LINE_BYTES and len(found.rows) < MAX_ROWS:
        length = int.from_bytes(line[pos : pos + 4], "little")
        end = pos + 4 + length
        if end > len(line):
            break
        begin, cursor = pos, Cursor(line, pos + 4, end)
        pos = end
        try:
            header = _header(cursor, found, strings, line_strings)
            found.programs[begin] = header.files, header.first_file
            _Machine(header, found, code_size).run(Cursor(line, header.start, end))
        except BadDwarf:
            continue  # the next unit may be better
    return found
