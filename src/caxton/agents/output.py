"""A guest's standard output and error, written in pieces, as whole lines for the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

LONGEST: Final = 16_384
"""Bytes that are kept for the rest of a line; a longer line becomes several."""


class Lines:
    """Joins pieces to lines, for each level of the log by itself. A line ends with a newline or a carriage return."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[int, bytes] = {}

    def add(self, level: int, piece: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends; empty ones are left out."""
        text = self._open.pop(level, b"") + piece
        lines = text.splitlines()
        if text and text[-1] not in b"\r\n":
            rest = lines.pop()
            if len(rest) > LONGEST:
                lines += [rest[at : at + LONGEST] for at in range(0, len(rest), LONGEST)]
                rest = lines.pop()
            self._open[level] = rest
        return [line for line in lines if line]

    def rest(self) -> Iterator[tuple[int, bytes]]:
        """The lines that have no end, each with its level; they are forgotten."""
        while self._open:
            yield self._open.popitem()
