"""Lines that wait while a person reads a question: nothing of an agent's may come between it and its answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

HELD_LINES: Final = 200
"""Lines that are kept."""

HELD_BYTES: Final = 65_536
"""Bytes of UTF-8 that they may have in sum."""


class Held:
    """Passes lines on, or keeps them as long as they are to wait. From any thread.

    Args:
        write: prints a line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lock = threading.RLock()
        self._lines: list[str] = []
        self._bytes = 0
        self._dropped = 0
        self._waiting = False

    def put(self, line: str) -> None:
        """Prints a line, at once or later; what is too much to keep is counted."""
        with self._lock:
            if not self._waiting:
                self._write(line)
                return
            size = len(line.encode("utf-8", "backslashreplace"))
            if self._dropped or len(self._lines) >= HELD_LINES or self._bytes + size > HELD_BYTES:
                self._dropped += 1
                return
            self._lines.append(line)
            self._bytes += size

    def hold(self) -> None:
        """From now on lines wait."""
        with self._lock:
            self._waiting = True

    def release(self) -> None:
        """Prints those that wait, and says how many are lost."""
        with self._lock:
            lines, dropped = self._lines, self._dropped
            self._lines, self._bytes, self._dropped, self._waiting = [], 0, 0, False
            for line in lines:
                self._write(line)
            if dropped:
                self._write(f"caxton: warning: {dropped:,} lines were lost, which came while a question was open")
