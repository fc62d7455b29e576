"""How much of a server's output the host is ready to look at."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final, NamedTuple

LINE_LIMIT: Final = 16 << 20
"""Bytes of one message from a server."""

SKIP_LIMIT: Final = 64 << 20
"""Bytes of a message beyond that which are read and thrown away before the server is given up."""

VALUES_LIMIT: Final = 250_000
"""Values that one message may hold: each costs many times the bytes that it is written in, and the time to make it."""

TOO_MUCH: Final = f"the answer has more than {LINE_LIMIT} bytes or {VALUES_LIMIT} values"
"""What is said of a message beyond either limit."""

EDGE: Final = 256
"""Bytes that are kept of either end of a line that is too long."""


_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # one that has no end is one to the end


def has_too_many_values(data: bytes, limit: int = VALUES_LIMIT) -> bool:
    """Whether JSON holds more than ``limit`` values (or nearly so), found without reading it: by its commas and
    brackets. Those in strings are looked at only if there are many."""
    if _marks(data) <= limit:
        return False
    if data.count(b'"') - data.count(b'\\"') > 4 * limit:
        return True  # that many strings; the next step would take long for so many
    return _marks(_STRING.sub(b"", data)) > limit


def _marks(data: bytes) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def weight(data: bytes) -> float:
    """What it costs to read a message, about, in units of a small one."""
    return 1.0 + len(data) / 16384 + _marks(data) / 64


class Overlong(NamedTuple):
    """The first and the last bytes of a line that was too long to keep."""

    head: bytes
    tail: bytes


class EndlessLineError(Exception):
    """A line that goes on and on."""


class Lines:
    """Cuts a stream of bytes into lines, without their ends; keeps at most ``limit`` bytes, in time linear in what
    comes in. Of a longer line the first ``head`` bytes are kept, and its end."""

    def __init__(self, limit: int = LINE_LIMIT, skip: int = SKIP_LIMIT, head: int = EDGE) -> None:
        self._limit = limit
        self._most = head
        self._skip = skip
        self._parts: list[bytes] = []
        self._size = 0
        self._head: bytes | None = None  # of the line that is being thrown away
        self._tail = b""

    def feed(self, data: bytes) -> list[bytes | Overlong]:
        """The lines that end in ``data``.

        Raises:
            EndlessLineError: there were ``limit`` and ``skip`` bytes without an end.
        """
        pieces = data.split(b"\n")
        found: list[bytes | Overlong] = []
        for piece in pieces[:-1]:
            self._add(piece)
            found.append(self._line())
        self._add(pieces[-1])
        return found

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._head is not None:
            self._tail = (self._tail + piece[-EDGE:])[-EDGE:]
            if self._size > self._limit + self._skip:
                raise EndlessLineError
        elif self._size > self._limit:
            self._parts.append(piece)
            self._head = b"".join(part[: self._most] for part in self._parts[: self._most])[: self._most]
            self._tail = b"".join(part[-EDGE:] for part in self._parts[-EDGE:])[-EDGE:]
            self._parts.clear()
        elif piece:
            self._parts.append(piece)

    def _line(self) -> bytes | Overlong:
        head, tail, parts = self._head, self._tail, self._parts
        self._parts, self._size, self._head, self._tail = [], 0, None, b""
        if head is not None:
            return Overlong(head, tail)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Meter:
    """A token bucket in real time: ``rate`` a second, ``burst`` at once."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self._now = now
        self._level = burst
        self._at = now()

    def _fill(self) -> None:
        now = self._now()
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now

    def spend(self, amount: float = 1.0) -> float:
        """Takes ``amount``, whether it is there or not; answers the seconds until the bucket is not overdrawn."""
        self._fill()
        self._level -= amount
        return max(0.0, -self._level / self.rate)

    def allows(self, amount: float = 1.0) -> bool:
        """Takes ``amount`` if it is there."""
        self._fill()
        if self._level < amount:
            return False
        self._level -= amount
        return True


class Bounded:
    """Lets so many lines of log through in a time, and says afterwards how many it has kept back."""

    def __init__(self, write: Callable[[str], None], rate: float = 20.0, burst: float = 200.0) -> None:
        self._write = write
        self._meter = Meter(rate, burst)
        self._kept_back = 0

    def __call__(self, text: Callable[[], str]) -> None:
        """Writes a line; ``text`` is called only if it is written."""
        if not self._meter.allows():
            self._kept_back += 1
            return
        if self._kept_back:
            self._write(f"({self._kept_back} lines were kept back)")
            self._kept_back = 0
        self._write(text())


class Events:
    """Cuts a stream of server-sent events into whole events, each with the empty line that ends it. Line ends become
    line feeds; nothing else is changed.

    Raises:
        EndlessLineError: an event has more than ``limit`` bytes, or more values than a message may have.
    """

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._lines = Lines(limit, 0)
        self._event: list[bytes] = []
        self._size = 0
        self._after_return = False

    def feed(self, data: bytes) -> list[bytes]:
        """The events that end in ``data``."""
        if self._after_return and data.startswith(b"\n"):
            data = data[1:]
        self._after_return = data.endswith(b"\r") or (self._after_return and not data)
        found = []
        for line in self._lines.feed(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")):
            if isinstance(line, Overlong):
                raise EndlessLineError
            self._event.append(line)
            self._size += len(line) + 1
            if self._size > self._limit:
                raise EndlessLineError
            if not line:
                found.append(self._whole())
        return found

    def _whole(self) -> bytes:
        event = b"\n".join([*self._event, b""])
        self._event, self._size = [], 0
        if has_too_many_values(event):
            raise EndlessLineError
        return event


class Backoff:
    """When a server that failed may be tried again: after ``first`` seconds, then twice that, up to ``longest``.

    One that was well for ``healthy`` seconds starts over.
    """

    def __init__(self, first: float = 0.1, longest: float = 30.0, healthy: float = 60.0) -> None:
        self._first = first
        self._longest = longest
        self._healthy = healthy
        self._failures = 0
        self._until = float("-inf")

    def failed(self, now: float, lived: float = 0.0) -> None:
        """It could not start, or has ended after ``lived`` seconds."""
        if lived >= self._healthy:
            self._failures = 0
        self._until = now + min(self._first * 2.0 ** min(self._failures, 30), self._longest)
        self._failures += 1

    def left(self, now: float) -> float:
        """Seconds until it may be tried; less than a millisecond is none."""
        left = self._until - now
        return left if left > 1e-3 else 0.0
