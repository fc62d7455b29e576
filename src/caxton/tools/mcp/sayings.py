"""What a server writes to its standard error, without secrets, also without those that lie across its lines.

Programs fold long lines, in the middle of whatever it is, and print secrets that have lines themselves. So the last
lines wait until more has come, or nothing has come for a while: then it is known whether they go on. What lies across
lines makes one line of them.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from caxton.tools.mcp.bounds import Overlong
from caxton.tools.mcp.clean import HELD, Redact, clean_cut

QUIET: Final = 0.2
"""Seconds without a word after which a line does not go on any more."""

_AT_A_TIME: Final = 64
_LONG: Final = 0.005
_REST: Final = 3.0
"""For a second of hard work so many of rest: who writes secrets all the time is to be no burden for others."""

_JOINS: Final = ((b"", False), (b"", True), (b" ", True), (b"\n", False))
"""What may have been between lines before they were folded (in the middle of a word, in a column, between words), or
still is; and whether the spaces around them are the folding's."""


class Sayings:
    """The lines of one server.

    Args:
        redact: takes secrets out.
        say: gets each line that is not empty, clean and without spaces around it.
    """

    def __init__(self, redact: Redact, say: Callable[[bytes], None]) -> None:
        self._redact = redact
        self._say = say
        self._held: list[bytes] = []
        self._known: dict[bytes, bytes] = {}  # lines without their secrets, while they are compared

    @property
    def waits(self) -> bool:
        """Whether there are lines that have not been said."""
        return bool(self._held)

    async def feed(self, lines: Sequence[bytes | Overlong]) -> None:
        """Takes lines."""
        for first in range(0, len(lines), _AT_A_TIME):
            began = time.monotonic()
            self._take(lines[first : first + _AT_A_TIME])
            took = time.monotonic() - began
            await asyncio.sleep(_REST * took if took > _LONG else 0)

    def _take(self, lines: Sequence[bytes | Overlong]) -> None:
        for line in lines:
            self._held.append(line.head if isinstance(line, Overlong) else line)
            if isinstance(line, Overlong):
                *before, last = self._grouped(self._held)
                self._held = before
                self._release(0)
                self._told(clean_cut(self._redact, last))
        self._held = self._grouped(self._held)
        self._known.clear()
        self._release(HELD)

    def flush(self) -> None:
        """Says what has waited."""
        self._release(0)

    def _release(self, kept: int) -> None:
        """Says all but the last ``kept`` bytes."""
        size = sum(len(line) + 1 for line in self._held)
        count = 0
        for line in self._held:
            size -= len(line) + 1
            if size < kept:
                break
            count += 1
            self._told(self._redact(line.strip()))
        del self._held[:count]

    def _told(self, line: bytes) -> None:
        if text := line.strip():
            self._say(text)

    # ---- secrets across lines

    def _grouped(self, lines: list[bytes]) -> list[bytes]:
        """The lines; where a secret lies across some of them, they have become one line. Nothing is taken out before:
        a secret of which a part is another one would not be known any more."""
        if not self._across(lines):
            return lines
        middle = len(lines) // 2
        left, right = self._grouped(lines[:middle]), self._grouped(lines[middle:])
        while right and (met := self._met(left, right)) is not None:
            left, right = met
        return [*left, *right]

    def _met(self, left: list[bytes], right: list[bytes]) -> tuple[list[bytes], list[bytes]] | None:
        """With the fewest lines made into one, about the place where the two meet, which have a secret together."""
        near, ends = left[len(left) - _count(reversed(left)) :], right[: _count(right)]
        if not self._across([*near, *ends]):
            return None
        last = 1 + _first(len(ends) - 1, lambda n: self._across([*near, *ends[: n + 1]]))
        least = _first(len(near), lambda n: self._across([*near[len(near) - n :], *ends[:last]]))
        start = len(left) - least
        return [*left[:start], self._joined([*left[start:], *ends[:last]])], right[last:]

    def _cleaned(self, line: bytes) -> bytes:
        found = self._known.get(line)
        if found is None:
            found = self._known[line] = self._redact(line)
        return found

    def _across(self, lines: list[bytes]) -> bool:
        return len(lines) > 1 and self._joined(lines, "") != b""

    def _joined(self, lines: list[bytes], otherwise: str = " ") -> bytes:
        """One line of those that have a secret together; of others ``otherwise``."""
        for between, strip in _JOINS:
            parts = [line.strip() for line in lines] if strip else lines
            text = between.join(parts)
            found = self._redact(text)
            # In the whole there is another one than there is in its parts.
            if found != text and found != between.join(map(self._cleaned, parts)):
                return text
        return otherwise.encode().join(lines) if otherwise else b""


def _count(lines: Iterable[bytes]) -> int:
    """How many of them a secret may reach into."""
    size = count = 0
    for line in lines:
        count += 1
        size += len(line)
        if size >= HELD:
            break
    return count


def _first(most: int, holds: Callable[[int], bool]) -> int:
    """The first number for which it holds; ``most`` if it is none before that."""
    return bisect_left(range(most), True, key=holds)
