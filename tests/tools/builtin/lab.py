"""What the tests of the built-in tools share: calls, and small real servers on the loopback interface."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpcore2
import pytest

from caxton.agents.rules import Rule
from caxton.errors import CaxtonError
from caxton.messages import AgentName
from caxton.tools.builtin import BuiltinTools
from caxton.tools.provider import Call
from caxton.tools.settings import ToolSettings

PUBLIC = "93.184.215.14"
"""An address that is public; in tests a door leads from it to the loopback interface."""


def a_call(tool: str, arguments: dict[str, Any], rule: Rule | None = None, agent: str = "alice", **more: Any) -> Call:
    """A call as the registry makes one."""
    rules = () if rule is None else (("*", rule),)
    return Call(AgentName(agent), tool, arguments, more.pop("key", ""), rules=rules, **more)


async def answer(tools: BuiltinTools, call: Call) -> dict[str, Any]:
    """What a call answers: the ``structured`` part, after a look at the whole."""
    found = json.loads(await tools.call(call))
    assert {"content", "structured", "isError"} == set(found)
    assert found["isError"] is False
    assert all("text" == part["type"] and isinstance(part["text"], str) for part in found["content"])
    structured: dict[str, Any] = found["structured"]
    return structured


async def refusal(tools: BuiltinTools, call: Call) -> CaxtonError:
    """The error of a call that must fail."""
    with pytest.raises(CaxtonError) as caught:
        await tools.call(call)
    return caught.value


@asynccontextmanager
async def builtin(settings: ToolSettings | None = None, **more: Any) -> AsyncIterator[BuiltinTools]:
    """Built-in tools that are closed at the end."""
    tools = BuiltinTools(settings or ToolSettings(), **more)
    try:
        yield tools
    finally:
        await tools.close()


@dataclass
class Request:
    """What a server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A server on the loopback interface, what it was asked, and how often it was connected to."""

    port: int = 0
    connections: int = 0
    requests: list[Request] = field(default_factory=list)


Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def response(
    body: bytes = b"", status: str = "200 OK", headers: Sequence[tuple[str, str]] = (), length: bool = True
) -> bytes:
    """A response as it goes over the wire."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def serving(handler: Handler, host: str = "127.0.0.1", tls: Any = None) -> AsyncIterator[Server]:
    """A server that reads requests of HTTP/1.1 and leaves the answer, byte for byte, to ``handler``."""
    served = Server()
    tasks: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            # Cancelled by the end of the test: asyncio would tell of a handler that was.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                request = await _read(reader)
                served.requests.append(request)
                await handler(request, writer)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connected, host, 0, ssl=tls, backlog=1024)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:] if line}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


class Doors:
    """Connections for a ``Network``: to what is behind an address, or to the address itself; all are written down."""

    def __init__(self, behind: dict[str, int] | None = None) -> None:
        self.behind = behind or {}
        self.used: list[str] = []

    async def connect(self, address: str, port: int) -> httpcore2.AsyncNetworkStream:
        """Connects."""
        self.used.append(address)
        backend = httpcore2.AnyIOBackend()
        if address in self.behind:
            return await backend.connect_tcp("127.0.0.1", self.behind[address])
        return await backend.connect_tcp(address, port)


class Names:
    """A resolver whose answers are given: one after the other, the last one for ever."""

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._answers = {name: list(several) for name, several in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Answers, or raises ``OSError``."""
        self.asked.append(host)
        several = self._answers.get(host)
        if not several:
            raise OSError("no such name")
        return several.pop(0) if len(several) > 1 else several[0]
