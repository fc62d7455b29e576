"""Reading source maps: which file, line and column an offset in a module comes from.

Runs in the compiler's child process: a source map is as hostile as a module. What cannot be read is left out, and only
positions are taken: names and the sources' text, which a map may hold too, are not. Formats: the source map
specification (ECMA-426), and the tool conventions' document on debugging WebAssembly: all of a module is line 0, and a
column is an offset in bytes from the module's beginning.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from caxton.sandbox.dwarf_lines import MAX_FILES, MAX_ROWS, NOWHERE, LineRows

_DIGITS: Final = {
    character: value
    for value, character in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
_MORE: Final = 0x20
_MOST_BITS: Final = 35
_MAX_NUMBER: Final = 0x7FFFFFFF
_MAX_COLUMN: Final = 0xFFFF


class BadMap(ValueError):
    """The text is no source map that is understood here."""


def read_source_map(data: bytes, no_root: str | None = None) -> LineRows:
    """The positions of a source map; addresses are offsets in the module.

    ``no_root``: a ``sourceRoot`` that means nothing, since no source lies there.

    Raises:
        BadMap: there are none.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise BadMap("no JSON") from None
    if not isinstance(found, dict) or found.get("version") != 3 or not isinstance(found.get("mappings"), str):
        raise BadMap("no source map of version 3")
    rows = LineRows()
    files = _files(found, rows, no_root)
    _read_mappings(found["mappings"], files, rows)
    return rows


def _files(found: dict[str, Any], rows: LineRows, no_root: str | None) -> list[int]:
    sources = found.get("sources")
    if not isinstance(sources, list):
        raise BadMap("no list of sources")
    root = found.get("sourceRoot")
    prefix = f"{root.rstrip('/')}/" if isinstance(root, str) and root and root != no_root else ""
    return [_file(source, prefix, rows) for source in sources[:MAX_FILES]]


def _file(source: object, prefix: str, rows: LineRows) -> int:
    # A NUL separates names in a packed table.
    return rows.file(prefix + source) if isinstance(source, str) and source and "\0" not in prefix + source else NOWHERE


def _numbers(text: str) -> Iterator[tuple[int, ...]]:
    """The numbers of each segment of the module's only line.

    Raises:
        BadMap: something is no number.
    """
    line = text[: text.find(";")] if ";" in text else text
    for segment in line.split(","):
        if segment:
            yield segment_numbers(segment)


def segment_numbers(segment: str) -> tuple[int, ...]:
    """The numbers of one segment of a source map's ``mappings``: one, four or five.

    Raises:
        BadMap: it is damaged.
    """
    numbers: list[int] = []
    value = shift = 0
    for character in segment:
        digit = _DIGITS.get(character)
        if digit is None or shift > _MOST_BITS or len(numbers) == 5:
            raise BadMap("the mappings are damaged")
        value |= (digit & (_MORE - 1)) << shift
        if digit & _MORE:
            shift += 5
        else:
            numbers.append(-(value >> 1) if value & 1 else value >> 1)
            value = shift = 0
    if shift or len(numbers) not in (1, 4, 5):
        raise BadMap("the mappings are damaged")
    return tuple(numbers)


def _read_mappings(text: str, files: list[int], rows: LineRows) -> None:
    """Adds a row for each segment; each number in it is the difference from the one before."""
    offset = source = line = column = 0
    for numbers in _numbers(text):
        if len(rows.rows) >= MAX_ROWS:
            return
        offset += numbers[0]
        if not 0 <= offset <= _MAX_NUMBER:
            raise BadMap("the mappings lead nowhere")
        if len(numbers) == 1:
            rows.rows.append((offset, NOWHERE, 0, 0))
            continue
        source, line, column = source + numbers[1], line + numbers[2], column + numbers[3]
        known = 0 <= source < len(files) and 0 <= line < _MAX_NUMBER and column >= 0
        file = files[source] if known else NOWHERE
        # Both count from 0 there, and from 1 in what people read.
        rows.rows.append((offset, file, line + 1, min(column + 1, _MAX_COLUMN)) if known else (offset, NOWHERE, 0, 0))
