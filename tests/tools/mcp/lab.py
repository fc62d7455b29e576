"""What the tests of the MCP client share."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from caxton.errors import ToolError
from caxton.host.clock import LoopClock
from caxton.messages import AgentName
from caxton.testing import ManualClock
from caxton.tools.mcp.bounds import Meter
from caxton.tools.mcp.pins import Pins
from caxton.tools.mcp.servers import McpServers
from caxton.tools.provider import Call, no_progress
from caxton.tools.settings import Server, StdioServer

AGENT: Final = AgentName("tester")
HOSTILE: Final = (sys.executable, "-I", "-S", str(Path(__file__).with_name("hostile.py")))


def hostile(*modes: str, name: str = "h", **settings: Any) -> StdioServer:
    """The server of hostile.py, as ``h``."""
    return StdioServer(name, (*HOSTILE, *modes), **settings)


@contextlib.asynccontextmanager
async def serving(
    *servers: Server,
    clock: ManualClock | None = None,
    pins: Pins | None = None,
    expand: Callable[[str], str] = lambda text: text,
    redact: Callable[[bytes], bytes] = lambda data: data,
) -> AsyncIterator[McpServers]:
    """Servers for as long as the block."""
    time = clock or LoopClock(asyncio.get_running_loop())
    found = McpServers(servers, clock=time, pins=pins, expand=expand, redact=lambda _: redact)
    try:
        yield found
    finally:
        await found.close()


async def call(servers: McpServers, tool: str, /, **arguments: Any) -> Any:
    """The result of a call, as data."""
    return json.loads(await servers.call(Call(AGENT, tool, arguments, "")))


async def text(servers: McpServers, tool: str, /, **arguments: Any) -> str:
    """The first text of a result."""
    return str((await call(servers, tool, **arguments))["content"][0]["text"])


async def raw(
    servers: McpServers,
    tool: str,
    arguments: dict[str, Any] | None = None,
    *,
    key: str = "",
    timeout: float | None = None,
    progress: Callable[[float, float | None, str | None], None] = no_progress,
) -> bytes:
    """A call with all that one may have."""
    return await servers.call(Call(AGENT, tool, arguments or {}, key, timeout=timeout, progress=progress))


async def refused(servers: McpServers, tool: str, /, *, timeout: float | None = None, **arguments: Any) -> ToolError:
    """How a call fails."""
    with pytest.raises(ToolError) as caught:
        await raw(servers, tool, arguments, timeout=timeout)
    return caught.value


async def eventually(condition: Callable[[], object], within: float = 100.0) -> None:
    """Until something is so. For what happens in other processes: nothing tells of it."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.002)


def is_alive(pid: int) -> bool:
    """Whether a process is there and no mere entry in the kernel's table."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def notes(path: Path) -> list[dict[str, Any]]:
    """What the hostile server has written down so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def noting(path: Path, **env: str) -> Mapping[str, str]:
    """An environment that makes the hostile server write down what it gets."""
    return {"NOTES": os.fspath(path), **env}


def check_spent(spent: dict[Meter, list[float]], seconds: float) -> None:
    """In so many seconds no more was taken from any meter than it gives, and what was looked at last."""
    assert spent
    for meter, amounts in spent.items():
        assert sum(amounts) <= meter.burst + meter.rate * seconds + max(amounts)
