"""An MCP server over HTTP that can do everything wrong: bytes on a socket, written by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from caxton.tools.settings import HttpServer


@dataclass
class Request:
    """What came, and where the answer goes."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    writer: asyncio.StreamWriter

    @property
    def wanted(self) -> str:
        """The protocol's method, if it has one."""
        return str(self.body.get("method", "")) if isinstance(self.body, dict) else ""

    @property
    def tool(self) -> str:
        """The tool that is called."""
        return str(self.body["params"]["name"]) if self.wanted == "tools/call" else ""

    def head(self, status: int, length: int | None = None, **headers: str) -> None:
        """Begins an answer; without a length it ends with the connection."""
        lines = [f"HTTP/1.1 {status} Status", *(f"{name.replace('_', '-')}: {text}" for name, text in headers.items())]
        lines.append(f"content-length: {length}" if length is not None else "connection: close")
        self.writer.write("\r\n".join([*lines, "", ""]).encode())

    def answer(self, result: Any, status: int = 200, **headers: str) -> None:
        """A whole answer, as JSON."""
        data = json.dumps({"jsonrpc": "2.0", "id": self.body.get("id"), "result": result}).encode()
        self.head(status, len(data), content_type="application/json", **headers)
        self.writer.write(data)

    def text(self, words: str) -> None:
        """A result with one text."""
        self.answer({"content": [{"type": "text", "text": words}]})


Misbehave = Callable[[Request], Awaitable[bool]]
"""Answers a request in its own way, and says so; else the server answers as it should."""


async def behave(request: Request) -> bool:
    """Leaves it to the server."""
    return False


@dataclass
class Web:
    """The server. ``seen``: the requests that came; ``session``: what it calls the session, "" for none."""

    misbehave: Misbehave = behave
    session: str = "session-1"
    port: int = 0
    seen: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/mcp"

    def settings(self, **more: Any) -> HttpServer:
        """As ``w``."""
        return HttpServer("w", self.url, **more)

    def called(self, tool: str) -> list[Request]:
        """The calls of a tool that came."""
        return [request for request in self.seen if request.tool == tool]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (request := await _read(reader, writer)) is not None:
                self.seen.append(request)
                if not await self.misbehave(request):
                    await self.answer(request)
                await writer.drain()
                if writer.transport.get_protocol() is None:
                    return
        writer.close()

    async def answer(self, request: Request) -> None:
        """As a server should."""
        if request.method == "DELETE":
            request.head(200, 0)
        elif request.method == "GET":
            request.head(405, 0)
        elif request.wanted == "initialize":
            info = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}}
            request.answer(info | {"serverInfo": {"name": "web", "version": "1"}}, Mcp_Session_Id=self.session)
        elif request.wanted == "tools/list":
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in ("echo", "bad")]
            request.answer({"tools": tools})
        elif request.wanted == "tools/call":
            request.text(json.dumps(request.headers))
        elif "id" in request.body:
            request.head(400, 0)
        else:
            request.head(202, 0)


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    first = (await reader.readline()).decode().split()
    if not first:
        return None
    headers: dict[str, str] = {}
    while line := (await reader.readline()).decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    data = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(first[0], first[1], headers, json.loads(data) if data else {}, writer)


@contextlib.asynccontextmanager
async def web(misbehave: Misbehave = behave, session: str = "session-1") -> AsyncIterator[Web]:
    """A server for as long as the block."""
    found = Web(misbehave, session)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await found.serve(reader, writer)
        except asyncio.CancelledError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
