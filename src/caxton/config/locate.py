"""On which line each key of a TOML file stands: what Python's own reader does not tell.

A scanner of TOML 1.0's tokens (https://toml.io/en/v1.0.0) that takes whatever the reader takes, and more. It stops
without a word where the text can be no TOML: that error is the reader's to report. It comes before the reader, so that
it can refuse what would keep the reader busy for hours: time and memory grow with the length of the text alone.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from bisect import bisect_right
from typing import Final

from caxton.config.problems import Where

MAX_DEPTH: Final = 40
"""Levels of tables and arrays, dots of keys included. A JSON value may have 32 of its own."""

MAX_DIGITS: Final = 1_000
"""Characters of a whole number. The reader gives up on more than a few thousand digits, and does not say where."""

_MOST_PLACES: Final = 200_000

# Possessive: a string of a megabyte leaves no trail to go back on.
_BLANK: Final = re.compile(r"[ \t]*+")
_SPACE: Final = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_REST: Final = re.compile(r"[ \t\r]*+(?:#[^\n]*+)?(?:\n|\Z)")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]++")
_BASIC: Final = re.compile(r'"(?:[^"\\\n]++|\\.)*+"')
_LITERAL: Final = re.compile(r"'[^'\n]*+'")
_LONG_BASIC: Final = re.compile(r'"""(?:[^"\\]++|\\.|"{1,2}(?!"))*+"{3,5}', re.DOTALL)
_LONG_LITERAL: Final = re.compile(r"'''(?:[^']++|'{1,2}(?!'))*+'{3,5}")
_WHOLE: Final = re.compile(r"[+-]?[0-9_]++")
_OTHER: Final = re.compile(r"[^\[\]{},=\"'#\s](?:[^\[\]{},\"'#\r\n]*[^\[\]{},\"'#\s])?")


class Refused(Exception):
    """What the reader is not to be given: why, and on which ``line``."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(why)
        self.line = line


class _Lost(Exception):
    """Here the text is no TOML."""


class Lines:
    """The lines of a file's keys."""

    def __init__(self, found: dict[Where, int]) -> None:
        self._found = found

    def line(self, where: Where) -> int | None:
        """The line of a key, else of the nearest table or array around it; None where even that is not known."""
        for end in range(len(where), 0, -1):
            line = self._found.get(where[:end])
            if line is not None:
                return line
        return None


def locate(text: str) -> Lines:
    """The lines of all keys, and of items of arrays that begin on other lines than the array.

    Raises:
        Refused: it is nested too deeply, or has a number of too many digits; before anything slow has been done.
    """
    scanner = _Scanner(text)
    with contextlib.suppress(_Lost):
        scanner.document()
    return Lines(scanner.found)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._items: dict[Where, int] = {}
        self.found: dict[Where, int] = {}

    # ---- tokens -----------------------------------------------------------------------------------------------------

    def _line(self) -> int:
        return bisect_right(self._newlines, self._at - 1) + 1

    def _too_deep(self) -> Refused:
        return Refused(f"more than {MAX_DEPTH} levels", self._line())

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _Lost
        self._at = match.end()

    def _take(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._at):
            return False
        self._at += len(sign)
        return True

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise _Lost

    def _token(self, pattern: re.Pattern[str]) -> str:
        start = self._at
        self._skip(pattern)
        return self._text[start : self._at]

    def _key_part(self) -> str:
        first = self._text[self._at : self._at + 1]
        if first == "'":
            return self._token(_LITERAL)[1:-1]
        if first != '"':
            return self._token(_BARE)
        token = self._token(_BASIC)
        if "\\" not in token:
            return token[1:-1]
        try:
            return str(tomllib.loads(f"key = {token}")["key"])
        except ValueError:
            raise _Lost from None

    def _key(self, depth: int) -> list[str]:
        """A key's parts; it ends before what follows it."""
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            parts.append(self._key_part())
            if depth + len(parts) > MAX_DEPTH:
                raise self._too_deep()
            self._skip(_BLANK)
            if not self._take("."):
                return parts

    # ---- the document -----------------------------------------------------------------------------------------------

    def document(self) -> None:
        """Reads all of it."""
        table: Where = ()
        while True:
            self._skip(_SPACE)
            if self._at == len(self._text):
                return
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_REST)

    def _header(self) -> Where:
        line = self._line()
        self._at += 1
        array = self._take("[")
        parts = self._key(0)
        self._expect("]]" if array else "]")
        where: Where = ()
        for part in parts[:-1]:
            where = (*where, part)
            self._note(where, line)
            if where in self._items:  # of an array of tables, it is about the last one
                where = (*where, self._items[where])
        where = (*where, parts[-1])
        if not array:
            self.found[where] = line  # what a longer header has said of it before was in passing
            return where
        self._note(where, line)
        self._items[where] = self._items.get(where, -1) + 1
        where = (*where, self._items[where])
        self.found[where] = line
        return where

    def _note(self, where: Where, line: int) -> None:
        if len(self.found) < _MOST_PLACES:
            self.found.setdefault(where, line)

    def _pair(self, table: Where) -> None:
        """``key = value``, in a table or an inline one."""
        line = self._line()
        where = table
        for part in self._key(len(table)):
            where = (*where, part)
            self._note(where, line)
        self._expect("=")
        self._skip(_BLANK)
        self._value(where, line)

    def _value(self, where: Where, line: int) -> None:
        """A value; ``line`` is that of the key or the array that it belongs to."""
        if len(where) > MAX_DEPTH:
            raise self._too_deep()
        text, at = self._text, self._at
        here = self._line()
        if here != line:
            self._note(where, here)
        if text.startswith('"', at):
            self._skip(_LONG_BASIC if text.startswith('"""', at) else _BASIC)
        elif text.startswith("'", at):
            self._skip(_LONG_LITERAL if text.startswith("'''", at) else _LITERAL)
        elif text.startswith("[", at):
            self._array(where, here)
        elif text.startswith("{", at):
            self._inline(where)
        else:
            token = self._token(_OTHER)
            if len(token) > MAX_DIGITS and _WHOLE.fullmatch(token):
                raise Refused(f"a number of more than {MAX_DIGITS:,} digits", here)

    def _array(self, where: Where, line: int) -> None:
        self._at += 1
        number = 0
        while True:
            self._skip(_SPACE)
            if self._take("]"):
                return
            self._value((*where, number), line)
            number += 1
            self._skip(_SPACE)
            if not self._take(","):
                self._expect("]")
                return

    def _inline(self, where: Where) -> None:
        self._at += 1
        while True:
            self._skip(_SPACE)  # TOML 1.0 has an inline table on one line; later versions do not mind
            if self._take("}"):
                return
            self._pair(where)
            self._skip(_SPACE)
            if not self._take(","):
                self._expect("}")
                return
