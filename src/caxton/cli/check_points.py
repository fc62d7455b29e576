"""The points of ``caxton check``: what the ABI asks of a module, and what was found of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from caxton.errors import CaxtonError

MANY: Final = 1_000
"""Small messages that an agent gets, one after another."""

OK: Final = "ok"
FAILED: Final = "failed"
SKIPPED: Final = "not applicable"

TITLES: Final = {
    "file": "the file can be read",
    "valid": "it is valid WebAssembly",
    "imports": "the host has its imports",
    "exports": "it has the exports of the ABI",
    "buffer": "there is room for messages",
    "start": "it starts within the limits",
    "empty": "it takes an empty message",
    "text": "it takes a text",
    "unicode": "it takes characters of every kind, NUL among them",
    "binary": "it takes bytes that are no text",
    "large": "it takes a message of 1 MiB",
    "long-response": "it gives a response longer than 4 KiB",
    "repeated": f"it takes {MANY:,} messages",
    "memory": f"its memory stays as large over {MANY:,} messages",
    "fuel": "it ends when its fuel is used up, and starts again",
    "stop": "it ends when it is stopped",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that the ABI asks for: ``status`` is ok, failed or not applicable; ``code`` is there when it failed."""

    name: str
    title: str
    status: str
    code: str | None
    detail: str


class Points:
    """What has been found so far. ``error`` is the first failure."""

    def __init__(self) -> None:
        self._found: dict[str, Point] = {}
        self.error: CaxtonError | None = None

    def __iter__(self) -> Iterator[Point]:
        for name, title in TITLES.items():
            yield self._found.get(name) or Point(name, title, SKIPPED, None, "not tried, after what failed before")

    def ok(self, name: str, detail: str = "") -> None:
        """A point that is kept."""
        self._found[name] = Point(name, TITLES[name], OK, None, detail)

    def skip(self, name: str, why: str) -> None:
        """A point that this module has nothing to do with."""
        self._found[name] = Point(name, TITLES[name], SKIPPED, None, why)

    def fail(self, name: str, error: CaxtonError) -> None:
        """A point that is not kept."""
        self._found[name] = Point(name, TITLES[name], FAILED, error.code, error.message)
        self.error = self.error or error
