"""The official SDK's client, connected to a host: in the same process, to a child's pipes, or over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client
from mcp.shared.memory import create_client_server_memory_streams
from mcp_types import CallToolResult, TextContent

import caxton
from caxton.serving import AgentServer, Exposed, HttpApp, agent_server, serve_http
from caxton.testing import ManualClock, settle
from tests.cli.command import command
from tests.serving.agents import EXPOSED, spawn_all

ROOT: Final = Path(__file__).resolve().parents[2]
ERAS: Final = ("legacy", "2026-07-28")
"""The two ways in which clients begin: with a handshake, and without one."""

eras: Final = pytest.mark.parametrize("era", ERAS)


class Lab:
    """A host on a clock that stands still, its server, and what the agents have logged."""

    def __init__(self, exposed: Any = EXPOSED, settings: Any = None) -> None:
        self.clock = ManualClock()
        self.logs: list[str] = []
        self.logged = asyncio.Event()
        self.host = caxton.Host(clock=self.clock, log=self._log)
        self._exposed = exposed
        self._settings = settings
        self.server: AgentServer

    def _log(self, agent: str, level: str, line: str) -> None:
        self.logs.append(line)
        self.logged.set()

    async def until_logged(self, line: str) -> None:
        """Waits until an agent has logged this."""
        while line not in self.logs:
            self.logged.clear()
            await self.logged.wait()

    async def settle(self) -> None:
        """Until nothing goes on by itself."""
        await settle(self.host)

    async def elapse(self, seconds: float) -> None:
        """Lets time pass."""
        await self.clock.elapse(self.host, seconds)

    async def __aenter__(self) -> Lab:
        await self.host.__aenter__()
        await spawn_all(self.host)
        self.server = agent_server(self.host, self._exposed, settings=self._settings)
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.host.__aexit__(None, None, None)


@contextlib.asynccontextmanager
async def connected(lab: Lab, era: str, **options: Any) -> AsyncIterator[Client]:
    """A client in this process, which speaks the protocol all the same."""
    async with Client(_streams(lab.server), mode=era, cache=None, **options) as client:
        yield client


@contextlib.asynccontextmanager
async def _streams(server: AgentServer) -> AsyncIterator[Any]:
    async with create_client_server_memory_streams() as (near, far):
        serving = asyncio.ensure_future(server.run(*far, server.create_initialization_options()))
        try:
            yield near
        finally:
            for stream in near:
                await stream.aclose()
            await serving


@contextlib.asynccontextmanager
async def child(config: Path, era: str) -> AsyncIterator[Client]:
    """A client that has started ``caxton mcp``."""
    program, *arguments = command("mcp", str(config))
    parameters = StdioServerParameters(command=program, args=arguments, cwd=str(ROOT))
    async with Client(stdio_client(parameters), mode=era, cache=None) as client:
        yield client


@contextlib.asynccontextmanager
async def served(app: HttpApp) -> AsyncIterator[str]:
    """Serves an application with uvicorn on a free port of this machine; gives its address."""
    from caxton.cli.mcp import Address, listen

    listener = listen(Address("127.0.0.1", 0))
    stop = asyncio.Event()
    task = asyncio.ensure_future(serve_http(app, listener, stop=stop))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    finally:
        stop.set()
        await task
        listener.close()


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what nobody tells of."""
    while not condition():  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0.001)


def text_of(result: CallToolResult) -> str:
    """The text of a result that is one."""
    (found,) = result.content
    assert isinstance(found, TextContent)
    return found.text


def code_of(result: CallToolResult) -> str:
    """The code of a result that is an error."""
    assert result.is_error
    code: str = result.structured_content["error"]["code"]
    assert isinstance(result.content[0], TextContent)
    assert result.content[0].text.startswith(f"{code}: ")
    assert "Traceback" not in str(result)
    return code


def names(exposed: Sequence[Exposed]) -> list[str]:
    """Their names."""
    return [one.agent for one in exposed]
