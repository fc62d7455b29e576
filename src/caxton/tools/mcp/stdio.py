"""The transport to a server that is a child process: its streams as the SDK wants them, bounded.

The SDK has one of its own. That keeps a line without end in memory, at a cost that grows with its square, reads a flood
as fast as it comes, and leaves a server running whose host was killed. Messages are made and read by the SDK here too.
"""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from types import TracebackType
from typing import Any, Final

from anyio import BrokenResourceError, EndOfStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from caxton.text import safe_bytes
from caxton.tools.mcp.bounds import (
    EDGE,
    LINE_LIMIT,
    Bounded,
    EndlessLineError,
    Lines,
    Overlong,
    has_too_many_values,
    weight,
)
from caxton.tools.mcp.clean import clean_cut
from caxton.tools.mcp.process import CHUNK, Process, Program
from caxton.tools.mcp.traffic import Traffic
from caxton.tools.mcp.wire import Wire

BACKLOG: Final = 16 << 20
"""Bytes that wait for a server to read its input. Beyond that, calls fail."""

_AT_A_TIME: Final = 16
PATIENCE: Final = 1_000
"""Lines in a row that are no messages, before a server is given up: some print to the wrong stream."""

_LAST_WORDS: Final = 0.3


class StdioWire(Wire):
    """One connection: the process and its two streams."""

    def __init__(self, program: Program, log: Bounded) -> None:
        super().__init__()
        self._program = program
        self._log = log
        self._process: Process | None = None

    async def __aenter__(self) -> tuple[Reader, Writer]:
        self._process = await Process.start(self._program, self._log)
        traffic = Traffic()
        return Reader(self, self._process, traffic, self._log), Writer(self._process.stdin, traffic)

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        await self._process.stop()

    @property
    def stuck(self) -> bool:
        """Whether the server does not read what it is sent."""
        return self._process is not None and _backlog(self._process.stdin) > BACKLOG

    def name_garbage(self, line: bytes | Overlong) -> str:
        """A line that is no message, for the log and for errors."""
        start = line.head if isinstance(line, Overlong) else line[:CHUNK]
        redact, was_cut = self._program.redact, isinstance(line, Overlong) or len(line) > CHUNK
        return safe_bytes(clean_cut(redact, start) if was_cut else redact(start), 200)


class Reader:
    """The stream of messages from a server (the SDK's ``ReadStream``)."""

    def __init__(self, wire: StdioWire, process: Process, traffic: Traffic, log: Bounded) -> None:
        self._wire = wire
        self._process = process
        self._traffic = traffic
        self._log = log
        self._read = jsonrpc_message_adapter.validate_json
        self._lines = Lines(head=CHUNK)
        self._ready: deque[bytes | Overlong] = deque()
        self._in_a_row = 0
        self._garbage = 0

    def __aiter__(self) -> Reader:
        return self

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise EndOfStream from None

    async def __anext__(self) -> SessionMessage | Exception:
        while True:
            while self._ready:
                line = self._ready.popleft()
                message = self._message(line)
                pause = self._traffic.delay(message.message if message else None, functools.partial(_cost, line))
                self._in_a_row += 1
                if pause > 0 or self._in_a_row >= _AT_A_TIME:
                    self._in_a_row = 0  # others have their turn
                    await asyncio.sleep(pause)
                if message is not None:
                    return message
            if not await self._more():
                raise StopAsyncIteration

    async def _more(self) -> bool:
        """Reads on; answers False when there is no more to come."""
        if self._garbage > PATIENCE:
            return self._wire.end(f"it does not speak MCP: {self._wire.trouble}")
        chunk = await self._process.stdout.read(CHUNK)
        self._in_a_row = 0
        try:
            self._ready.extend(self._lines.feed(chunk))
        except EndlessLineError:
            return self._wire.end("it wrote a line without end")
        if chunk:
            return True
        return self._wire.end(_last_words(await self._process.ended(_LAST_WORDS), self._process.last_error))

    def _message(self, line: bytes | Overlong) -> SessionMessage | None:
        if not isinstance(line, Overlong) and has_too_many_values(line):
            line = Overlong(line[:CHUNK], line[-EDGE:])
        if not isinstance(line, Overlong):
            try:
                message = SessionMessage(self._read(line, by_name=False))
            except ValueError:
                if not line.strip():
                    return None
            else:
                self._garbage = 0
                return message
        self._note_garbage(line)
        return self._traffic.refusal(line)

    def _note_garbage(self, line: bytes | Overlong) -> None:
        self._garbage += 1
        self._wire.trouble = f"it wrote '{self._wire.name_garbage(line)}'"
        self._log(lambda: f"no message: {self._wire.name_garbage(line)}")

    async def aclose(self) -> None:
        """Nothing is kept."""

    async def __aenter__(self) -> Reader:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Writer:
    """The stream of messages to a server (the SDK's ``WriteStream``). It never waits: what a server does not read is
    kept, up to a limit."""

    def __init__(self, pipe: asyncio.StreamWriter, traffic: Traffic) -> None:
        self._pipe = pipe
        self._traffic = traffic

    async def send(self, item: SessionMessage, /) -> None:
        """Sends a message.

        Raises:
            anyio.BrokenResourceError: the server has gone, or does not read.
        """
        if self._pipe.transport.is_closing() or _backlog(self._pipe) > 2 * BACKLOG:
            raise BrokenResourceError
        self._traffic.sent(item.message)
        self._pipe.write(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")

    async def aclose(self) -> None:
        """The process closes its input when it is stopped."""

    async def __aenter__(self) -> Writer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def _cost(line: bytes | Overlong) -> float:
    return weight(line) if isinstance(line, bytes) else LINE_LIMIT / 1024


def _backlog(pipe: asyncio.StreamWriter) -> int:
    transport: Any = pipe.transport
    return int(transport.get_write_buffer_size())


def _last_words(status: int | None, last_error: str) -> str:
    if status is None:
        return "it closed its output"
    ended = f"it was ended by signal {status - 128}" if status > 128 else f"it ended with status {status}"
    return f"{ended}: {last_error}" if last_error else ended
