"""A call's arguments for the eyes of a person who is to agree to them.

They are an agent's: they may be long, to push what matters out of sight, and may hold what moves a terminal's cursor.
So every text and every list is shortened by itself, as far as it takes to show the names of all arguments; and nothing
that is left can control a terminal, or lay out its screen with blanks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from caxton.text import safe

PREVIEW_LIMIT: Final = 4_096
"""Bytes of UTF-8 that a preview has at most."""

MAX_BLANKS: Final = 8
"""Blanks in a row that a line may have on a terminal."""

_BLANKS: Final = re.compile(rf"\s{{{MAX_BLANKS + 1},}}")
_VALUES: Final = 1_000
"""Values that may be looked at; beyond, the line would be too long in any case."""


class TooMuchError(ValueError):
    """The names alone are too many, or too long, for a preview."""


class _Lengths(NamedTuple):
    """Characters of a text and of a name, and items of a list, that are shown."""

    text: int
    name: int
    items: int


_STEPS: Final = (
    _Lengths(200, 64, 20),
    _Lengths(80, 64, 20),
    _Lengths(40, 64, 8),
    _Lengths(24, 40, 3),
    _Lengths(16, 24, 1),
)


def preview(arguments: Mapping[str, Any]) -> tuple[str, bool]:
    """The arguments as one line of JSON, and whether something is missing in it; then the line shows where.

    Objects are shown with all their names, but for those in items that are left out at the end of a list.

    Raises:
        TooMuchError: they do not fit, however short the values become.
    """
    for lengths in _STEPS:
        shortener = _Shortener(lengths)
        try:
            whole = safe(shortener.value(arguments), 1 << 20)
        except TooMuchError:
            continue
        line = without_blanks(whole)
        if len(line.encode()) <= PREVIEW_LIMIT:
            return line, shortener.cut or line != whole
    raise TooMuchError


def without_blanks(text: str) -> str:
    """``text``, where ``[N blanks]`` stands for more than ``MAX_BLANKS`` blanks in a row: a guest could lay out a
    terminal's screen with them, so that the end of a line looks like lines of somebody else's."""
    return _BLANKS.sub(lambda found: f" [{len(found[0]):,} blanks] ", text)


class _Shortener:
    def __init__(self, lengths: _Lengths) -> None:
        self.cut = False
        self._lengths = lengths
        self._left = _VALUES

    def value(self, value: Any) -> str:
        """A value as JSON."""
        self._left -= 1
        if self._left < 0:
            raise TooMuchError
        if isinstance(value, str):
            return self._text(value, self._lengths.text)
        if isinstance(value, list):
            return f"[{_joined(self._items(value))}]"
        if isinstance(value, Mapping):
            # Text, no dictionary: two long names may look the same once they are shortened.
            name = self._lengths.name
            return f"{{{_joined(f'{self._text(key, name)}: {self.value(one)}' for key, one in value.items())}}}"
        shown = json.dumps(value)
        return shown if len(shown) <= self._lengths.text else self._text(shown, self._lengths.text)

    def _items(self, value: list[Any]) -> Iterator[str]:
        yield from map(self.value, value[: self._lengths.items])
        if len(value) > self._lengths.items:
            self.cut = True
            yield _quoted(f"... {len(value) - self._lengths.items:,} more")

    def _text(self, text: str, most: int) -> str:
        if len(text) <= most:
            return _quoted(text)
        self.cut = True
        # Both ends: what a path or an address ends in says as much as what it begins with.
        half = most // 2
        return _quoted(f"{text[:half]} ... {len(text) - 2 * half:,} more ... {text[-half:]}")


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
