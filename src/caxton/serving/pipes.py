"""Standard input and output as a client's wire: bounded, and given up at once when it is time.

The SDK's own readers block a thread each, which can neither be interrupted nor bounded. Here the event loop waits
until a descriptor is ready and moves no more than it will take.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

MOST_BUFFERED: Final = 8 << 20
"""Bytes that wait for a client that does not read. With more, nothing new is read from it either."""

_READ: Final = 64 * 1024
_QUIET: Final = 50
"""Rounds of the event loop in which nothing was written; a message takes some ten through the SDK."""

_log = logging.getLogger("caxton.serving")


class Wire:
    """Lines from one descriptor, text to another; what ``stdio_server`` of the SDK takes for its two files.

    Args:
        reader, writer: descriptors. They stay in blocking mode, since others may share them.
        longest: bytes of a line; a longer one is thrown away, with a warning.
        before_end: is awaited between the last line and the end.
        refuse: what a line (None: one that was too long) is answered here; None: nothing, and the line goes on.
    """

    def __init__(
        self,
        reader: int,
        writer: int,
        longest: int,
        before_end: Callable[[], Awaitable[None]],
        refuse: Callable[[str | None], str | None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._before_end = before_end
        self._refuse = refuse
        self._lines = Lines(longest)
        self._news = asyncio.Event()  # something to read, room for more, or the end
        self._readable = False
        self._ended = False
        self._output = bytearray()
        self._written = 0
        self._waiting = False  # for the descriptor to take more
        self._gone = False
        self._room = asyncio.Event()
        self._room.set()
        self._empty = asyncio.Event()
        self._empty.set()

    def end(self) -> None:
        """Reads nothing more."""
        self._ended = True
        self._news.set()

    # ---- in -------------------------------------------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[str]:
        while await self._has_input():
            data = self._read()
            if not data:
                break
            for line in self._lines.split(data):
                answer = self._refuse(line)
                if answer:
                    await self.write(answer)
                elif answer is None and line is not None:
                    yield line
        await self._quiet()
        await self._before_end()
        await self._quiet()

    async def _has_input(self) -> bool:
        """Waits until there is something to read, and room for what it leads to; False at the end."""
        loop = asyncio.get_running_loop()
        self._readable = False
        try:
            loop.add_reader(self._reader, self._on_readable)
        except OSError:  # a file is always ready
            self._readable = True
            await asyncio.sleep(0)
        try:
            while not self._ended and not (self._readable and self._room.is_set()):
                self._news.clear()
                await self._news.wait()
        finally:
            loop.remove_reader(self._reader)
        return not self._ended

    def _on_readable(self) -> None:
        asyncio.get_running_loop().remove_reader(self._reader)
        self._readable = True
        self._news.set()

    def _read(self) -> bytes:
        try:
            return os.read(self._reader, _READ)
        except OSError as error:  # a terminal that is gone, say
            _log.debug("standard input: %s", error)
            return b""

    async def _quiet(self) -> None:
        """Waits until nothing new is written: the last messages are still in the SDK's queues, either way."""
        rounds, seen = 0, -1
        while rounds < _QUIET and not self._waiting:
            rounds, seen = (rounds + 1, seen) if self._written == seen else (0, self._written)
            await asyncio.sleep(0)

    # ---- out ------------------------------------------------------------------------------------------------------

    async def write(self, text: str) -> None:
        """Takes text; waits while too much of what was taken before is still here."""
        await self._room.wait()
        if self._gone:
            return
        self._output += text.encode("utf-8")
        self._written += 1
        if not self._waiting:
            self._push()

    async def flush(self) -> None:
        """Nothing: what can be written is, at once."""

    async def finish(self, within: float) -> None:
        """Waits until everything is written, for ``within`` seconds at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), within)

    def give_up(self) -> None:
        """Writes nothing more."""
        self._gone = True
        self._output.clear()
        self._note_room()

    def _push(self) -> None:
        """Writes what there is room for. A pipe that is ready takes PIPE_BUF bytes without blocking."""
        try:
            while self._output and select.select([], [self._writer], [], 0)[1]:
                del self._output[: os.write(self._writer, self._output[: select.PIPE_BUF])]
        except OSError as error:  # nobody reads any more: as good as the end of input
            _log.debug("standard output: %s", error)
            self.give_up()
            self.end()
            return
        self._note_room()

    def _note_room(self) -> None:
        loop = asyncio.get_running_loop()
        left = bool(self._output)
        if left and not self._waiting:
            loop.add_writer(self._writer, self._push)
        elif not left and self._waiting:
            loop.remove_writer(self._writer)
        self._waiting = left
        _set(self._empty, not left)
        _set(self._room, len(self._output) <= MOST_BUFFERED)
        self._news.set()


def _set(event: asyncio.Event, value: bool) -> None:
    if value:
        event.set()
    else:
        event.clear()


class Lines:
    """Cuts bytes into lines of at most ``longest`` bytes."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._begun = bytearray()
        self._skipping = False

    def split(self, data: bytes) -> list[str | None]:
        """The lines that end in ``data``; the first may have begun before it. What is not UTF-8 is replaced; None
        stands in the place of one that is too long."""
        *ends, rest = data.split(b"\n")
        found: list[str | None] = []
        for end in ends:
            self._extend(end)
            found.append(None if self._skipping else self._begun.decode("utf-8", "replace"))
            self._begun.clear()
            self._skipping = False
        self._extend(rest)
        return found

    def _extend(self, data: bytes) -> None:
        if self._skipping:
            return
        if len(self._begun) + len(data) > self._longest:
            _log.warning("a message of more than %d bytes is thrown away", self._longest)
            self._begun.clear()
            self._skipping = True
        else:
            self._begun += data


class Claimed:
    """This process's standard input and output, for one user alone: a context manager.

    Inside, whoever else reads standard input finds its end, and whoever prints does so on standard error.
    ``reader`` and ``writer`` are the real ones.
    """

    def __enter__(self) -> Claimed:
        self.reader, self.writer = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        _flush()  # what was printed before is no part of the protocol either
        return self

    def __exit__(self, *_: object) -> None:
        _flush()
        for private, public in ((self.reader, 0), (self.writer, 1)):
            os.dup2(private, public)
            os.close(private)


def _flush() -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
